package upstream

import "time"

// LeastConn chooses the peer with the fewest requests for its weight.
type LeastConn struct{}

func (LeastConn) pick(s *Selection, now time.Time) *Peer {
	if s.set.single {
		return pickOnly(s, now)
	}
	p, i := s.bound(now)
	if p == nil {
		p, i = s.leastOf(now, func(p *Peer) int64 { return int64(p.conns) })
	}
	if p != nil {
		s.tried.add(i)
	}
	return p
}
