package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"tandem/internal/errorlog"
	"tandem/internal/logfile"
	"tandem/keepalivedconf"
	"tandem/nginxconf"
	"tandem/web"
)

// configuration is both files, read and checked, not yet at work.
type configuration struct {
	opts       *options
	tree       *nginxconf.Tree
	process    processSettings
	http       *web.HTTP
	log        *errorlog.Log          // of the main level
	keepalived *keepalivedconf.Config // nil without a keepalived.conf
	reports    keepalivedconf.Reports

	textErrors int // how many errors of load are about lines of nginx.conf; the rest is about the whole

	logs  *logfile.Set
	files []*logfile.File // what this configuration opened of logs
}

// load reads both files. The errors are nginx.conf's; those of keepalived.conf
// are in reports. A configuration with errors is to be released, not used.
func load(o *options, logs *logfile.Set) (*configuration, nginxconf.Errors) {
	c := &configuration{opts: o, logs: logs}
	tree, errs := nginxconf.Read(o.conf, nginxconf.Options{
		Prefix:       o.prefix,
		Globals:      o.globals,
		BuiltinFiles: map[string][]byte{"mime.types": []byte(web.MimeTypes)},
	})
	c.tree = tree
	c.http = &web.HTTP{Prefix: o.prefix, OpenLog: c.openErrorLog, OpenAccessLog: c.openAccessLog, TempRoot: o.tempFolder}
	groups := append(c.http.Commands(modules()), c.processCommands())
	errs = append(errs, nginxconf.NewTable(groups...).Bind(tree, &c.process, nginxconf.BindOptions{})...)
	tree.Sort(errs)
	c.textErrors = len(errs)

	if err := c.openMainLog(); err != nil {
		errs = append(errs, &nginxconf.Error{Msg: err.Error()})
	}
	c.http.Log = c.log
	if !hasEvents(tree) && !errs.Failed() {
		errs = append(errs, &nginxconf.Error{Msg: "no \"events\" section in configuration"})
	}
	if o.keepalived != "" {
		c.keepalived, c.reports = keepalivedconf.Read(o.keepalived, keepalivedconf.Options{ConfigID: o.configID})
	}
	return c, errs
}

func hasEvents(tree *nginxconf.Tree) bool {
	for _, d := range tree.Main {
		if d.Name == "events" {
			return true
		}
	}
	return false
}

// openMainLog opens the error log of the main level: what error_log says, or
// the default.
func (c *configuration) openMainLog() error {
	targets := c.process.errorLogs
	if len(targets) == 0 {
		t := errorlog.Target{Level: errorlog.Error, To: os.Stderr}
		if c.opts.errorLog != "stderr" {
			f, err := c.openLog(c.opts.errorLog, true)
			if err != nil {
				return err
			}
			t.To = f
		}
		targets = []errorlog.Target{t}
	}
	c.log = errorlog.New(targets...)
	return nil
}

// openLog opens a log file for as long as the configuration is in use.
func (c *configuration) openLog(name string, isDefault bool) (*logfile.File, error) {
	f, err := c.logs.Open(name, isDefault)
	if err != nil {
		return nil, err
	}
	c.files = append(c.files, f)
	return f, nil
}

// openAccessLog opens the file of an access_log directive; an empty name is
// the default log.
func (c *configuration) openAccessLog(name string, _ web.LogOptions) (io.Writer, error) {
	if name == "" {
		return c.openLog(c.opts.accessLog(), true)
	}
	return c.openLog(name, false)
}

// release gives up what the configuration holds open.
func (c *configuration) release() { c.logs.Release(c.files) }

// pidFile returns the name of the pid file.
func (c *configuration) pidFile() string {
	if c.process.pid.Set {
		return c.opts.path(c.process.pid.V)
	}
	return c.opts.pidFile()
}

// print writes the errors of nginx.conf in nginx's form.
func printErrors(w io.Writer, errs nginxconf.Errors) {
	for _, e := range errs {
		fmt.Fprintf(w, "nginx: [%s] %v\n", e.Severity, e)
	}
}

// printReports writes what there is to say of keepalived.conf, in
// keepalived's form.
func printReports(w io.Writer, reports keepalivedconf.Reports) {
	for _, r := range reports {
		fmt.Fprintf(w, "keepalived: %v\n", r)
	}
}

// testConfiguration is -t and -T: it reads both files, tries the sockets, and
// says how it went in nginx's words. The exit code is nginx's, or, when
// nginx.conf is fine, keepalived's for its own file.
func testConfiguration(o *options, stdout, stderr io.Writer) int {
	c, errs := load(o, new(logfile.Set))
	defer c.release()
	inText, ofWhole := errs[:c.textErrors], errs[c.textErrors:]
	printErrors(stderr, inText)
	if !inText.Failed() && !o.quiet {
		fmt.Fprintf(stderr, "nginx: the configuration file %s syntax is ok\n", o.conf)
	}
	printErrors(stderr, ofWhole)
	failed := errs.Failed()
	if !failed {
		if err := c.trySockets(); err != nil {
			printStartError(stderr, err)
			failed = true
		}
	}
	printReports(stderr, c.reports)
	if failed {
		fmt.Fprintf(stderr, "nginx: configuration file %s test failed\n", o.conf)
		return 1
	}
	if !o.quiet {
		fmt.Fprintf(stderr, "nginx: configuration file %s test is successful\n", o.conf)
	}
	code := 0
	if o.keepalived != "" {
		code = c.reports.ExitCode()
		switch {
		case code == 0 && !o.quiet:
			fmt.Fprintf(stderr, "keepalived: configuration file %s test is successful\n", o.keepalived)
		case code != 0:
			fmt.Fprintf(stderr, "keepalived: configuration file %s test failed\n", o.keepalived)
		}
	}
	if o.dump {
		if err := c.dump(stdout); err != nil {
			fmt.Fprintf(stderr, "nginx: [emerg] %v\n", err)
			return 1
		}
	}
	return code
}

// dump writes every file that was read, nginx's first.
func (c *configuration) dump(w io.Writer) error {
	if err := c.tree.Dump(w); err != nil {
		return err
	}
	if c.keepalived == nil {
		return nil
	}
	for _, f := range c.keepalived.Files {
		if _, err := fmt.Fprintf(w, "# configuration file %s:\n%s\n", f.Name, f.Data); err != nil {
			return err
		}
	}
	return nil
}

// trySockets opens what the configuration would listen on and closes it again.
// An address in use is no mistake of the configuration: it may be our own.
func (c *configuration) trySockets() error {
	set := &web.ListenSet{Log: c.log, FreeBind: c.isVirtual}
	var errs []error
	for _, p := range c.http.Ports {
		if p.Addr.Unix != "" {
			continue
		}
		opened, err := set.Open([]*web.Port{p})
		if err != nil {
			if !isAddressInUse(err) {
				errs = append(errs, err)
			}
			continue
		}
		opened.Close()
	}
	return errors.Join(errs...)
}

// printStartError writes each of the joined errors on a line of its own.
func printStartError(w io.Writer, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			printStartError(w, e)
		}
		return
	}
	fmt.Fprintf(w, "nginx: [emerg] %v\n", err)
}
