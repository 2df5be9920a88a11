package accesslog

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/logfile"
	nc "tandem/nginxconf"
	"tandem/session"
)

// Logs with variables in the name: the file is found out for each request.

// cache is one open_log_file_cache directive, and the writer of the files that
// it concerns.
type cache struct {
	options logfile.CacheOptions
	files   *logfile.Named // nil as long as no log needs it
}

func readCache(s *nc.Scope, d *nc.Directive) error {
	v := &conf.Of(session.BlockOf(s).Level).cache
	if v.Set {
		return nc.ErrDuplicate
	}
	o := logfile.CacheOptions{Inactive: 10 * time.Second, Valid: time.Minute, MinUses: 1}
	off := false
	for _, word := range d.Args {
		name, value, _ := strings.Cut(word, "=")
		var err error
		switch name {
		case "max":
			o.Max, err = nc.ParseNumber(value)
		case "inactive":
			o.Inactive, err = nc.ParseSec(value)
		case "min_uses":
			o.MinUses, err = nc.ParseNumber(value)
		case "valid":
			o.Valid, err = nc.ParseSec(value)
		default:
			if off = off || word == "off"; word != "off" {
				err = nc.ErrInvalidValue
			}
		}
		if err != nil {
			return fmt.Errorf("invalid \"open_log_file_cache\" parameter \"%s\"", word)
		}
	}
	switch {
	case off:
		o = logfile.CacheOptions{}
	case o.Max == 0:
		return errors.New("\"open_log_file_cache\" must have \"max\" parameter")
	}
	*v = nc.Value[*cache]{V: &cache{options: o}, Set: true}
	return nil
}

// openCaches starts the writers that logs with variables in the name need.
func openCaches(r *session.Realm) {
	none := new(cache)
	r.Each(func(l *session.Level) {
		c := conf.Of(l)
		for _, log := range c.logs.V {
			if log.path == nil || c.off {
				continue
			}
			if c.cache.V == nil {
				c.cache.V = none
			}
			if c.cache.V.files == nil {
				c.cache.V.files = r.OpenNamedLogs(c.cache.V.options)
			}
		}
	})
}

// writeNamed writes a line to the file that path comes to. As in nginx, the
// folder that the server names must exist. A name that leads back up is refused:
// nginx would follow it.
func (c *settings) writeNamed(s *session.Session, path *session.Template, line []byte, folder func(*session.Session, []byte) []byte) {
	name := path.Append(s, s.Scratch())
	switch {
	case hasParent(name):
		s.Logf(errorlog.Crit, "log file name \"%s\" is not used: it leads to a parent folder", name)
	case folder == nil:
		c.cache.V.files.WriteTo(nil, name, line)
	default:
		in := folder(s, s.Scratch())
		c.cache.V.files.WriteTo(in, name, line)
		s.Unscratch(in)
	}
	s.Unscratch(name)
}

// hasParent reports whether a segment of the name is "..".
func hasParent(name []byte) bool {
	for rest, more := name, true; more; {
		var segment []byte
		segment, rest, more = bytes.Cut(rest, []byte("/"))
		if string(segment) == ".." {
			return true
		}
	}
	return false
}
