// Package mirror is nginx's mirror module: it sends a copy of each request
// somewhere else and ignores the answer.
//
//	mirror URI | off;
//	mirror_request_body on | off;
//
// The copies are made when the client has its answer, so that it does not wait
// for them; its next request on the same connection does.
package mirror

import (
	nc "tandem/nginxconf"
	"tandem/web"
)

const everywhere = nc.HTTP | nc.Server | nc.Location

// Module is the mirror module.
var Module = &web.Module{
	Name: "mirror",
	Commands: []nc.Command{
		{Name: "mirror", In: everywhere, Arity: nc.Take1, Set: readMirror},
		{Name: "mirror_request_body", In: everywhere, Arity: nc.Flag, Set: nc.SetFlag(web.At(slot, func(c *settings) *nc.Value[bool] { return &c.body }))},
	},
	Init: func(h *web.HTTP) error {
		if h.Any(func(l *web.Location) bool { return len(slot.Of(l).paths.V) > 0 }) {
			h.Handle(web.PreContent, handle)
		}
		return nil
	},
}

type settings struct {
	paths nc.Value[[][]byte] // none: off
	body  nc.Value[bool]     // the copies have the request's body
}

var slot = web.NewLocationSlot(func(c, p *settings) error {
	c.paths.Inherit(p.paths, nil)
	c.body.Inherit(p.body, true)
	return nil
})

func readMirror(s *nc.Scope, d *nc.Directive) error {
	v := &slot.Of(web.BlockOf(s).Location).paths
	off := d.Args[0] == "off"
	if v.Set && (off || v.V == nil) {
		return nc.ErrDuplicate
	}
	v.Set = true
	if !off {
		v.V = append(v.V, []byte(d.Args[0]))
	}
	return nil
}

func handle(r *web.Request) web.Code {
	c := slot.Of(r.Location)
	if len(c.paths.V) == 0 || !r.IsMain() {
		return web.Declined
	}
	if c.body.V {
		if code := r.ReadBody(); code != web.OK {
			return code
		}
	}
	opts := web.SubrequestOptions{Background: true, KeepMethod: true, NoBody: !c.body.V}
	for _, path := range c.paths.V {
		args := r.Args
		r.Afterwards(func() { r.Subrequest(path, args, opts) })
	}
	return web.Declined
}
