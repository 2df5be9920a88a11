package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"tandem/internal/errorlog"
	"tandem/internal/listen"
	"tandem/internal/logfile"
	"tandem/internal/rootfile"
	"tandem/node/configuration"
)

// testFiles is -t and -T: it reads both files, tries the sockets, and
// says how it went in nginx's words. The exit code is nginx's, or, when
// nginx.conf is fine, keepalived's for its own file.
func testFiles(o *options, stdout, stderr io.Writer) int {
	c, errs := configuration.Load(&o.Source, new(logfile.Set), nil)
	defer c.Release()
	if err := configuration.EnterNamespace(c.Keepalived); err != nil {
		configuration.PrintFailure(stderr, err)
		return 1
	}
	inText, ofWhole := c.SplitErrors(errs)
	configuration.PrintErrors(stderr, inText)
	if !inText.Failed() && !o.quiet {
		fmt.Fprintf(stderr, "nginx: the configuration file %s syntax is ok\n", o.Nginx)
	}
	configuration.PrintErrors(stderr, ofWhole)
	failed := errs.Failed()
	for _, try := range []func(*configuration.Configuration) error{tryPIDFile, trySockets} {
		if failed {
			break
		}
		if err := try(c); err != nil {
			configuration.PrintFailure(stderr, err)
			failed = true
		}
	}
	configuration.PrintReports(stderr, c.Reports)
	if failed {
		fmt.Fprintf(stderr, "nginx: configuration file %s test failed\n", o.Nginx)
		return 1
	}
	if !o.quiet {
		fmt.Fprintf(stderr, "nginx: configuration file %s test is successful\n", o.Nginx)
	}
	code := 0
	if o.Keepalived != "" {
		code = c.Reports.TestCode(false)
		switch {
		case code == 0 && !o.quiet:
			fmt.Fprintf(stderr, "keepalived: configuration file %s test is successful\n", o.Keepalived)
		case code != 0 && c.Reports.Stops():
			fmt.Fprintf(stderr, "keepalived: configuration file %s test failed\n", o.Keepalived)
		case code != 0:
			fmt.Fprintf(stderr, "keepalived: configuration file %s can be run, without what is reported above\n", o.Keepalived)
		}
	}
	if o.dump {
		if err := c.Dump(stdout); err != nil {
			fmt.Fprintf(stderr, "nginx: [emerg] %v\n", err)
			return 1
		}
	}
	return code
}

// tryPIDFile opens the pid file, and makes it if it is not there, as nginx's -t
// does.
func tryPIDFile(c *configuration.Configuration) error {
	f, err := rootfile.OpenFile(c.PIDFile(), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("open() \"%s\" failed (%s)", c.PIDFile(), errorlog.Reason(err))
	}
	return f.Close()
}

// trySockets opens what the configuration would listen on and closes it again.
// An address in use is no mistake of the configuration: it may be our own.
func trySockets(c *configuration.Configuration) error {
	var set listen.Set
	var errs []error
	for _, p := range c.Listening() {
		if p.Addr.Unix != "" {
			continue
		}
		opened, err := set.Open([]listen.Port{p}, c.IsVirtual)
		if err != nil {
			if !errors.Is(err, syscall.EADDRINUSE) {
				errs = append(errs, err)
			}
			continue
		}
		opened.Close()
	}
	return errors.Join(errs...)
}
