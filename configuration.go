package main

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"

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

	logs targets
}

// loadGCPercent is how much garbage there may be while a configuration is read,
// in percent of what is in use.
const loadGCPercent = 800

// load reads both files; previous is what a reload takes the place of, or nil.
// The errors are nginx.conf's; those of keepalived.conf are in reports. A
// configuration with errors is to be released, not used.
func load(o *options, logs *logfile.Set, previous *web.HTTP) (*configuration, nginxconf.Errors) {
	// Nearly everything that is allocated here stays: looking for what does not
	// is work for nothing.
	defer debug.SetGCPercent(debug.SetGCPercent(loadGCPercent))
	c := &configuration{opts: o, logs: targets{set: logs}}
	tree, errs := nginxconf.Read(o.conf, nginxconf.Options{
		Prefix:       o.prefix,
		Globals:      o.globals,
		BuiltinFiles: map[string][]byte{"mime.types": []byte(web.MimeTypes)},
	})
	c.tree = tree
	c.http = &web.HTTP{Prefix: o.prefix, Previous: previous, OpenLog: c.openErrorLog, OpenAccessLog: c.openAccessLog,
		OpenNamedLogs: c.logs.openNamed, TempRoot: o.tempFolder}
	groups := append(c.http.Commands(modules()), c.processCommands())
	errs = append(errs, nginxconf.NewTable(groups...).Bind(tree, &c.process, nginxconf.BindOptions{})...)
	tree.Sort(errs)
	c.textErrors = len(errs)

	c.openMainLog()
	for _, err := range c.logs.failed {
		errs = append(errs, &nginxconf.Error{Msg: err.Error()})
	}
	c.http.Log = c.log
	if !hasEvents(tree) && !errs.Failed() {
		errs = append(errs, &nginxconf.Error{Msg: "no \"events\" section in configuration"})
	}
	// What the directives say is in force; the text is still compared and shown.
	tree.Main = nil
	if o.keepalived != "" {
		c.keepalived, c.reports = keepalivedconf.Read(o.keepalived, keepalivedconf.Options{ConfigID: o.configID})
		if !errs.Failed() {
			c.reports = append(c.reports, c.checkUpstreams()...)
		}
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
		fmt.Fprintf(w, "keepalived: %s\n", r.Explain())
	}
}

// testConfiguration is -t and -T: it reads both files, tries the sockets, and
// says how it went in nginx's words. The exit code is nginx's, or, when
// nginx.conf is fine, keepalived's for its own file.
func testConfiguration(o *options, stdout, stderr io.Writer) int {
	c, errs := load(o, new(logfile.Set), nil)
	defer c.release()
	if err := c.enterNamespace(); err != nil {
		printStartError(stderr, err)
		return 1
	}
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
		case code != 0 && c.reports.Stops():
			fmt.Fprintf(stderr, "keepalived: configuration file %s test failed\n", o.keepalived)
		case code != 0:
			fmt.Fprintf(stderr, "keepalived: configuration file %s can be run, without what is reported above\n", o.keepalived)
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
