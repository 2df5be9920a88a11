package upstream

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strings"
	"time"
)

// ConsistentHash chooses by a key so that a peer that comes or goes moves few
// other keys: ketama, with the points of Cache::Memcached::Fast.
type ConsistentHash struct{}

// ringPoint is a server's place on the ring.
type ringPoint struct {
	hash   uint32
	server string
}

// pointsPerWeight is how many places on the ring a weight of 1 gives.
const pointsPerWeight = 160

func (ConsistentHash) pick(s *Selection, now time.Time) *Peer {
	if s.hash.tries > maxHashTries || s.set.single || len(s.Key) == 0 {
		return RoundRobin{}.pick(s, now)
	}
	if len(s.set.peers) == 0 {
		return nil
	}
	ring := s.set.hashRing()
	if !s.hash.begun {
		s.hash.begun = true
		s.hash.value = ringIndex(ring, crc32.ChecksumIEEE(s.Key))
	}
	if p, i := s.bound(now); p != nil {
		s.tried.add(i)
		return p
	}
	for {
		server := ring[int(s.hash.value)%len(ring)].server
		// Several peers may belong to the server of a point: a name with
		// several addresses.
		if p, i, total := s.turns(0, now, func(p *Peer) bool { return p.Server == server }); p != nil {
			p.current -= total
			s.tried.add(i)
			return p
		}
		s.hash.value++
		if s.hash.tries++; s.hash.tries > maxHashTries {
			return RoundRobin{}.pick(s, now)
		}
	}
}

// ringIndex returns the index of the first point at or after a hash; the end
// of the ring for none.
func ringIndex(ring []ringPoint, hash uint32) uint32 {
	i, _ := slices.BinarySearchFunc(ring, hash, func(p ringPoint, h uint32) int {
		switch {
		case p.hash < h:
			return -1
		case p.hash > h:
			return 1
		}
		return 0
	})
	return uint32(i)
}

// hashRing returns the ring of the set's servers.
func (s *set) hashRing() []ringPoint {
	if s.ring != nil {
		return s.ring
	}
	for _, p := range s.peers {
		host, port := ringHost(p.Server)
		base := crc32.ChecksumIEEE([]byte(host + "\x00" + port))
		var previous [4]byte
		for range p.weight * pointsPerWeight {
			hash := crc32.Update(base, crc32.IEEETable, previous[:])
			s.ring = append(s.ring, ringPoint{hash, p.Server})
			binary.LittleEndian.PutUint32(previous[:], hash)
		}
	}
	slices.SortStableFunc(s.ring, func(a, b ringPoint) int {
		switch {
		case a.hash < b.hash:
			return -1
		case a.hash > b.hash:
			return 1
		}
		return 0
	})
	s.ring = slices.CompactFunc(s.ring, func(a, b ringPoint) bool { return a.hash == b.hash })
	return s.ring
}

// ringHost splits a server as written into host and port for hashing.
func ringHost(server string) (host, port string) {
	if len(server) >= 5 && strings.EqualFold(server[:5], "unix:") {
		return server[5:], ""
	}
	i := strings.LastIndexByte(server, ':')
	if i < 0 || strings.Trim(server[i+1:], "0123456789") != "" {
		return server, ""
	}
	return server[:i], server[i+1:]
}
