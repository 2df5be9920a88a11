package command

import (
	"fmt"
	"slices"
	"strings"
)

// words are the commands and options that completion offers.
func completionWords() (commands, flags []string) {
	for _, c := range subcommands() {
		if !strings.HasPrefix(c.name, "-") {
			commands = append(commands, c.name)
		}
	}
	return commands, nginxLine.flags()
}

// flags are the options as they are written, letters and long names.
func (c *commandLine) flags() []string {
	var list []string
	for i := range c.options {
		o := &c.options[i]
		if o.letter != 0 {
			list = append(list, "-"+string(o.letter))
		}
		if o.long != "" {
			list = append(list, "--"+o.long)
		}
	}
	return list
}

// filesAfter are the options whose value is the name of a file.
func (c *commandLine) filesAfter() []string {
	var list []string
	for i := range c.options {
		if o := &c.options[i]; slices.Contains([]string{"filename", "prefix", "FILE"}, o.value) && o.letter != 0 {
			list = append(list, "-"+string(o.letter))
		}
	}
	return list
}

func signalNames() []string {
	var names []string
	for _, s := range signals {
		names = append(names, s.name)
	}
	return names
}

func bashCompletion() string {
	commands, flags := completionWords()
	return fmt.Sprintf(`# Completion of tandem for bash, made from its table of options.
_tandem()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    case $prev in
        -s) COMPREPLY=($(compgen -W '%s' -- "$cur")); return ;;
        %s) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W '%s --json --watch' -- "$cur"))
    elif ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W '%s' -- "$cur"))
    fi
}
complete -F _tandem tandem
_tandem_keepalived()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    case $prev in
        %s) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    esac
    COMPREPLY=($(compgen -W '%s' -- "$cur"))
}
complete -F _tandem_keepalived keepalived
`, strings.Join(signalNames(), " "), strings.Join(nginxLine.filesAfter(), "|"), strings.Join(flags, " "), strings.Join(commands, " "),
		strings.Join(keepalivedLine.filesAfter(), "|"), strings.Join(keepalivedLine.flags(), " "))
}

func zshCompletion() string {
	var b strings.Builder
	b.WriteString("#compdef tandem\n# Completion of tandem for zsh, made from its table of options.\n_arguments -s \\\n")
	for i := range nginxLine.options {
		o := &nginxLine.options[i]
		value := ""
		switch {
		case o.letter == 's':
			value = ":signal:(" + strings.Join(signalNames(), " ") + ")"
		case o.value == "filename":
			value = ":file:_files"
		case o.value == "prefix":
			value = ":folder:_files -/"
		case o.value != "":
			value = ":" + o.value + ":"
		}
		name := "--" + o.long
		if o.letter != 0 {
			name = "-" + string(o.letter)
		}
		first, _, _ := strings.Cut(o.help, "\n")
		fmt.Fprintf(&b, "    '%s[%s]%s' \\\n", name, strings.NewReplacer("'", "", "[", "(", "]", ")", ":", " -").Replace(first), value)
	}
	b.WriteString("    '1:command:((")
	for _, c := range subcommands() {
		if !strings.HasPrefix(c.name, "-") {
			first, _, _ := strings.Cut(c.help, "\n")
			fmt.Fprintf(&b, `%s\:"%s" `, c.name, strings.NewReplacer("'", "", `"`, "", ":", " -").Replace(first))
		}
	}
	b.WriteString("))'\n")
	return b.String()
}

func fishCompletion() string {
	var b strings.Builder
	b.WriteString("# Completion of tandem for fish, made from its table of options.\n")
	plain := strings.NewReplacer("'", "", "\n", " ")
	for _, c := range subcommands() {
		if !strings.HasPrefix(c.name, "-") {
			fmt.Fprintf(&b, "complete -c tandem -n __fish_use_subcommand -f -a %s -d '%s'\n", c.name, plain.Replace(c.help))
		}
	}
	for _, program := range []struct {
		name string
		line *commandLine
	}{{"tandem", &nginxLine}, {"keepalived", &keepalivedLine}} {
		for i := range program.line.options {
			o := &program.line.options[i]
			fmt.Fprintf(&b, "complete -c %s", program.name)
			if o.letter != 0 {
				fmt.Fprintf(&b, " -s '%c'", o.letter)
			}
			if o.long != "" {
				fmt.Fprintf(&b, " -l %s", o.long)
			}
			if o.value != "" && !o.optional {
				b.WriteString(" -r")
			}
			fmt.Fprintf(&b, " -d '%s'\n", plain.Replace(o.help))
		}
	}
	return b.String()
}
