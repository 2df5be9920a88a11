// Package api is Angie's module of that name: what the process counts, as JSON.
//
//	api path [write=on|off];    in location
//
// The part of the request's path that follows the location's name is looked for in
// the tree below path: /status/http/server_zones/ and so on. In a location that is a
// regular expression, path is all of it and may have variables. What there is in
// /status/ is in docs/api.md; /status/tandem/ has the whole report of tandem status.
//
// With write=on, clients may change servers of upstreams below /config/, as with
// Angie PRO, and give orders below /order/. They need the right to use the location,
// and browsers may do so only from pages of the same origin.
package api

import (
	"bytes"
	"fmt"

	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
)

// Module is the api module.
var Module = &web.Module{
	Name: "api",
	Commands: []nc.Command{
		{Name: "api", In: nc.Location, Arity: nc.Take12, Set: read},
	},
}

type settings struct {
	path  *session.Template
	write bool
}

var slot = web.NewLocationSlot[settings](nil)

func read(s *nc.Scope, d *nc.Directive) error {
	b := web.BlockOf(s)
	c := slot.Of(b.Location)
	if c.path != nil {
		return nc.ErrDuplicate
	}
	var err error
	if c.path, err = b.HTTP.Template(d, d.Args[0]); err != nil {
		return err
	}
	if len(d.Args) == 2 {
		switch d.Args[1] {
		case "write=on":
			c.write = true
		case "write=off":
		default:
			return fmt.Errorf("invalid parameter \"%s\"", d.Args[1])
		}
	}
	b.Location.Handler = serve
	return nil
}

// path returns which element of the tree a request is for, without slashes at its
// ends, and the same as messages have it. Angie puts it together so.
func (c *settings) of(r *web.Request) (path, told string) {
	prefix := bytes.Clone(c.path.Value(&r.Session))
	if r.Location.Kind != web.RegexLocation {
		rest := r.Path
		if name := []byte(r.Location.Name); r.LocationValid || bytes.HasPrefix(rest, name) {
			rest = rest[min(len(name), len(rest)):]
		}
		rest = bytes.TrimPrefix(rest, []byte("/"))
		if len(rest) > 0 {
			prefix = append(bytes.TrimSuffix(prefix, []byte("/")), '/')
			prefix = append(prefix, rest...)
		}
	}
	prefix = bytes.TrimPrefix(prefix, []byte("/"))
	return string(bytes.TrimRight(prefix, "/")), "/" + string(prefix)
}
