package session

import "tandem/nginxconf"

// Module is a feature that http and stream have in the same form: its directives,
// its variables, and the handlers that it adds once the configuration has been
// read. A package has a function that makes it for the Contexts of a server.
type Module struct {
	Name      string
	Commands  []nginxconf.Command
	Variables []Variable
	// Init runs once the block has been read and its levels have inherited from
	// each other. It adds handlers, if the configuration uses the module at all.
	// Nil: nothing to add.
	Init func(*Realm) error
}

// Contexts are where a server's language has the directives of a module.
type Contexts struct {
	Block   nginxconf.Context // the block itself
	Servers nginxconf.Context // the block, and its servers
	Levels  nginxconf.Context // the block, its servers and their locations
	If      nginxconf.Context // if in a location; 0: there is none
	Except  nginxconf.Context // limit_except; 0: there is none
	// Upstream is what an upstream block holds.
	Upstream nginxconf.Context
}

// Phase is a step on the way of a session that every server has.
type Phase uint8

// The phases. Other handlers run between them.
const (
	Begin   Phase = iota // who the client is: http's post-read, stream's post-accept
	Limit                // preaccess
	Access               // who may
	Logging              // when it has ended
	Phases               // how many there are
)

// Code is what a handler answers: one of the constants below, or a status of HTTP
// from 100 up, which ends the session with that status.
type Code int

// Codes that are no status, with nginx's meanings.
const (
	OK       Code = 0  // done in this phase: go on with the next one
	Error    Code = -1 // the connection is unusable: end the session, close
	Declined Code = -5 // not mine: ask the next handler of the phase
	Done     Code = -4 // the handler has dealt with the whole session
)

// Handler does one module's part of one phase.
type Handler func(*Session) Code

// Host is the server whose block a realm is.
type Host interface {
	// Handle adds a handler to a phase.
	Handle(Phase, Handler)
	// Levels calls f for every level of the configuration, from the outside
	// inward.
	Levels(f func(*Level))
	// Servers returns the servers of the block in their order.
	Servers() []*Server
}

// Host returns the server whose block the realm is.
func (r *Realm) Host() Host { return r.host }

// Handle adds a handler to a phase; for use by Module.Init.
func (r *Realm) Handle(p Phase, h Handler) { r.host.Handle(p, h) }

// Each calls f for every level of the configuration, from the outside inward.
func (r *Realm) Each(f func(*Level)) { r.host.Levels(f) }

// Any reports whether some level satisfies f: how a module's Init finds out
// whether the configuration uses it.
func (r *Realm) Any(f func(*Level) bool) bool {
	found := false
	r.Each(func(l *Level) { found = found || f(l) })
	return found
}

// Servers returns the servers of the block in their order.
func (r *Realm) Servers() []*Server { return r.host.Servers() }
