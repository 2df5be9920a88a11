package upstream

import "time"

// Random chooses any peer by weight, or the better of two.
type Random struct {
	Two bool
	// Time: the better one is the faster one, rather than that with fewer
	// requests.
	Time *LeastTime
	// Dice returns a number from 0 to n-1; never nil.
	Dice func(n int) int
}

func (r Random) pick(s *Selection, now time.Time) *Peer {
	if s.hash.tries > maxHashTries || len(s.set.peers) < 2 {
		return RoundRobin{}.pick(s, now)
	}
	if p, i := s.bound(now); p != nil {
		s.tried.add(i)
		return p
	}
	var first *Peer
	firstIndex := 0
	for {
		p, i := s.set.byWeight(r.Dice(s.set.totalWeight))
		if p != first && s.candidate(i, p, now) {
			switch {
			case !r.Two:
				s.tried.add(i)
				return p
			case first == nil:
				first, firstIndex = p, i
				continue
			}
			if r.load(p, now)*int64(first.weight) > r.load(first, now)*int64(p.weight) {
				p, i = first, firstIndex
			}
			s.tried.add(i)
			return p
		}
		if s.hash.tries++; s.hash.tries > maxHashTries {
			return RoundRobin{}.pick(s, now)
		}
	}
}

func (r Random) load(p *Peer, now time.Time) int64 {
	if r.Time != nil {
		return r.Time.estimate(p, now)
	}
	return int64(p.conns)
}
