package ssl

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"time"

	"tandem/session"
)

// sessionContext is what a session was agreed under, and what a server must
// have in common to resume it: the same certificates, and the same question to
// the client (OpenSSL's session id context, which nginx makes of these).
// Otherwise a client whom one server has not asked would pass by the other's
// question. How strict a server is about the answer does not matter here: the
// client's certificate is judged anew in every session.
type sessionContext [sha256.Size]byte

// newSessionContext makes a context of everything that counts, in order.
func newSessionContext(parts ...[]byte) (s sessionContext) {
	h := sha256.New()
	for _, p := range parts {
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		_, _ = h.Write(p)
	}
	h.Sum(s[:0])
	return s
}

// sessions is how the sessions of a server are resumed: by tickets, or by a cache
// where there are none.
type sessions struct {
	context sessionContext
	life    time.Duration
	tickets bool
	own     *ticketKeys // of ssl_session_ticket_key, nil without
	cache   *sessionCache

	derived atomic.Pointer[ticketKeys]
}

// keys returns those of a moment.
func (s *sessions) keys(now time.Time) *ticketKeys {
	if s.own != nil {
		return s.own
	}
	k := s.derived.Load()
	if k == nil || !now.Before(k.until) || k.as != ring.changes.Load() {
		k = ring.keysAt(now, s.life)
		s.derived.Store(k)
	}
	return k
}

// name gives the session of a connection the name that OpenSSL would give it.
func (s *sessions) name(note *session.Secured) {
	note.SessionID = make([]byte, len(sessionID{}))
	_, _ = rand.Read(note.SessionID)
}

// share reports whether a connection needs no settings of its own: in TLS 1.3 nothing
// that is told of a session depends on its tickets.
func (s *sessions) share(t *tls.Config, hello *tls.ClientHelloInfo) bool {
	return (s.tickets || s.cache == nil) && (t.MaxVersion == 0 || t.MaxVersion >= tls.VersionTLS13) && slices.Contains(hello.SupportedVersions, tls.VersionTLS13)
}

// attachShared makes the connections that share resume sessions, and be resumed.
func (s *sessions) attachShared(t *tls.Config) {
	if !s.tickets {
		t.SessionTicketsDisabled = true
		return
	}
	t.WrapSession = func(_ tls.ConnectionState, state *tls.SessionState) ([]byte, error) {
		b, err := state.Bytes()
		if err != nil {
			return nil, err
		}
		now := time.Now()
		return s.ticket(b, now, now), nil
	}
	t.UnwrapSession = func(offered []byte, _ tls.ConnectionState) (*tls.SessionState, error) {
		state, _ := s.open(offered)
		return state, nil
	}
}

// ticket seals a session that was agreed at a time.
func (s *sessions) ticket(state []byte, begun, now time.Time) []byte {
	plain := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(state)), uint64(begun.UnixNano()))
	return s.keys(now).keys[0].seal(append(plain, state...), s.context)
}

// resumption is the part in it of a connection with settings of its own.
type resumption struct {
	*sessions
	note *session.Secured // for $ssl_session_id

	offered []byte    // what unwrap took the session from
	begun   time.Time // when that session was agreed
}

// attach makes a connection resume sessions, and be resumed.
func (s *sessions) attach(t *tls.Config, note *session.Secured) {
	if !s.tickets && s.cache == nil {
		t.SessionTicketsDisabled = true
		return
	}
	r := &resumption{sessions: s, note: note}
	t.WrapSession, t.UnwrapSession = r.wrap, r.unwrap
}

// wrap makes what the client is to come back with. In TLS 1.2 a session keeps the
// time at which it was agreed, and its name; in TLS 1.3 each connection has a new
// one.
func (r *resumption) wrap(cs tls.ConnectionState, state *tls.SessionState) ([]byte, error) {
	b, err := state.Bytes()
	if err != nil {
		return nil, err
	}
	kept := cs.DidResume && cs.Version < tls.VersionTLS13
	begun := time.Now()
	if kept {
		begun = r.begun
	}
	if r.tickets {
		switch {
		case kept: // the name that OpenSSL's clients give it
			sum := sha256.Sum256(r.offered)
			r.note.SessionID = sum[:]
		case cs.Version < tls.VersionTLS13:
			r.note.SessionID = nil
		}
		return r.ticket(b, begun, time.Now()), nil
	}
	if kept {
		r.note.SessionID = r.offered
	}
	r.cache.put(sessionID(r.note.SessionID), &cachedSession{r.context, begun, b})
	return r.note.SessionID, nil
}

// unwrap finds the session that a client offers; nil when it is to be agreed anew.
func (r *resumption) unwrap(offered []byte, _ tls.ConnectionState) (*tls.SessionState, error) {
	state, begun := r.open(offered)
	if state != nil {
		r.offered, r.begun = offered, begun
	}
	return state, nil
}

// open returns the session that a client offers, and when it was agreed; nil when it
// is to be agreed anew.
func (s *sessions) open(offered []byte) (*tls.SessionState, time.Time) {
	text, begun, ok := s.find(offered)
	if age := time.Since(begun); !ok || age >= s.life && age >= time.Second {
		return nil, begun
	}
	state, err := tls.ParseSessionState(text)
	if err != nil {
		return nil, begun // of another version of Go's TLS
	}
	return state, begun
}

func (s *sessions) find(offered []byte) (state []byte, begun time.Time, ok bool) {
	if !s.tickets {
		if len(offered) != len(sessionID{}) {
			return nil, begun, false
		}
		kept, known := s.cache.get(sessionID(offered))
		if !known || kept.context != s.context {
			return nil, begun, false
		}
		return kept.state, kept.begun, true
	}
	for _, k := range s.keys(time.Now()).keys {
		if plain, ok := k.open(offered, s.context); ok && len(plain) >= 8 {
			return plain[8:], time.Unix(0, int64(binary.BigEndian.Uint64(plain))), true
		}
	}
	return nil, begun, false
}
