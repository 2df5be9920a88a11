package access

import (
	"fmt"
	"strings"

	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
)

const mostly = nc.HTTP | nc.Server | nc.Location

// AuthRequest is the auth_request module:
//
//	auth_request URI | off;
//	auth_request_set $VARIABLE VALUE;
//
// A subrequest decides: 2xx lets the request pass, 401 and 403 refuse it.
var AuthRequest = &web.Module{
	Name: "auth_request",
	Commands: []nc.Command{
		{Name: "auth_request", In: mostly, Arity: nc.Take1, Set: readAuthRequest},
		{Name: "auth_request_set", In: mostly, Arity: nc.Take2, Set: readAuthRequestSet},
	},
	Init: func(h *web.HTTP) error {
		if h.Any(func(l *web.Location) bool { return len(authSlot.Of(l).path.V) > 0 }) {
			h.Handle(web.Access, askForAccess)
		}
		return nil
	},
}

type authSettings struct {
	path nc.Value[[]byte] // empty: off
	sets nc.Value[[]authSet]
}

// authSet is one auth_request_set.
type authSet struct {
	variable session.VariableRef
	value    *session.Template // as the subrequest sees it
}

var authSlot = web.NewLocationSlot(func(c, p *authSettings) error {
	c.path.Inherit(p.path, nil)
	c.sets.Inherit(p.sets, nil)
	return nil
})

func readAuthRequest(s *nc.Scope, d *nc.Directive) error {
	v := &authSlot.Of(web.BlockOf(s).Location).path
	if v.Set {
		return nc.ErrDuplicate
	}
	v.Set = true
	if d.Args[0] != "off" {
		v.V = []byte(d.Args[0])
	}
	return nil
}

func readAuthRequestSet(s *nc.Scope, d *nc.Directive) error {
	name, ok := strings.CutPrefix(d.Args[0], "$")
	if !ok || name == "" {
		return fmt.Errorf("invalid variable name \"%s\"", d.Args[0])
	}
	b := web.BlockOf(s)
	v, err := b.HTTP.SettableVariable(name, func(_ *session.Session, dst []byte) ([]byte, bool) { return dst, false })
	if err != nil {
		return err
	}
	t, err := b.HTTP.Template(d, d.Args[1])
	if err != nil {
		return err
	}
	sets := &authSlot.Of(b.Location).sets
	sets.V, sets.Set = append(sets.V, authSet{v, t}), true
	return nil
}

func askForAccess(r *web.Request) web.Code {
	c := authSlot.Of(r.Location)
	if len(c.path.V) == 0 {
		return web.Declined
	}
	sr := r.Subrequest(c.path.V, nil, web.SubrequestOptions{HeaderOnly: true, NoBody: true})
	if sr == nil {
		return 500
	}
	for i := range c.sets.V {
		set := &c.sets.V[i]
		scratch := set.value.Append(&sr.Session, r.Scratch())
		set.variable.Store(&r.Session, r.Keep(scratch))
		r.Unscratch(scratch)
	}
	switch status := sr.Response.Status; {
	case status == 403:
		return 403
	case status == 401:
		for _, f := range sr.Response.Fields() {
			if strings.EqualFold(string(f.Name), "WWW-Authenticate") {
				r.Response.Add("WWW-Authenticate", r.Keep(f.Value))
			}
		}
		return 401
	case status >= 200 && status < 300:
		return web.OK
	default:
		r.Logf(errorlog.Error, "auth request unexpected status: %d", status)
		return 500
	}
}
