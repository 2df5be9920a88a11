package command

import (
	"fmt"
	"strings"

	"tandem/node/configuration"
)

// options are what a command line says.
type options struct {
	help, version, configure bool   // -h, -v, -V
	aloud                    bool   // --help, --version: on standard output
	test, dump, quiet        bool   // -t, -T, -q
	signal                   string // -s

	configuration.Source // -p, -c, -e, -g, -k, -i

	keepalived keepalivedOptions // what keepalived's command line says beside
}

// signals are the words after -s, and commands of their own: what is told to a
// running process.
var signals = []struct{ name, help string }{
	{"stop", "end at once"},
	{"quit", "end when the requests under way are answered"},
	{"reopen", "open the log files again"},
	{"reload", "read both files again"},
	{"demote", "hand the virtual addresses over, stay up as backup"},
	{"promote", "end that, and take them back"},
}

func knownSignal(name string) bool {
	for _, s := range signals {
		if s.name == name {
			return true
		}
	}
	return false
}

// nginxLine is nginx's command line, with -k and -i for what keepalived's would
// say, and the long names that everybody tries first.
var nginxLine = commandLine{
	options: []option{
		{letter: '?', help: "this help", set: setFlag(helpOption, versionOption)},
		{letter: 'h', help: "this help", set: setFlag(helpOption, versionOption)},
		{long: "help", help: "this help, on standard output", set: setFlag(helpOption, versionOption, aloud)},
		{letter: 'v', help: "show version and exit", set: setFlag(versionOption)},
		{long: "version", help: "show version, on standard output", set: setFlag(versionOption, aloud)},
		{letter: 'V', help: "show version and configure options then exit",
			set: setFlag(versionOption, func(o *options) *bool { return &o.configure })},
		{letter: 't', help: "test both configuration files and exit", set: setFlag(testOption)},
		{letter: 'T', help: "test configuration, dump it and exit",
			set: setFlag(testOption, func(o *options) *bool { return &o.dump })},
		{letter: 'q', help: "suppress non-error messages during configuration testing",
			set: setFlag(func(o *options) *bool { return &o.quiet })},
		{letter: 's', value: "signal", requires: "parameter", help: "send signal to a running tandem: stop, quit, reopen, reload,\n" +
			"demote (hand the virtual addresses over, stay up as backup),\npromote (end that, and take them back)",
			set: setText(func(o *options) *string { return &o.signal })},
		{letter: 'p', value: "prefix", requires: "directory name", help: "set prefix path (default: " + configuration.DefaultPrefix + ")",
			set: setText(func(o *options) *string { return &o.Prefix })},
		{letter: 'e', value: "filename", requires: "file name", help: "set error log file (default: " + configuration.DefaultErrorLog + ")",
			set: setText(func(o *options) *string { return &o.ErrorLog })},
		{letter: 'c', value: "filename", requires: "file name", help: "set nginx.conf (default: " + configuration.DefaultNginx + ")",
			set: setText(func(o *options) *string { return &o.Nginx })},
		{letter: 'g', value: "directives", requires: "parameter", help: "set global directives out of configuration file",
			set: setText(func(o *options) *string { return &o.Globals })},
		{letter: 'k', value: "filename", requires: "file name", help: "set keepalived.conf (default: " + configuration.DefaultKeepalived + ",\n" +
			"if it exists; without one tandem is a plain web server)",
			set: setText(func(o *options) *string { return &o.Keepalived })},
		{letter: 'i', value: "id", requires: "config id", help: "set the config id for @id lines of keepalived.conf\n(default: " + configuration.DefaultID + ")",
			set: setText(func(o *options) *string { return &o.ConfigID })},
	},
	unknown: func(as string) error { return fmt.Errorf("invalid option: \"%s\"", strings.TrimPrefix(as, "-")) },
	missing: func(as string, o *option) error { return fmt.Errorf("option \"%s\" requires %s", as, o.requires) },
	word:    func(_ *options, word string) error { return fmt.Errorf("invalid option: %q", word) },
}

func aloud(o *options) *bool         { return &o.aloud }
func helpOption(o *options) *bool    { return &o.help }
func versionOption(o *options) *bool { return &o.version }
func testOption(o *options) *bool    { return &o.test }

// parseOptions reads the command line as nginx does.
func parseOptions(args []string, modules configuration.Modules) (*options, error) {
	o := &options{Source: configuration.Source{ConfigID: configuration.DefaultID, Modules: modules}}
	if err := nginxLine.read(args, o); err != nil {
		return nil, err
	}
	if o.signal != "" && !knownSignal(o.signal) {
		return nil, fmt.Errorf("invalid option: \"-s %s\"", o.signal)
	}
	return o, o.Complete()
}
