package upstream

import (
	"hash/crc32"
	"strconv"
	"time"
)

// hashState is how far a request has come in hashing its key.
type hashState struct {
	tries  int
	rehash int
	value  uint32
	begun  bool
}

// maxHashTries is how often a balancer that hashes, or throws dice, looks
// again before it leaves the choice to round robin.
const maxHashTries = 20

// Hash chooses by a key, in the way of Cache::Memcached: a peer that comes or
// goes moves most keys.
type Hash struct{}

func (Hash) pick(s *Selection, now time.Time) *Peer {
	if s.hash.tries > maxHashTries || len(s.set.peers) < 2 || len(s.Key) == 0 {
		return RoundRobin{}.pick(s, now)
	}
	if p, i := s.bound(now); p != nil {
		s.tried.add(i)
		return p
	}
	for {
		s.hash.value += s.nextHash()
		p, i := s.set.byWeight(int(s.hash.value) % s.set.totalWeight)
		if s.candidate(i, p, now) {
			s.tried.add(i)
			return p
		}
		if s.hash.tries++; s.hash.tries > maxHashTries {
			return RoundRobin{}.pick(s, now)
		}
	}
}

// nextHash hashes the key once more, with the number of the attempt before it
// from the second on.
func (s *Selection) nextHash() uint32 {
	sum := uint32(0)
	if s.hash.rehash > 0 {
		var digits [20]byte
		sum = crc32.Update(0, crc32.IEEETable, strconv.AppendInt(digits[:0], int64(s.hash.rehash), 10))
	}
	sum = crc32.Update(sum, crc32.IEEETable, s.Key)
	s.hash.rehash++
	return sum >> 16 & 0x7fff
}

// byWeight returns the peer at a place between 0 and the total weight.
func (s *set) byWeight(at int) (*Peer, int) {
	for i, p := range s.peers {
		if at < p.weight {
			return p, i
		}
		at -= p.weight
	}
	panic("upstream: beyond the total weight")
}
