package upstream

import "time"

// candidate reports whether the peer with that index can be chosen.
func (s *Selection) candidate(i int, p *Peer, now time.Time) bool {
	return !s.tried.has(i) && p.available(now)
}

// turns gives the candidates from index from on that also satisfy among their
// share of the next turn, and returns whose turn it is and the sum of the
// shares, which the chosen one is to be charged; nil: there is none.
func (s *Selection) turns(from int, now time.Time, among func(p *Peer) bool) (best *Peer, at, total int) {
	for i := from; i < len(s.set.peers); i++ {
		p := s.set.peers[i]
		if !s.candidate(i, p, now) || !among(p) {
			continue
		}
		turn := min(p.effective, p.share(now))
		p.current += turn
		total += turn
		if p.effective < p.weight {
			p.effective++
		}
		if best == nil || p.current > best.current {
			best, at = p, i
		}
	}
	return best, at, total
}

func anyPeer(*Peer) bool { return true }

// leastOf chooses the candidate with the least load per weight, and among
// those that are equal by round robin.
func (s *Selection) leastOf(now time.Time, load func(p *Peer) int64) (best *Peer, at int) {
	many := false
	var least int64
	for i, p := range s.set.peers {
		if !s.candidate(i, p, now) {
			continue
		}
		l := load(p)
		mine, others := int64(0), int64(0)
		if best != nil {
			mine, others = l*int64(best.share(now)), least*int64(p.share(now))
		}
		switch {
		case best == nil || mine < others:
			best, at, least, many = p, i, l, false
		case mine == others:
			many = true
		}
	}
	if best == nil || !many {
		return best, at
	}
	share := int64(best.share(now))
	best, at, total := s.turns(at, now, func(p *Peer) bool { return load(p)*share == least*int64(p.share(now)) })
	best.current -= total
	return best, at
}
