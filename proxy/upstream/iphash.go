package upstream

import "time"

// IPHash chooses by the client's address, of which the last byte does not
// count in IPv4.
type IPHash struct{}

func (IPHash) pick(s *Selection, now time.Time) *Peer {
	if s.hash.tries > maxHashTries || len(s.set.peers) < 2 {
		return RoundRobin{}.pick(s, now)
	}
	if p, i := s.bound(now); p != nil {
		s.tried.add(i)
		return p
	}
	var pseudo [3]byte
	addr := pseudo[:]
	var v4 [4]byte
	var v6 [16]byte
	switch {
	case s.Client.Is4():
		v4 = s.Client.As4()
		addr = v4[:3]
	case s.Client.Is6():
		v6 = s.Client.As16()
		addr = v6[:]
	}
	if !s.hash.begun {
		s.hash.begun, s.hash.value = true, 89
	}
	hash := s.hash.value
	for {
		for _, b := range addr {
			hash = (hash*113 + uint32(b)) % 6271
		}
		p, i := s.set.byWeight(int(hash) % s.set.totalWeight)
		if s.candidate(i, p, now) {
			s.hash.value = hash
			s.tried.add(i)
			return p
		}
		if s.hash.tries++; s.hash.tries > maxHashTries {
			return RoundRobin{}.pick(s, now)
		}
	}
}
