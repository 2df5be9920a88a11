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
	nc "tandem/nginxconf"
	"tandem/session"
)

// Module returns the log module. combined is the format of that name: that of
// logs which name none, and of the one that there is where the configuration says
// nothing; "" where formats have to be named, and no log is kept unasked.
//
// folder appends to dst the name of the folder that has to exist for a log with
// variables in its name, so that what clients make up does not become files; nil:
// none has to.
func Module(combined string, folder func(s *session.Session, dst []byte) []byte) func(session.Contexts) *session.Module {
	return func(in session.Contexts) *session.Module {
		return &session.Module{
			Name: "log",
			Commands: []nc.Command{
				{Name: "log_format", In: in.Block, Arity: nc.TwoMore, Set: func(s *nc.Scope, d *nc.Directive) error {
					return readFormat(s, d, combined != "")
				}},
				{Name: "access_log", In: in.Levels | in.If | in.Except, Arity: nc.OneMore, Set: func(s *nc.Scope, d *nc.Directive) error {
					return readAccessLog(s, d, combined != "")
				}},
				{Name: "open_log_file_cache", In: in.Levels, Arity: nc.Take1234, Set: readCache},
			},
			Init: func(r *session.Realm) error {
				err := initModule(r, combined)
				r.Handle(session.Logging, func(s *session.Session) session.Code { return write(s, folder) })
				return err
			},
		}
	}
}

// settings are the logs of one level.
type settings struct {
	logs  nc.Value[[]*log]
	off   bool
	cache nc.Value[*cache] // of logs with variables in the name
}

type realmSettings struct {
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
	d         *nc.Directive
}

var (
	realmConf = session.NewRealmSlot[realmSettings]()
	conf      = session.NewLevelSlot(inherit)
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

func readAccessLog(s *nc.Scope, d *nc.Directive, hasCombined bool) error {
	b := session.BlockOf(s)
	c := conf.Of(b.Level)
	if d.Args[0] == "off" {
		if len(d.Args) > 1 {
			return fmt.Errorf("invalid parameter \"%s\"", d.Args[1])
		}
		c.off = true
		return nil
	}
	l := &log{d: d}
	rest := d.Args[1:]
	switch {
	case len(rest) > 0 && !isParameter(rest[0]):
		l.name, rest = rest[0], rest[1:]
	case hasCombined:
		l.name = "combined"
	default:
		return errors.New("log format is not specified")
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
	m := realmConf.Of(b.Realm)
	m.pending = append(m.pending, l)
	return nil
}

// open opens the target of the directive: a file, a syslog server, or files
// whose names have variables.
func (l *log) open(s *nc.Scope, name string, opts logfile.Options) (err error) {
	r := session.BlockOf(s).Realm
	toSyslog := strings.HasPrefix(name, syslog.Prefix)
	switch {
	case toSyslog && opts.Buffer > 0:
		return errors.New("logs to syslog cannot be buffered")
	case toSyslog:
		l.to, err = r.OpenAccessLog(name, opts)
	case !session.HasVariables(name):
		l.to, err = r.OpenAccessLog(s.Path(name, false), opts)
	case opts.Buffer > 0:
		return errors.New("buffered logs cannot have variables in name")
	default:
		l.path, err = r.Template(l.d, s.Path(name, false))
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

func (l *log) parameter(s *nc.Scope, p string, opts *logfile.Options) error {
	name, value, has := strings.Cut(p, "=")
	switch {
	case name == "buffer" && has:
		n, err := nc.ParseSize(value)
		if err != nil || n == 0 {
			return fmt.Errorf("invalid buffer size \"%s\"", value)
		}
		opts.Buffer = int(n)
	case name == "flush" && has:
		d, err := nc.ParseMsec(value)
		if err != nil || d == 0 {
			return fmt.Errorf("invalid flush time \"%s\"", value)
		}
		opts.Flush = d
	case name == "gzip":
		opts.Gzip = 1
		if has {
			n, err := nc.ParseNumber(value)
			if err != nil || n < 1 || n > 9 {
				return fmt.Errorf("invalid compression level \"%s\"", value)
			}
			opts.Gzip = n
		}
		if opts.Buffer == 0 {
			opts.Buffer = 64 << 10
		}
	case name == "if" && has:
		t, err := session.BlockOf(s).Realm.Template(l.d, value)
		if err != nil {
			return err
		}
		l.condition = t
	default:
		return fmt.Errorf("invalid parameter \"%s\"", p)
	}
	return nil
}

func initModule(r *session.Realm, text string) error {
	m := realmConf.Of(r)
	if text != "" {
		m.combined = &format{name: "combined"}
		if err := m.combined.compile(r, nil, text); err != nil {
			return err
		}
	}
	var errs []error
	for _, l := range m.pending {
		l.format = m.formats[l.name]
		if l.name == "combined" && m.combined != nil {
			l.format = m.combined
		}
		if l.format == nil {
			errs = append(errs, &nc.Error{Pos: l.d.Pos, Msg: fmt.Sprintf("unknown log format \"%s\"", l.name)})
		}
	}
	if m.combined != nil {
		if err := setDefault(r, m.combined); err != nil {
			errs = append(errs, err)
		}
	}
	openCaches(r)
	return errors.Join(errs...)
}

// setDefault gives the default log to every level that neither has one nor is
// told off.
func setDefault(r *session.Realm, combined *format) error {
	var logs []*log
	var failed error
	r.Each(func(l *session.Level) {
		c := conf.Of(l)
		if c.logs.Set || c.off {
			return
		}
		if logs == nil && failed == nil {
			w, err := r.OpenAccessLog("", logfile.Options{})
			if err != nil {
				failed = err
				return
			}
			logs = []*log{{to: w, format: combined, name: "combined"}}
		}
		c.logs.V = logs
	})
	return failed
}

// write logs a session that has ended.
func write(s *session.Session, folder func(*session.Session, []byte) []byte) session.Code {
	c := conf.Of(s.Level())
	if c.off {
		return session.Declined
	}
	for _, l := range c.logs.V {
		if l.condition != nil && !l.condition.IsTrue(s) {
			continue
		}
		line := l.format.append(s.Scratch(), s)
		if l.path != nil {
			c.writeNamed(s, l.path, line, folder)
		} else {
			_, _ = l.to.Write(line)
		}
		s.Unscratch(line)
	}
	return session.Declined
}
