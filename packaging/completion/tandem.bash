# Completion of tandem for bash, made from its table of options.
_tandem()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    case $prev in
        -s) COMPREPLY=($(compgen -W 'stop quit reopen reload demote promote' -- "$cur")); return ;;
        -p|-e|-c|-k) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W '-? -h --help -v --version -V -t -T -q -s -p -e -c -g -k -i --json --watch' -- "$cur"))
    elif ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W 'status top dashboard test stop quit reopen reload demote promote certificates cache pair demo help version' -- "$cur"))
    fi
}
complete -F _tandem tandem
_tandem_keepalived()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    case $prev in
        -f|-g|-p|-r|-c|-b|-A|-t) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    esac
    COMPREPLY=($(compgen -W '-f --use-file -P --vrrp -C --check -B --no_bfd --all -l --log-console -D --log-detail -S --log-facility -g --log-file --flush-log-file -G --no-syslog -u --umask -X --release-vips -V --dont-release-vrrp -I --dont-release-ipvs -R --dont-respawn -n --dont-fork -d --dump-conf -p --pid -r --vrrp_pid -c --checkers_pid -b --bfd_pid -a --address-monitoring -x --snmp -A --snmp-agent-socket -s --namespace -m --core-dump -M --core-dump-pattern -e --all-config -i --config-id --signum -t --config-test -T --genhash --perf --debug --no-mem-check --ignore-sigint -v --version -h --help' -- "$cur"))
}
complete -F _tandem_keepalived keepalived
