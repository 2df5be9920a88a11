// Package accesslog is nginx's log module: log_format, access_log and
// open_log_file_cache.
//
//	log_format name [escape=default|json|none] string ...;
//	access_log path [format [buffer=size] [gzip[=level]] [flush=time] [if=condition]];
//	access_log off;
//	open_log_file_cache max=N [inactive=time] [min_uses=N] [valid=time] | off;
//
// Lines go to memory and from there to the file within moments; a slow or full
// disk stops no request.
package accesslog

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"tandem/internal/logfile"
	"tandem/internal/syslog"
	"tandem/nginxconf"
	"tandem/session"
	"tandem/web"
)

// Module is the access log. It runs in the log phase.
var Module = &web.Module{
	Name: "log",
	Commands: []nginxconf.Command{
		{Name: "log_format", In: nginxconf.HTTP, Arity: nginxconf.TwoMore, Set: readFormat},
		{Name: "access_log", In: nginxconf.HTTP | nginxconf.Server | nginxconf.Location | nginxconf.LocationIf | nginxconf.LimitExcept,
			Arity: nginxconf.OneMore, Set: readAccessLog},
		{Name: "open_log_file_cache", In: nginxconf.HTTP | nginxconf.Server | nginxconf.Location, Arity: nginxconf.Take1234, Set: readCache},
	},
	Init: initModule,
}

// settings are the logs of one level.
type settings struct {
	logs  nginxconf.Value[[]*log]
	off   bool
	cache nginxconf.Value[*cache] // of logs with variables in the name
}

type mainSettings struct {
	formats  map[string]*format
	combined *format
	pending  []*log // logs whose format is looked up at the end
}

// log is one access_log directive.
type log struct {
	to        io.Writer         // nil for a name with variables
	path      *session.Template // a name with variables, absolute
	format    *format
	name      string // of the format
	condition *session.Template
	d         *nginxconf.Directive
}

var (
	mainConf = session.NewRealmSlot[mainSettings]()
	conf     = web.NewLocationSlot(inherit)
)

func inherit(c, p *settings) error {
	c.cache.Inherit(p.cache, nil)
	if c.off || c.logs.Set {
		c.logs.Set = true
		return nil
	}
	c.off = p.off
	c.logs.Inherit(p.logs, nil)
	return nil
}

func readAccessLog(s *nginxconf.Scope, d *nginxconf.Directive) error {
	b := web.BlockOf(s)
	c := conf.Of(b.Location)
	if d.Args[0] == "off" {
		if len(d.Args) > 1 {
			return fmt.Errorf("invalid parameter \"%s\"", d.Args[1])
		}
		c.off = true
		return nil
	}
	l := &log{name: "combined", d: d}
	rest := d.Args[1:]
	if len(rest) > 0 && !isParameter(rest[0]) {
		l.name, rest = rest[0], rest[1:]
	}
	var opts logfile.Options
	for _, p := range rest {
		if err := l.parameter(s, p, &opts); err != nil {
			return err
		}
	}
	if opts.Flush > 0 && opts.Buffer == 0 {
		return fmt.Errorf("no buffer is defined for access_log \"%s\"", d.Args[0])
	}
	if err := l.open(s, d.Args[0], opts); err != nil {
		return err
	}
	c.logs.V = append(c.logs.V, l)
	c.logs.Set = true
	m := mainConf.Of(&b.HTTP.Realm)
	m.pending = append(m.pending, l)
	return nil
}

// open opens the target of the directive: a file, a syslog server, or files
// whose names have variables.
func (l *log) open(s *nginxconf.Scope, name string, opts logfile.Options) (err error) {
	h := web.BlockOf(s).HTTP
	toSyslog := strings.HasPrefix(name, syslog.Prefix)
	switch {
	case toSyslog && opts.Buffer > 0:
		return errors.New("logs to syslog cannot be buffered")
	case toSyslog:
		l.to, err = h.OpenAccessLog(name, opts)
	case !session.HasVariables(name):
		l.to, err = h.OpenAccessLog(s.Path(name, false), opts)
	case opts.Buffer > 0:
		return errors.New("buffered logs cannot have variables in name")
	default:
		l.path, err = h.Template(l.d, s.Path(name, false))
	}
	return err
}

func isParameter(word string) bool {
	for _, p := range []string{"buffer=", "flush=", "gzip=", "if="} {
		if strings.HasPrefix(word, p) {
			return true
		}
	}
	return word == "gzip"
}

func (l *log) parameter(s *nginxconf.Scope, p string, opts *logfile.Options) error {
	name, value, has := strings.Cut(p, "=")
	switch {
	case name == "buffer" && has:
		n, err := nginxconf.ParseSize(value)
		if err != nil || n == 0 {
			return fmt.Errorf("invalid buffer size \"%s\"", value)
		}
		opts.Buffer = int(n)
	case name == "flush" && has:
		d, err := nginxconf.ParseMsec(value)
		if err != nil || d == 0 {
			return fmt.Errorf("invalid flush time \"%s\"", value)
		}
		opts.Flush = d
	case name == "gzip":
		opts.Gzip = 1
		if has {
			n, err := nginxconf.ParseNumber(value)
			if err != nil || n < 1 || n > 9 {
				return fmt.Errorf("invalid compression level \"%s\"", value)
			}
			opts.Gzip = n
		}
		if opts.Buffer == 0 {
			opts.Buffer = 64 << 10
		}
	case name == "if" && has:
		t, err := web.BlockOf(s).HTTP.Template(l.d, value)
		if err != nil {
			return err
		}
		l.condition = t
	default:
		return fmt.Errorf("invalid parameter \"%s\"", p)
	}
	return nil
}

func initModule(h *web.HTTP) error {
	m := mainConf.Of(&h.Realm)
	m.combined = &format{name: "combined"}
	if err := m.combined.compile(h, nil, combined); err != nil {
		return err
	}
	var errs []error
	for _, l := range m.pending {
		l.format = m.formats[l.name]
		if l.name == "combined" {
			l.format = m.combined
		}
		if l.format == nil {
			errs = append(errs, &nginxconf.Error{Pos: l.d.Pos, Msg: fmt.Sprintf("unknown log format \"%s\"", l.name)})
		}
	}
	if err := setDefault(h, m); err != nil {
		errs = append(errs, err)
	}
	openCaches(h)
	h.Handle(web.Log, write)
	return errors.Join(errs...)
}

// setDefault gives the default log to every level that neither has one nor is
// told off.
func setDefault(h *web.HTTP, m *mainSettings) error {
	var logs []*log
	var failed error
	h.Each(func(l *web.Location) {
		c := conf.Of(l)
		if c.logs.Set || c.off {
			return
		}
		if logs == nil && failed == nil {
			w, err := h.OpenAccessLog("", logfile.Options{})
			if err != nil {
				failed = err
				return
			}
			logs = []*log{{to: w, format: m.combined, name: "combined"}}
		}
		c.logs.V = logs
	})
	return failed
}

// write is the handler of the log phase.
func write(r *web.Request) web.Code {
	c := conf.Of(r.Location)
	if c.off {
		return web.Declined
	}
	for _, l := range c.logs.V {
		if l.condition != nil && !l.condition.IsTrue(&r.Session) {
			continue
		}
		line := l.format.append(r.Scratch(), r)
		if l.path != nil {
			c.writeNamed(r, l.path, line)
		} else {
			_, _ = l.to.Write(line)
		}
		r.Unscratch(line)
	}
	return web.Declined
}
