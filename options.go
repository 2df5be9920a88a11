package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// options are what the command line says: nginx's flags, and -k and -i for
// what keepalived's command line would say.
type options struct {
	help, version, configure bool   // -h, -v, -V
	test, dump, quiet        bool   // -t, -T, -q
	signal                   string // -s
	prefix                   string // -p, ends in "/"
	conf                     string // -c
	errorLog                 string // -e
	globals                  string // -g
	keepalived               string // -k: "" for the default file, if it exists
	configID                 string // -i
}

// The places of Debian's nginx, where most boxes have their files. With -p,
// relative names count from there, as in nginx built from source.
const (
	defaultPrefix     = "/usr/share/nginx/"
	defaultConf       = "/etc/nginx/nginx.conf"
	defaultErrorLog   = "/var/log/nginx/error.log"
	defaultAccessLog  = "/var/log/nginx/access.log"
	defaultPID        = "/run/nginx.pid"
	defaultTempRoot   = "/var/lib/nginx/"
	defaultKeepalived = "/etc/keepalived/keepalived.conf"
	defaultConfigID   = "tandem"
)

// parseOptions reads the command line as nginx does: flags may be joined, and
// a value may follow its letter at once.
func parseOptions(args []string) (*options, error) {
	o := &options{configID: defaultConfigID}
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
	return o, o.complete()
}

// value returns where the value of a letter goes, and what nginx calls it.
func (o *options) value(letter byte) (into *string, what string) {
	switch letter {
	case 'p':
		return &o.prefix, "directory name"
	case 'e':
		return &o.errorLog, "file name"
	case 'c':
		return &o.conf, "file name"
	case 'g':
		return &o.globals, "parameter"
	case 's':
		return &o.signal, "parameter"
	case 'k':
		return &o.keepalived, "file name"
	case 'i':
		return &o.configID, "config id"
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

// complete fills in what the command line left out and makes names absolute.
func (o *options) complete() error {
	if o.prefix == "" {
		o.prefix = defaultPrefix
		o.conf = orDefault(o.conf, defaultConf)
		o.errorLog = orDefault(o.errorLog, defaultErrorLog)
	} else {
		full, err := filepath.Abs(o.prefix)
		if err != nil {
			return errors.New("getcwd() failed")
		}
		o.prefix = strings.TrimRight(full, "/") + "/"
		o.conf = orDefault(o.conf, "conf/nginx.conf")
		o.errorLog = orDefault(o.errorLog, "logs/error.log")
	}
	o.conf = o.path(o.conf)
	if o.errorLog != "stderr" {
		o.errorLog = o.path(o.errorLog)
	}
	if o.keepalived != "" {
		o.keepalived = o.path(o.keepalived)
	} else if _, err := os.Stat(defaultKeepalived); err == nil {
		o.keepalived = defaultKeepalived
	}
	return nil
}

func orDefault(s, dflt string) string {
	if s == "" {
		return dflt
	}
	return s
}

// path returns the full name of a file that is relative to the prefix.
func (o *options) path(name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return o.prefix + name
}

// pidFile and accessLog are the defaults of the pid and access_log directives.
func (o *options) pidFile() string {
	if o.prefix == defaultPrefix {
		return defaultPID
	}
	return o.prefix + "logs/nginx.pid"
}

func (o *options) accessLog() string {
	if o.prefix == defaultPrefix {
		return defaultAccessLog
	}
	return o.prefix + "logs/access.log"
}

// tempFolder returns the full name of a default folder for temporary files:
// "proxy_temp" below the prefix, or where Debian has it.
func (o *options) tempFolder(name string) string {
	if o.prefix == defaultPrefix {
		return defaultTempRoot + strings.TrimPrefix(strings.TrimSuffix(name, "_temp"), "client_")
	}
	return o.prefix + name
}
