package command

import (
	"fmt"
	"strings"

	"tandem/node/configuration"
)

// options are what the command line says: nginx's flags, and -k and -i for
// what keepalived's command line would say.
type options struct {
	help, version, configure bool   // -h, -v, -V
	test, dump, quiet        bool   // -t, -T, -q
	signal                   string // -s

	configuration.Source // -p, -c, -e, -g, -k, -i
}

// parseOptions reads the command line as nginx does: flags may be joined, and
// a value may follow its letter at once.
func parseOptions(args []string, modules configuration.Modules) (*options, error) {
	o := &options{Source: configuration.Source{ConfigID: configuration.DefaultID, Modules: modules}}
	for i := 0; i < len(args); i++ {
		word := args[i]
		if !strings.HasPrefix(word, "-") {
			return nil, fmt.Errorf("invalid option: %q", word)
		}
	letters:
		for j := 1; j < len(word); j++ {
			into, what := o.value(word[j])
			if into == nil {
				if !o.flag(word[j]) {
					return nil, fmt.Errorf("invalid option: \"%c\"", word[j])
				}
				continue
			}
			switch rest := word[j+1:]; {
			case rest != "":
				*into = rest
			case i+1 < len(args):
				i++
				*into = args[i]
			default:
				return nil, fmt.Errorf("option \"-%c\" requires %s", word[j], what)
			}
			break letters
		}
	}
	switch o.signal {
	case "", "stop", "quit", "reopen", "reload", "demote", "promote":
	default:
		return nil, fmt.Errorf("invalid option: \"-s %s\"", o.signal)
	}
	return o, o.Complete()
}

// value returns where the value of a letter goes, and what nginx calls it.
func (o *options) value(letter byte) (into *string, what string) {
	switch letter {
	case 'p':
		return &o.Prefix, "directory name"
	case 'e':
		return &o.ErrorLog, "file name"
	case 'c':
		return &o.Nginx, "file name"
	case 'g':
		return &o.Globals, "parameter"
	case 's':
		return &o.signal, "parameter"
	case 'k':
		return &o.Keepalived, "file name"
	case 'i':
		return &o.ConfigID, "config id"
	}
	return nil, ""
}

func (o *options) flag(letter byte) bool {
	switch letter {
	case '?', 'h':
		o.help, o.version = true, true
	case 'v':
		o.version = true
	case 'V':
		o.version, o.configure = true, true
	case 't':
		o.test = true
	case 'T':
		o.test, o.dump = true, true
	case 'q':
		o.quiet = true
	default:
		return false
	}
	return true
}
