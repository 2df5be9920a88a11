package session

import (
	"net/netip"

	"tandem/internal/errorlog"
)

// Session is what is done for one client at a time: a request, which is part of
// web.Request, or a connection of stream. It belongs to one goroutine. Byte slices
// in it are valid until it ends.
//
// One may be part of another, as a subrequest is of its request: the outer one,
// main, has what they have in common. Memory serves one session after another.
type Session struct {
	owner  Owner
	client *Client
	level  *Level
	main   *Session // s itself unless it is part of another

	// The client's address, in the main session.
	remote        netip.AddrPort
	remoteText    string
	remoteChanged bool

	captures    []int
	captured    []byte
	matchFailed bool

	arena    arena
	scratch  scratchStack // of main
	vars     varStore     // of main
	cleanups []func()     // of main
	records  []any
}

// Owner is what a session is part of.
type Owner interface {
	// Log returns the error log of what is done.
	Log() *errorlog.Log
	// AppendAbout appends to a message of the log whom it is about, behind the
	// client, such as `, server: a.com`. extra, if it is not nil, appends what
	// else is known, and is called at its place among the rest.
	AppendAbout(b []byte, extra func([]byte) []byte) []byte
}

// Init makes the memory of a session, which is part of owner.
func (s *Session) Init(owner Owner) {
	s.owner, s.main = owner, s
	s.records = make([]any, records)
}

// Owner returns what the session is part of.
func (s *Session) Owner() Owner { return s.owner }

// Attach begins a session of a client at a level.
func (s *Session) Attach(c *Client, l *Level) {
	s.client, s.level = c, l
	s.remote, s.remoteText = c.Peer, c.PeerText
	s.vars.reset(l.Server.Realm.variables.stored)
}

// AttachTo begins a session that is part of another one.
func (s *Session) AttachTo(outer *Session) {
	s.client, s.level, s.main = outer.client, outer.level, outer.main
}

// Main returns the session that s is part of, s itself unless it is a subrequest's.
func (s *Session) Main() *Session { return s.main }

// Enter has the settings of a level be those of the session.
func (s *Session) Enter(l *Level) { s.level = l }

// Level returns the level whose settings are those of the session.
func (s *Session) Level() *Level { return s.level }

// Realm returns the block that the session is served by.
func (s *Session) Realm() *Realm { return s.level.Server.Realm }

// OnEnd has f called when the session has been logged.
func (s *Session) OnEnd(f func()) { s.main.cleanups = append(s.main.cleanups, f) }

// End calls what waits for the session's end, the last one first. If one of them
// panics, the rest still wait.
func (s *Session) End() {
	for len(s.cleanups) > 0 {
		last := len(s.cleanups) - 1
		f := s.cleanups[last]
		s.cleanups[last] = nil
		s.cleanups = s.cleanups[:last]
		f()
	}
}

// Ended reports whether nothing waits for the session's end.
func (s *Session) Ended() bool { return len(s.cleanups) == 0 }

// Reset makes s ready for another client: what it has handed out is used again.
func (s *Session) Reset() {
	s.arena.reset()
	clear(s.records)
	clear(s.cleanups)
	*s = Session{owner: s.owner, main: s, arena: s.arena, scratch: s.scratch, vars: s.vars, cleanups: s.cleanups[:0], records: s.records}
}
