package upstream

import "slices"

// set is a list of peers that is chosen from as a whole: the ordinary ones of
// a group, or its backups. The list never changes; a group whose addresses
// change gets another set.
type set struct {
	peers       []*Peer
	totalWeight int
	tries       int // peers that are not down
	single      bool
	ring        []ringPoint // of consistent hashing, made when first needed
}

func newSet(peers []*Peer) *set {
	s := &set{peers: peers}
	for _, p := range peers {
		s.totalWeight += p.weight
		if !p.down {
			s.tries++
		}
	}
	return s
}

// index returns where in the set a peer of it is.
func (s *set) index(p *Peer) int { return slices.Index(s.peers, p) }

// peersOf makes the peers of the servers, backups or others.
func peersOf(servers []Server, backup bool) []*Peer {
	var peers []*Peer
	for i := range servers {
		if servers[i].Backup != backup {
			continue
		}
		for _, addr := range servers[i].Addrs {
			peers = append(peers, newPeer(&servers[i], addr))
		}
	}
	return peers
}

// triedSet remembers which peers of a set a request has been at.
type triedSet struct {
	first uint64
	more  []uint64 // for peers from the 65th on
}

func (t *triedSet) has(i int) bool {
	if i < 64 {
		return t.first&(1<<i) != 0
	}
	i -= 64
	return i/64 < len(t.more) && t.more[i/64]&(1<<(i%64)) != 0
}

func (t *triedSet) add(i int) {
	if i < 64 {
		t.first |= 1 << i
		return
	}
	i -= 64
	for i/64 >= len(t.more) {
		t.more = append(t.more, 0)
	}
	t.more[i/64] |= 1 << (i % 64)
}

func (t *triedSet) remove(i int) {
	if i < 64 {
		t.first &^= 1 << i
	} else if i -= 64; i/64 < len(t.more) {
		t.more[i/64] &^= 1 << (i % 64)
	}
}

func (t *triedSet) clear() {
	t.first = 0
	clear(t.more)
}
