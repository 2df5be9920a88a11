package session

import "tandem/nginxconf"

// Server is a server block, as modules of both servers see it.
type Server struct {
	Realm *Realm
	Pos   nginxconf.Pos
	Owner ServerOwner
	// AsksTLS is where a listen directive of the server asks for TLS; nil: none
	// does.
	AsksTLS *nginxconf.Pos

	settings Settings
}

// ServerOwner is what a Server is part of.
type ServerOwner interface {
	// ALPN returns the names of the protocols that the server speaks over TLS
	// (RFC 7301), in the order of its preference.
	ALPN() []string
	// Deputies returns the servers that may answer a handshake in place of one
	// that has no certificate.
	Deputies() []*Server
	// Before returns a session of a client that has sent nothing yet but its part
	// of a handshake: for what is evaluated during that.
	Before(c *Client) *Session
}

// Level is one level of the configuration, as modules of both servers see it: a
// block, a server, and what the server's language has inside of servers.
type Level struct {
	Server *Server

	settings Settings
}

var serverSlots, levelSlots Slots

// ServerSlot holds a module's settings of a server.
type ServerSlot[T any] struct{ slot Slot[T] }

// NewServerSlot makes a slot in every server and in the block that servers inherit
// from. inherit completes the settings of a server from those of the block; it may
// be nil. Call it in a package variable.
func NewServerSlot[T any](inherit func(child, parent *T) error) ServerSlot[T] {
	return ServerSlot[T]{NewSlot(&serverSlots, inherit)}
}

// Of returns the module's settings in srv.
func (s ServerSlot[T]) Of(srv *Server) *T { return s.slot.In(srv.settings) }

// LevelSlot holds a module's settings of a level.
type LevelSlot[T any] struct{ slot Slot[T] }

// NewLevelSlot makes a slot in every level. inherit completes the settings of the
// inner level from those of the outer one, which is complete unless it is the
// block itself; it may be nil. Call it in a package variable.
func NewLevelSlot[T any](inherit func(child, parent *T) error) LevelSlot[T] {
	return LevelSlot[T]{NewSlot(&levelSlots, inherit)}
}

// Of returns the module's settings in l.
func (s LevelSlot[T]) Of(l *Level) *T { return s.slot.In(l.settings) }

// Init gives a server that is about to be read its settings.
func (srv *Server) Init(r *Realm, owner ServerOwner, pos nginxconf.Pos) {
	srv.Realm, srv.Owner, srv.Pos, srv.settings = r, owner, pos, serverSlots.Make()
}

// Inherit completes the settings of a server from those of the block; nil: it is
// the block's own.
func (srv *Server) Inherit(block *Server) error {
	from := Settings(nil)
	if block != nil {
		from = block.settings
	} else {
		from = serverSlots.Make()
	}
	return serverSlots.Inherit(srv.settings, from)
}

// Init gives a level that is about to be read its settings.
func (l *Level) Init(srv *Server) { l.Server, l.settings = srv, levelSlots.Make() }

// Inherit completes the settings of a level from those of the level around it;
// nil: it is the outermost.
func (l *Level) Inherit(outer *Level) error {
	from := Settings(nil)
	if outer != nil {
		from = outer.settings
	} else {
		from = levelSlots.Make()
	}
	return levelSlots.Inherit(l.settings, from)
}
