# Put before a check script: what asks for nginx or keepalived is answered here, everything else goes to the program
# itself. Before it stand: _t_nginx (true, false, or real where nginx is another program), _t_pid and _t_comm of the
# process that takes their place, _t_hide, a pattern for the lines of ps that are about them.
unset TANDEM_SCRIPT

# _t_asked WORDS sets whom they ask for and whether it is up, or fails.
_t_asked() {
	case "$*" in
	*nginx* | *'[n]ginx'* | *'ngin[x]'*) _t_name=nginx _t_up=$_t_nginx ;;
	*keepalived* | *'[k]eepalived'*) _t_name=keepalived _t_up=true ;;
	*) return 1 ;;
	esac
	[ "$_t_up" != real ]
}

# Who ends keepalived wants the node to let go: the check has failed. nginx is not ended.
_t_end() {
	[ "$_t_name" = nginx ] && return 0
	echo "$0: ends keepalived, which is a failure of the check here" >&2
	exit 1
}

_t_signal() {
	case " $* " in
	*' -0 '* | *' -s 0 '* | *' -s0 '* | *'-signal 0 '* | *'-signal=0 '*) $_t_up ;;
	*) _t_end ;;
	esac
}

killall() {
	_t_asked "$@" || { command killall "$@"; return; }
	_t_signal "$@"
}

pkill() {
	_t_asked "$@" || { command pkill "$@"; return; }
	_t_signal "$@"
}

# The number that is given is one that no process has: who sends it a signal ends nobody.
_t_none=4194305

pidof() {
	_t_asked "$@" || { command pidof "$@"; return; }
	$_t_up && echo $_t_none
}

pgrep() {
	_t_asked "$@" || { command pgrep "$@"; return; }
	case " $* " in
	*' -c '* | *' --count '*) $_t_up && echo 1 || { echo 0; return 1; } ;;
	*' -l '* | *' -a '* | *' -fl '* | *' -lf '* | *' -af '* | *' -fa '*) $_t_up && echo "$_t_none $_t_name" ;;
	*) $_t_up && echo $_t_none ;;
	esac
}

kill() {
	case " $* " in *" $_t_pid "* | *" $_t_none "*) ;; *) command kill "$@"; return ;; esac
	case " $* " in *' -0 '* | *' -s 0 '*) return 0 ;; esac
	_t_name=keepalived
	_t_end
}

ps() {
	case " $* " in
	*" $_t_pid "* | *" $_t_none "*) _t_name=nginx _t_up=true ;;
	*)
		if ! _t_asked "$@"; then
			case " $* " in *' -p'* | *' p '* | *'-pid'* | *' -C '*) command ps "$@"; return ;; esac
			command ps "$@" | command grep -v "$_t_hide"
			[ "$_t_nginx" = true ] && _t_line nginx "$*"
			_t_line keepalived "$*"
			return 0
		fi
		;;
	esac
	case " $* " in
	*=* | *' --no-h'* | *' h '* | *' -h '*) ;;
	*) echo '    PID TTY          TIME CMD' ;;
	esac
	$_t_up || return 1
	case "$*" in
	*-o*pid*) echo $_t_none ;;
	*-o*) echo $_t_name ;;
	*) _t_line $_t_name '' && _t_line $_t_name '' ;;
	esac
}

# _t_line NAME OPTIONS is a line of ps.
_t_line() {
	case "$2" in
	*aux* | *-ef* | *-aux* | *-eaf* | *-elf* | *xu*) echo "root $_t_none 1 0 00:00 ? 00:00:00 $1: master process $1" ;;
	*) echo "     $_t_none ?        00:00:00 $1" ;;
	esac
}

systemctl() {
	_t_asked "$@" || { command systemctl "$@"; return; }
	$_t_up && _t_state='active' _t_sub=running _t_code=0 || { _t_state=inactive _t_sub=dead _t_code=3; }
	case " $* " in
	*' is-active '* | *' is-failed '*)
		case " $* " in *' -q '* | *' --quiet '*) ;; *) echo $_t_state ;; esac
		case " $* " in *' is-failed '*) ! $_t_up ;; *) return $_t_code ;; esac
		;;
	*' status '*)
		echo "* $_t_name.service - tandem in its place"
		echo "     Active: $_t_state ($_t_sub)"
		return $_t_code
		;;
	*' show '*)
		case " $* " in
		*' --value '*) case "$*" in *SubState*) echo $_t_sub ;; *) echo $_t_state ;; esac ;;
		*) echo "ActiveState=$_t_state" && echo "SubState=$_t_sub" ;;
		esac
		;;
	*' is-enabled '*) echo enabled ;;
	*' stop '* | *' kill '*) _t_end ;;
	*) $_t_up ;;
	esac
}

service() {
	_t_asked "$@" || { command service "$@"; return; }
	case " $* " in
	*' status '*)
		$_t_up && { echo "$_t_name is running"; return 0; }
		echo "$_t_name is stopped"
		return 3
		;;
	*' stop '*) _t_end ;;
	*) $_t_up ;;
	esac
}

nginx() {
	[ "$_t_nginx" = real ] && { command nginx "$@"; return; }
	case " $* " in
	*' -t '* | *' -T '* | *' -v '* | *' -V '* | *' -s '*) return 0 ;;
	esac
	$_t_nginx
}

_t_sockets() {
	case $_t_nginx in
	true) command "$@" | command sed "s/$_t_comm/nginx/g" ;;
	false) command "$@" | command grep -v "$_t_comm" ;;
	*) command "$@" ;;
	esac
}

ss() { _t_sockets ss "$@"; }
netstat() { _t_sockets netstat "$@"; }

# What these begin must be found as well.
sudo() {
	_t_asked "$@" || { command sudo "$@"; return; }
	while :; do
		case "$1" in -u | -g) shift 2 ;; -*) shift ;; *) break ;; esac
	done
	"$@"
}

timeout() {
	_t_asked "$@" || { command timeout "$@"; return; }
	while :; do
		case "$1" in -s | -k) shift 2 ;; -*) shift ;; *) break ;; esac
	done
	shift
	"$@"
}
