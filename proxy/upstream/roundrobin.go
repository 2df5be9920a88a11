package upstream

import "time"

// RoundRobin gives each peer its turn by weight, smoothly: with the weights 5,
// 1, 1 the order is a a b a c a a. Weights of peers that failed grow back turn
// by turn.
type RoundRobin struct{}

func (RoundRobin) pick(s *Selection, now time.Time) *Peer {
	if s.set.single {
		return pickOnly(s, now)
	}
	bound, index := s.bound(now)
	if bound != nil && bound.current <= -(s.set.totalWeight-bound.weight) {
		// Requests bound to one peer have used up its turns: the others'
		// must not be taken from them.
		s.tried.add(index)
		return bound
	}
	best, at, total := s.turns(0, now, anyPeer)
	if bound != nil {
		best, at = bound, index
	}
	if best == nil {
		return nil
	}
	best.current -= total
	s.tried.add(at)
	return best
}

// pickOnly chooses the only peer of a set, whatever its failures.
func pickOnly(s *Selection, now time.Time) *Peer {
	if p, _ := s.bound(now); p != nil {
		return p
	}
	p := s.set.peers[0]
	if p.down || p.drain || p.unhealthy || p.full() {
		return nil
	}
	return p
}
