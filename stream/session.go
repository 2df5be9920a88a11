package stream

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/hostnames"
	"tandem/internal/relay"
	"tandem/session"
	"tandem/session/virtual"
)

// Session is a connection of a client, or what it sends from one port as
// datagrams, from its beginning to its line in the log. One goroutine serves it.
type Session struct {
	session.Session

	// Conn is the connection, over TLS if there is any; nil for datagrams. Until
	// it is given away it is the session's to read and to close.
	Conn net.Conn
	// Packets is what the client sends as datagrams; nil for a connection.
	Packets *Packets
	Server  *Server
	Status  Code

	received, sent atomic.Int64

	client session.Client
	at     *virtual.Address[*Server]
	from   *port
	action string              // what is being done, in nginx's words
	about  func([]byte) []byte // what the content adds to messages of the log
	given  bool                // the connection has been given away
	passes int                 // how often it has come from another server

	end     func() Code  // what is left to do after Leave
	left    atomic.Int32 // one each when the goroutine has left, and when it is resumed
	carried carried
	leave   leaving
	arrived bool // it has been through the phases up to the limits,
	limited Code // which came to this
}

// carried is what carries a session's bytes, so that others can end it.
type carried struct {
	mu      sync.Mutex
	relay   *relay.Relay // nil before
	aborted bool         // it is not to begin
	reset   bool
}

// Side returns the client's connection for a Relay, whose it is from then on.
func (s *Session) Side() relay.Side {
	side := relay.Side{Conn: s.Conn, Received: &s.received, Sent: &s.sent}
	if t, ok := s.Conn.(*secured); ok {
		side.Conn, side.Ahead = t.Conn, t.ahead
	}
	return side
}

// Carry notes who carries the session's bytes.
func (s *Session) Carry(r *relay.Relay) {
	s.carried.mu.Lock()
	s.carried.relay = r
	aborted, reset := s.carried.aborted, s.carried.reset
	s.carried.mu.Unlock()
	if aborted {
		stop(r, reset)
	}
}

func stop(r *relay.Relay, reset bool) {
	if reset {
		r.Reset()
	} else {
		r.Close()
	}
}

var sessions = sync.Pool{New: func() any {
	s := new(Session)
	s.Init(s)
	return s
}}

var sessionNumber atomic.Uint64

// newSession makes the session of a client that has come to a port.
func newSession(from *port, local, peer net.Addr) *Session {
	s := sessions.Get().(*Session)
	s.client = session.Client{Number: sessionNumber.Add(1), Start: time.Now(), Local: local}
	s.client.SetPeer(peer)
	s.from, s.at = from, from.At(local)
	s.Server, s.action = s.at.Default, "initializing session"
	s.Attach(&s.client, &s.Server.Level)
	return s
}

// release gives the memory of a session that has ended back.
func (s *Session) release() {
	s.Session.Reset()
	s.Conn, s.Packets, s.Server, s.at, s.from = nil, nil, nil, nil, nil
	s.Status, s.action, s.about, s.given, s.passes = 0, "", nil, false, 0
	s.arrived = false
	s.end, s.carried.relay, s.carried.aborted, s.carried.reset = nil, nil, false, false
	s.left.Store(0)
	s.received.Store(0)
	s.sent.Store(0)
	sessions.Put(s)
}

// IsUDP reports whether the client sends datagrams.
func (s *Session) IsUDP() bool { return s.Packets != nil }

// Received returns how many bytes have come from the client.
func (s *Session) Received() int64 { return s.received.Load() }

// Sent returns how many bytes have been sent to the client.
func (s *Session) Sent() int64 { return s.sent.Load() }

// CountReceived counts bytes that have come from the client.
func (s *Session) CountReceived(n int64) { s.received.Add(n) }

// CountSent counts bytes that have been sent to the client.
func (s *Session) CountSent(n int64) { s.sent.Add(n) }

// NoDelay reports whether small packets are sent at once, as tcp_nodelay says.
func (s *Session) NoDelay() bool { return s.Server.core.noDelay.V }

// Doing says what is done from now on, in the words that messages of the log have
// after "while".
func (s *Session) Doing(action string) { s.action = action }

// About has messages of the log say more: append is called behind the client and
// the server.
func (s *Session) About(append func([]byte) []byte) { s.about = append }

// Failf logs a message with what was being done, and whose session it is.
func (s *Session) Failf(level errorlog.Level, format string, args ...any) {
	if s.Log().Enabled(level) {
		s.Logf(level, format+" while %s", append(args, s.action)...)
	}
}

// Notef logs a message alone, without whose session it is.
func (s *Session) Notef(level errorlog.Level, format string, args ...any) {
	if log := s.Log(); log.Enabled(level) {
		log.Write(level, s.client.Number, fmt.Appendf(nil, format, args...))
	}
}

// Log implements session.Owner.
func (s *Session) Log() *errorlog.Log { return s.Server.Log() }

// AppendAbout implements session.Owner.
func (s *Session) AppendAbout(b []byte, extra func([]byte) []byte) []byte {
	b = append(append(b, ", server: "...), s.from.name...)
	if extra != nil {
		b = extra(b)
	}
	if s.about != nil {
		b = s.about(b)
	}
	return b
}

// Choose has the server that has a name serve the session, if there is one among
// those of the address. name is as the client has sent it.
func (s *Session) Choose(name string) {
	if s.at.Names == nil {
		return
	}
	host, _, ok := hostnames.ServerName(nil, []byte(name))
	if !ok {
		return
	}
	if srv, ok := s.at.Names.Find(&s.Session, host); ok {
		s.Server = srv
		s.Enter(&srv.Level)
	}
}

// since returns for how long the session has been there.
func (s *Session) since() time.Duration { return time.Since(s.client.Start) }
