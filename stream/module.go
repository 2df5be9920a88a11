package stream

import (
	nc "tandem/nginxconf"
	"tandem/session"
)

// Module is a feature of the server: its directives, its variables, and the
// handlers that it adds once the configuration has been read. The order of the
// list that the server is given is that of the handlers of a phase.
type Module struct {
	Name      string
	Commands  []nc.Command
	Variables []session.Variable
	// Init runs once the block has been read and its servers have inherited from
	// it. nil: nothing to add.
	Init func(*Stream) error
}

// Contexts are where the language of stream has the directives of modules that
// serve http as well.
var Contexts = session.Contexts{
	Block:    nc.Stream,
	Servers:  nc.Stream | nc.StreamServer,
	Levels:   nc.Stream | nc.StreamServer,
	Upstream: nc.StreamUpstream,
}

// Shared makes a module of stream of one that serves http as well.
func Shared(module func(session.Contexts) *session.Module) *Module {
	m := module(Contexts)
	out := &Module{Name: m.Name, Commands: m.Commands, Variables: m.Variables}
	if m.Init != nil {
		out.Init = func(st *Stream) error { return m.Init(&st.Realm) }
	}
	return out
}

// Code is what a handler answers: a status, or one of session's constants.
type Code = session.Code

// The statuses of sessions, as $status has them.
const (
	StatusOK          Code = 200
	StatusBadRequest  Code = 400
	StatusForbidden   Code = 403
	StatusInternal    Code = 500
	StatusBadGateway  Code = 502
	StatusUnavailable Code = 503
)

// Preread is a handler that looks at what the client has sent so far, before
// anything is done with it. It is called again with more as long as it answers
// Again.
type Preread func(s *Session, sent []byte) Code

// Again asks for more of what the client sends.
const Again Code = -2

// Content is what serves a session; it returns its status, or Pending.
type Content func(*Session) Code

// Pending is what content returns that goes on without the session's goroutine; see
// Session.Leave.
const Pending Code = -3

// host is the server of stream, as session.Host.
type host struct{ stream *Stream }

func (h host) Handle(p session.Phase, handler session.Handler) {
	h.stream.handlers[p] = append(h.stream.handlers[p], handler)
}

func (h host) Levels(f func(*session.Level)) {
	f(&h.stream.root.Level)
	for _, srv := range h.stream.Servers {
		f(&srv.Level)
	}
}

func (h host) Servers() []*session.Server {
	var list []*session.Server
	for _, srv := range h.stream.Servers {
		list = append(list, &srv.Server)
	}
	return list
}
