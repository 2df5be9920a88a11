package configuration

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"

	"tandem/internal/errorlog"
	"tandem/internal/listen"
	"tandem/internal/logfile"
	"tandem/internal/standin"
	"tandem/keepalivedconf"
	"tandem/keepalivedconf/text"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/stream"
	"tandem/web"
)

// Configuration is both files, read and checked, not yet at work.
type Configuration struct {
	Source     *Source
	Tree       *nc.Tree // the files of nginx.conf; without directives, which are in the other fields
	Process    Process
	HTTP       *web.HTTP
	Stream     *stream.Stream
	Log        *errorlog.Log          // of the main level
	Keepalived *keepalivedconf.Config // nil without a keepalived.conf
	Reports    keepalivedconf.Reports

	textErrors int // how many errors of Load are about lines of nginx.conf; the rest is about the whole

	logs targets
}

// loadGCPercent is how much garbage there may be while a configuration is read,
// in percent of what is in use.
const loadGCPercent = 800

// Load reads both files; previous is what a reload takes the place of, or nil.
// The errors are nginx.conf's; those of keepalived.conf are in Reports. A
// configuration with errors is to be released, not used.
func Load(o *Source, logs *logfile.Set, previous *Configuration) (*Configuration, nc.Errors) {
	// Nearly everything that is allocated here stays: looking for what does not
	// is work for nothing.
	defer debug.SetGCPercent(debug.SetGCPercent(loadGCPercent))
	c := &Configuration{Source: o, logs: targets{set: logs}}
	tree, errs := nc.Read(o.Nginx, nc.Options{
		Prefix:       o.Prefix,
		Globals:      o.Globals,
		BuiltinFiles: map[string][]byte{"mime.types": []byte(web.MimeTypes)},
	})
	c.Tree = tree
	c.HTTP, c.Stream = new(web.HTTP), new(stream.Stream)
	for _, r := range []*session.Realm{&c.HTTP.Realm, &c.Stream.Realm} {
		r.Prefix, r.TempRoot = o.Prefix, o.TempFolder
		r.OpenLog, r.OpenAccessLog, r.OpenNamedLogs = c.openErrorLog, c.openAccessLog, c.logs.openNamed
	}
	if previous != nil {
		c.HTTP.Previous, c.Stream.Previous = &previous.HTTP.Realm, &previous.Stream.Realm
	}
	groups := slices.Concat(c.HTTP.Commands(o.Modules.HTTP), c.Stream.Commands(o.Modules.Stream), [][]nc.Command{c.mainCommands()})
	errs = append(errs, nc.NewTable(groups...).Bind(tree, &c.Process, nc.BindOptions{})...)
	c.HTTP.Previous, c.Stream.Previous = nil, nil // also of a block that is not there any more
	tree.Sort(errs)
	c.textErrors = len(errs)

	c.openMainLog()
	for _, err := range c.logs.failed {
		errs = append(errs, &nc.Error{Msg: err.Error()})
	}
	c.HTTP.Log, c.Stream.Log = c.Log, c.Log
	if o.KeepalivedOnly == nil && !hasEvents(tree) && !errs.Failed() {
		errs = append(errs, &nc.Error{Msg: "no \"events\" section in configuration"})
	}
	// What the directives say is in force; the text is still compared and shown.
	tree.Main = nil
	if o.Keepalived != "" {
		// keepalived ends where it finds no file. To serve alone is for who has
		// asked for nothing else.
		if f, err := os.Open(o.Keepalived); err != nil {
			return c, append(errs, &nc.Error{Msg: fmt.Sprintf("open() \"%s\" failed (%s)", o.Keepalived, errorlog.Reason(err))})
		} else {
			_ = f.Close()
		}
		c.Keepalived, c.Reports = keepalivedconf.Read(o.Keepalived, keepalivedconf.Options{
			Text:    text.Options{ConfigID: o.ConfigID, AllFiles: o.AllFiles},
			StandIn: standin.Process{Serves: len(c.Listening()) > 0, PIDFile: c.PIDFile()},
		})
		if o.Namespace != "" {
			c.Keepalived.Global.NetNamespace = o.Namespace
		}
		if o.KeepalivedOnly != nil && !o.KeepalivedOnly.VRRP {
			c.Keepalived.Instances, c.Keepalived.Groups = nil, nil
		}
		if o.KeepalivedOnly != nil && !o.KeepalivedOnly.Checkers {
			c.Keepalived.VirtualServers = nil
		}
		if !errs.Failed() {
			c.Reports = append(c.Reports, c.checkUpstreams()...)
			c.Reports = append(c.Reports, c.checkVirtualServers()...)
		}
	}
	return c, errs
}

func hasEvents(tree *nc.Tree) bool {
	for _, d := range tree.Main {
		if d.Name == "events" {
			return true
		}
	}
	return false
}

// PIDFile returns the name of the pid file.
func (c *Configuration) PIDFile() string {
	if c.Process.PID.Set {
		return c.Source.Path(c.Process.PID.V)
	}
	return c.Source.PIDFile()
}

// Listening returns the sockets that the configuration listens on.
func (c *Configuration) Listening() []listen.Port {
	ports := append(c.HTTP.Listening(), c.Stream.Listening()...)
	c.sharePorts(ports)
	return ports
}

// PrintErrors writes the errors of nginx.conf in nginx's form.
func PrintErrors(w io.Writer, errs nc.Errors) {
	for _, e := range errs {
		fmt.Fprintf(w, "nginx: [%s] %v\n", e.Severity, e)
	}
}

// PrintReports writes what there is to say of keepalived.conf, in
// keepalived's form.
func PrintReports(w io.Writer, reports keepalivedconf.Reports) {
	for _, r := range reports {
		fmt.Fprintf(w, "keepalived: %s\n", r.Explain())
	}
}

// Dump writes every file that was read, nginx's first.
func (c *Configuration) Dump(w io.Writer) error {
	if err := c.Tree.Dump(w); err != nil {
		return err
	}
	if c.Keepalived == nil {
		return nil
	}
	for _, f := range c.Keepalived.Files {
		if _, err := fmt.Fprintf(w, "# configuration file %s:\n%s\n", f.Name, f.Data); err != nil {
			return err
		}
	}
	return nil
}

// PrintFailure writes each of the joined errors on a line of its own.
func PrintFailure(w io.Writer, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			PrintFailure(w, e)
		}
		return
	}
	fmt.Fprintf(w, "nginx: [emerg] %v\n", err)
}

// SplitErrors takes errors of Load apart: those about lines of nginx.conf, and
// those about the whole.
func (c *Configuration) SplitErrors(errs nc.Errors) (ofLines, ofWhole nc.Errors) {
	return errs[:c.textErrors], errs[c.textErrors:]
}

// LevelOf returns the error log's level for a message about the configuration.
func LevelOf(s nc.Severity) errorlog.Level {
	level, _ := errorlog.ParseLevel(s.String())
	return level
}
