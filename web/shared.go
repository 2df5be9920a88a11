package web

import (
	nc "tandem/nginxconf"
	"tandem/session"
)

// What the modules that serve stream as well see of http.

// Contexts are where the language of http has their directives.
var Contexts = session.Contexts{
	Block:   nc.HTTP,
	Servers: nc.HTTP | nc.Server,
	Levels:  nc.HTTP | nc.Server | nc.Location,
	If:      nc.LocationIf,
	Except:  nc.LimitExcept,

	Upstream: nc.Upstream,
}

// Shared makes a module of http of one that serves stream as well.
func Shared(module func(session.Contexts) *session.Module) *Module {
	m := module(Contexts)
	out := &Module{Name: m.Name, Commands: m.Commands, Shared: m.Variables}
	if m.Init != nil {
		out.Init = func(h *HTTP) error { return m.Init(&h.Realm) }
	}
	return out
}

// host is the server of http, as session.Host.
type host struct{ http *HTTP }

// phaseOf are the phases of http that stream has as well.
var phaseOf = [session.Phases]Phase{session.Begin: PostRead, session.Limit: PreAccess, session.Access: Access, session.Logging: Log}

func (h host) Handle(p session.Phase, handler session.Handler) {
	h.http.Handle(phaseOf[p], func(r *Request) Code { return handler(&r.Session) })
}

func (h host) Levels(f func(*session.Level)) { h.http.Each(func(l *Location) { f(&l.Level) }) }

func (h host) Servers() []*session.Server {
	var list []*session.Server
	for _, srv := range h.http.Servers {
		list = append(list, &srv.Server)
	}
	return list
}
