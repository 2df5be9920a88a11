package stream

import (
	"sync"

	"tandem/internal/relay"
	"tandem/session"
)

// Arrivals tells limits on connections of sessions, as limit.Arrivals.
type Arrivals struct{}

// KeepOrder implements limit.Arrivals: sessions go through the phase of limits in the
// order in which they are accepted, see port.accept.
func (Arrivals) KeepOrder(*session.Realm) {}

// Earlier implements limit.Arrivals: nobody is overtaken.
func (Arrivals) Earlier(*session.Session) int { return 0 }

// AwaitEarlier implements limit.Arrivals: clients that have left by now are seen to
// have.
func (Arrivals) AwaitEarlier(*session.Session) { relay.Settle() }

// OnLeave implements limit.Arrivals.
func (Arrivals) OnLeave(s *session.Session, f func()) {
	own := s.Owner().(*Session)
	if own.leave.add(f) {
		s.OnEnd(own.Gone)
	}
}

// leaving is what waits for a client to leave.
type leaving struct {
	mu   sync.Mutex
	wait []func()
}

// add reports whether f is the first.
func (l *leaving) add(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wait = append(l.wait, f)
	return len(l.wait) == 1
}

// Gone notes that the client has left, or will be let go: what counted it counts it no
// more. It may be called by any goroutine, more than once.
func (s *Session) Gone() {
	s.leave.mu.Lock()
	wait := s.leave.wait
	s.leave.wait = nil
	s.leave.mu.Unlock()
	for _, f := range wait {
		f()
	}
}
