package stream

import "tandem/session"

// Arrivals tells limits on connections of sessions, as limit.Arrivals: a session
// ends when its client has left.
type Arrivals struct{}

// KeepOrder implements limit.Arrivals.
func (Arrivals) KeepOrder(*session.Realm) {}

// Earlier implements limit.Arrivals.
func (Arrivals) Earlier(*session.Session) int { return 0 }

// AwaitEarlier implements limit.Arrivals.
func (Arrivals) AwaitEarlier(*session.Session) {}

// OnLeave implements limit.Arrivals.
func (Arrivals) OnLeave(s *session.Session, f func()) { s.OnEnd(f) }
