package upstream

import "time"

// RoundRobin gives each peer its turn by weight, smoothly: with the weights 5,
// 1, 1 the order is a a b a c a a. Weights of peers that failed grow back turn
// by turn.
type RoundRobin struct{}

func (RoundRobin) pick(s *Selection, now time.Time) *Peer {
	if s.set.single {
		return pickOnly(s)
	}
	bound, index := s.bound(now)
	if bound != nil && bound.current <= -(s.set.totalWeight-bound.weight) {
		// Requests bound to one peer have used up its turns: the others'
		// must not be taken from them.
		s.tried.add(index)
		return bound
	}
	var best *Peer
	total, at := 0, 0
	for i, p := range s.set.peers {
		if s.tried.has(i) || !p.available(now) {
			continue
		}
		share := p.share(now)
		turn := min(p.effective, share)
		p.current += turn
		total += turn
		if p.effective < p.weight {
			p.effective++
		}
		if best == nil || p.current > best.current {
			best, at = p, i
		}
	}
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
func pickOnly(s *Selection) *Peer {
	p := s.set.peers[0]
	if p.down || p.unhealthy || p.full() {
		return nil
	}
	return p
}
