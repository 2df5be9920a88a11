package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"tandem/internal/logfile"
	"tandem/internal/version"
	"tandem/node"
	"tandem/node/configuration"
)

// keepalivedOptions are what keepalived's command line says that nginx's does not.
type keepalivedOptions struct {
	file           string // -f
	foreground     bool   // -n
	console, quiet bool   // -l, -G
	detail         bool   // -D
	facility       string // -S
	logFile        string // -g
	testLog        string // -t=FILE
	pid, vrrpPID   string // -p, -r
	onlyVRRP       bool   // -P
	onlyCheckers   bool   // -C
	namespace      string // -s
	dump           bool   // -d
	umask          int    // -u; -1: not given
	action         func(stdout, stderr io.Writer) int
	warnings       []string // of options that the program goes on without
}

// Exit codes of keepalived, of its main.c.
const (
	exitNoConfig     = 6
	exitConfigCannot = 4
)

func ofKeepalived(field func(*keepalivedOptions) *string) func(*options, string) error {
	return setText(func(o *options) *string { return field(&o.keepalived) })
}

func flagOfKeepalived(field func(*keepalivedOptions) *bool) func(*options, string) error {
	return setFlag(func(o *options) *bool { return field(&o.keepalived) })
}

// idle is the setter of an option that has no effect here; why says so in its help.
func idle(*options, string) error { return nil }

// keepalivedLine is keepalived's command line, as keepalived(8) of 2.2 and 2.4 has it.
var keepalivedLine = commandLine{
	goOn: true,
	options: []option{
		{letter: 'f', long: "use-file", value: "FILE", help: "use the specified configuration file\n(default: " + configuration.DefaultKeepalived + ")",
			set: ofKeepalived(func(k *keepalivedOptions) *string { return &k.file })},
		{letter: 'P', long: "vrrp", help: "only run VRRP", set: flagOfKeepalived(func(k *keepalivedOptions) *bool { return &k.onlyVRRP })},
		{letter: 'C', long: "check", help: "only run health checkers", set: flagOfKeepalived(func(k *keepalivedOptions) *bool { return &k.onlyCheckers })},
		{letter: 'B', long: "no_bfd", help: "do not run BFD", set: idle},
		{long: "all", help: "no effect: there are no child processes to force", set: idle},
		{letter: 'l', long: "log-console", help: "log messages to standard error", set: flagOfKeepalived(func(k *keepalivedOptions) *bool { return &k.console })},
		{letter: 'D', long: "log-detail", help: "detailed log messages", set: flagOfKeepalived(func(k *keepalivedOptions) *bool { return &k.detail })},
		{letter: 'S', long: "log-facility", value: "{0-7|local{0-7}|user|daemon}", help: "set the syslog facility (default: daemon)", set: setFacility},
		{letter: 'g', long: "log-file", value: "FILE", optional: true, help: "write log messages to a file, too (default: keepalived.log)", set: setLogFile},
		{long: "flush-log-file", help: "no effect: each line is written at once", set: idle},
		{letter: 'G', long: "no-syslog", help: "do not log via syslog", set: flagOfKeepalived(func(k *keepalivedOptions) *bool { return &k.quiet })},
		{letter: 'u', long: "umask", value: "MASK", help: "umask for file creation (in numeric form)", set: setUmask},
		{letter: 'X', long: "release-vips", help: "no effect: addresses are always released", set: idle},
		{letter: 'V', long: "dont-release-vrrp", help: "no effect: addresses never stay behind", set: unsupported("addresses and routes are removed when the process stops")},
		{letter: 'I', long: "dont-release-ipvs", help: "no effect", set: idle},
		{letter: 'R', long: "dont-respawn", help: "no effect: there are no child processes", set: idle},
		{letter: 'n', long: "dont-fork", help: "stay in the foreground", set: flagOfKeepalived(func(k *keepalivedOptions) *bool { return &k.foreground })},
		{letter: 'd', long: "dump-conf", help: "log the configuration", set: flagOfKeepalived(func(k *keepalivedOptions) *bool { return &k.dump })},
		{letter: 'p', long: "pid", value: "FILE", help: "pid file (default: " + configuration.KeepalivedPID + ")", set: ofKeepalived(func(k *keepalivedOptions) *string { return &k.pid })},
		{letter: 'r', long: "vrrp_pid", value: "FILE", help: "second pid file, of the same process (default: " + configuration.VRRPPID + ")",
			set: ofKeepalived(func(k *keepalivedOptions) *string { return &k.vrrpPID })},
		{letter: 'c', long: "checkers_pid", value: "FILE", help: "no effect: there is no process of checkers", set: idle},
		{letter: 'b', long: "bfd_pid", value: "FILE", help: "no effect: there is no process of BFD", set: idle},
		{letter: 'a', long: "address-monitoring", help: "no effect", set: idle},
		{letter: 'x', long: "snmp", help: "no agent: see snmp_trap_receiver in docs/reference", set: unsupported("there is no SNMP agent; traps are sent to @tandem snmp_trap_receiver")},
		{letter: 'A', long: "snmp-agent-socket", value: "FILE", help: "no effect", set: idle},
		{letter: 's', long: "namespace", value: "NAME", help: "run in network namespace NAME (overrides net_namespace)",
			set: ofKeepalived(func(k *keepalivedOptions) *string { return &k.namespace })},
		{letter: 'm', long: "core-dump", help: "no effect", set: idle},
		{letter: 'M', long: "core-dump-pattern", value: "PATTERN", optional: true, help: "no effect", set: idle},
		{letter: 'e', long: "all-config", help: "error if any configuration file is missing",
			set: setFlag(func(o *options) *bool { return &o.AllFiles })},
		{letter: 'i', long: "config-id", value: "ID", help: "id of @id lines (default: the host name); lines of\n@" + configuration.DefaultID + " are always read",
			set: setText(func(o *options) *string { return &o.ConfigID })},
		{long: "signum", value: "SIGFUNC", help: "print the number of a signal: STOP, RELOAD, DATA, STATS,\nSTATS_CLEAR, JSON", set: setSignum},
		{letter: 't', long: "config-test", value: "FILE", optional: true, help: "test the configuration and exit; messages go to FILE, or to\nstandard error", set: setTest},
		{letter: 'T', long: "genhash", help: "not supported", set: refuse("genhash is not supported")},
		{long: "perf", value: "{all|run|end}", optional: true, help: "no effect", set: idle},
		{long: "debug", value: "OPTIONS", optional: true, help: "no effect", set: idle},
		{long: "no-mem-check", help: "no effect", set: idle},
		{long: "ignore-sigint", help: "no effect", set: idle},
		{letter: 'v', long: "version", help: "display the version", set: setAction(keepalivedVersion)},
		{letter: 'h', long: "help", help: "display this help", set: setHelp},
	},
	unknown: func(as string) error { return complaint("Unknown option %s", as) },
	missing: func(as string, _ *option) error {
		return complaint("Missing parameter for option %s", strings.TrimSuffix(as, "="))
	},
	word: func(_ *options, word string) error { return complaint("Unexpected argument(s): %s", word) },
}

// complaint is an error in keepalived's words, which begin with a capital.
func complaint(format string, args ...any) error { return fmt.Errorf(format, args...) }

// unsupported is the setter of an option that the program goes on without, and
// says so.
func unsupported(why string) func(*options, string) error {
	return func(o *options, _ string) error {
		o.keepalived.warnings = append(o.keepalived.warnings, why)
		return nil
	}
}

func refuse(why string) func(*options, string) error {
	return func(*options, string) error { return errors.New(why) }
}

// setAction has the program do that and nothing else.
func setAction(do func(stdout, stderr io.Writer) int) func(*options, string) error {
	return func(o *options, _ string) error {
		o.keepalived.action = do
		return errEnough
	}
}

// setHelp is setAction of the help, which is made from the table that this stands in.
func setHelp(o *options, _ string) error {
	o.help = true
	return errEnough
}

func setFacility(o *options, value string) error {
	name := strings.TrimPrefix(value, "local")
	if n, err := strconv.Atoi(name); err == nil && n >= 0 && n <= 7 {
		o.keepalived.facility = "local" + name
		return nil
	}
	if value != "user" && value != "daemon" {
		o.keepalived.warnings = append(o.keepalived.warnings, fmt.Sprintf("Invalid log facility '%s'", value))
		return nil
	}
	o.keepalived.facility = value
	return nil
}

func setLogFile(o *options, value string) error {
	o.keepalived.logFile = value
	if value == "" {
		o.keepalived.logFile = "keepalived.log"
	}
	return nil
}

func setUmask(o *options, value string) error {
	mask, err := strconv.ParseUint(value, 0, 16)
	if err != nil || mask > 0o777 {
		o.keepalived.warnings = append(o.keepalived.warnings, "Invalid --umask option "+value)
		return nil
	}
	o.keepalived.umask = int(mask)
	return nil
}

func setTest(o *options, value string) error {
	o.test, o.keepalived.testLog = true, value
	return nil
}

// signalNumbers are what --signum knows. The last two are real-time signals, as
// glibc counts them, and not free to choose: exporters have the numbers built in.
var signalNumbers = map[string]syscall.Signal{
	"STOP": syscall.SIGTERM, "RELOAD": syscall.SIGHUP, "DATA": syscall.SIGUSR1, "STATS": syscall.SIGUSR2,
	"JSON": node.SignalJSON, "STATS_CLEAR": node.SignalStatsClear,
}

func setSignum(o *options, value string) error {
	number, ok := signalNumbers[value]
	if !ok {
		return complaint("Unknown sigfunc %s", value)
	}
	return setAction(func(stdout, _ io.Writer) int {
		fmt.Fprintln(stdout, int(number))
		return 0
	})(o, "")
}

// keepalivedVersion is -v, in the form that exporters read: the version of
// keepalived that is followed, and what it would have been built with.
func keepalivedVersion(_, stderr io.Writer) int {
	var name unix.Utsname
	_ = unix.Uname(&name)
	fmt.Fprintf(stderr, "Keepalived v%s (tandem/%s)\n\nBuilt by %s%s\nRunning on Linux %s %s\n\n", version.Keepalived, version.Tandem,
		runtime.Version(), revision(), unix.ByteSliceToString(name.Release[:]), unix.ByteSliceToString(name.Version[:]))
	fmt.Fprint(stderr, "configure options: --enable-json --enable-regex --with-init=systemd\n\n"+
		"Config options: NFTABLES VRRP VRRP_AUTH VRRP_VMAC JSON OLD_CHKSUM_COMPAT INIT=systemd SYSTEMD_NOTIFY\n")
	return 0
}

func keepalivedHelp(stdout io.Writer) int {
	fmt.Fprintf(stdout, "Usage: keepalived [OPTION...]\n%s\nThis is tandem %s, as keepalived: it runs keepalived.conf alone. tandem(8) tells of both files.\n",
		keepalivedLine.usage(), version.Tandem)
	return 0
}

// runKeepalived is the program under the name of keepalived.
func runKeepalived(args []string, modules configuration.Modules, stdout, stderr io.Writer) int {
	o := &options{Source: configuration.Source{Modules: modules}, keepalived: keepalivedOptions{umask: -1}}
	err := keepalivedLine.read(args, o)
	if err != nil {
		fmt.Fprintln(stderr, err)
	}
	if o.help {
		return keepalivedHelp(stdout)
	}
	if o.keepalived.action != nil {
		return o.keepalived.action(stdout, stderr)
	}
	if err != nil {
		return 1
	}
	for _, w := range o.keepalived.warnings {
		fmt.Fprintf(stderr, "keepalived: %s\n", w)
	}
	if err := o.asKeepalived(); err != nil {
		fmt.Fprintf(stderr, "keepalived: %v\n", err)
		return 1
	}
	if o.test {
		return testKeepalived(o, stderr)
	}
	if f, err := os.Open(o.Keepalived); err != nil {
		fmt.Fprintf(stderr, "keepalived: Config files missing '%s'.\n", o.Keepalived)
		return exitNoConfig
	} else {
		_ = f.Close()
	}
	return node.Run(&o.Source, stderr)
}

// asKeepalived fills in where everything is, and says in nginx's language what
// keepalived's options say: there is no nginx.conf.
func (o *options) asKeepalived() error {
	k := &o.keepalived
	var errs []error
	name := func(given, otherwise string) string {
		if given == "" {
			return otherwise
		}
		full, err := filepath.Abs(given)
		errs = append(errs, err)
		return full
	}
	o.Keepalived = name(k.file, configuration.DefaultKeepalived)
	pid := name(k.pid, configuration.KeepalivedPID)
	o.Namespace, o.DumpKeepalived = k.namespace, k.dump
	o.KeepalivedOnly = &configuration.KeepalivedOnly{VRRP: k.onlyVRRP || !k.onlyCheckers, Checkers: k.onlyCheckers || !k.onlyVRRP, VRRPPIDFile: name(k.vrrpPID, "")}
	if k.vrrpPID == "" && k.pid == "" {
		o.KeepalivedOnly.VRRPPIDFile = configuration.VRRPPID
	}
	if k.umask >= 0 {
		syscall.Umask(k.umask)
	}
	level := "notice"
	if k.detail {
		level = "info"
	}
	var b strings.Builder
	line := func(target string) { fmt.Fprintf(&b, "error_log %s %s; ", target, level) }
	if k.console {
		line("stderr")
	}
	if _, err := os.Stat("/dev/log"); err == nil && !k.quiet {
		facility := k.facility
		if facility == "" {
			facility = "daemon"
		}
		line("syslog:server=unix:/dev/log,facility=" + facility + ",tag=keepalived,nohostname")
	}
	if k.logFile != "" {
		line(strconv.Quote(name(k.logFile, "")))
	}
	if b.Len() == 0 {
		b.WriteString("error_log /dev/null crit; ")
	}
	daemon := "on"
	if k.foreground {
		daemon = "off"
	}
	fmt.Fprintf(&b, "pid %s; daemon %s;", strconv.Quote(pid), daemon)
	o.Globals = b.String()
	o.Prefix, o.ErrorLog = configuration.DefaultPrefix, "stderr"
	return errors.Join(errs...)
}

// testKeepalived is keepalived -t: it says what is wrong, and nothing else.
func testKeepalived(o *options, stderr io.Writer) int {
	if name := o.keepalived.testLog; name != "" {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NOFOLLOW, 0o644)
		if err != nil {
			fmt.Fprintf(stderr, "Unable to open config-test log file %s: %v\n", name, err)
			return 1
		}
		defer f.Close()
		stderr = f
	}
	c, errs := configuration.Load(&o.Source, &logfile.Set{NoFiles: true}, nil)
	defer c.Release()
	if c.Keepalived == nil {
		for _, e := range errs {
			fmt.Fprintln(stderr, e.Msg)
		}
		return exitConfigCannot
	}
	if err := configuration.EnterNamespace(c.Keepalived); err != nil {
		fmt.Fprintln(stderr, err)
		return exitConfigCannot
	}
	for _, r := range c.Reports {
		fmt.Fprintln(stderr, r.Explain())
	}
	return c.Reports.TestCode(true)
}
