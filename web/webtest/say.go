package webtest

import (
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
)

var saySlot = web.NewLocationSlot[struct{ text *session.Template }](nil)

// Say is one module, which answers with a template, for tests of the server
// without others:
//
//	say text;
var Say = []*web.Module{{
	Name: "say",
	Commands: []nc.Command{{
		Name: "say", In: nc.Server | nc.Location, Arity: nc.Take1,
		Set: func(s *nc.Scope, d *nc.Directive) error {
			b := web.BlockOf(s)
			t, err := b.HTTP.Template(d, d.Args[0])
			if err != nil {
				return err
			}
			saySlot.Of(b.Location).text = t
			return nil
		},
	}},
	Init: func(h *web.HTTP) error {
		h.Handle(web.Content, func(r *web.Request) web.Code {
			t := saySlot.Of(r.Location).text
			if t == nil {
				return web.Declined
			}
			r.DiscardBody()
			body := t.Value(&r.Session)
			r.Response.Status = 200
			r.Response.ContentLength = int64(len(body))
			if code := r.SendHeader(); code != web.OK || r.HeaderOnly {
				return code
			}
			return r.SendBody(web.Chunk{Data: body, Last: true})
		})
		return nil
	},
}}
