package upstream

import (
	"sync"
	"time"
)

// Group is the peers that stand for one another: an upstream block, or the
// addresses of a name.
type Group struct {
	Name string
	// Pool keeps idle connections; nil: none are kept.
	Pool *Pool
	// Queue is how many requests may wait for a peer, 0 for none, and
	// QueueTimeout for how long.
	Queue        int
	QueueTimeout time.Duration

	mu          sync.Mutex
	balancer    Balancer
	headOnly    bool // a request is as good as done when the head of the response is there
	connectOnly bool // or when the peer has accepted
	primary     *set
	backup      *set // nil without backups
	checks      []*Check
	changed     chan struct{} // closed when there are other peers; nil while nobody looks
	queue       queue
}

// Balancer chooses a peer for a request. One exists per group and is used
// under the group's lock.
type Balancer interface {
	// pick chooses a peer of s.set that s has not tried, and marks it as
	// tried; nil: none can take the request.
	pick(s *Selection, now time.Time) *Peer
}

// NewGroup makes a group of servers; a nil balancer is round robin. Servers
// without addresses get them from Resolved.
func NewGroup(name string, servers []Server, b Balancer) *Group {
	if b == nil {
		b = RoundRobin{}
	}
	g := &Group{Name: name, balancer: b}
	switch b := b.(type) {
	case LeastTime:
		g.headOnly, g.connectOnly = b.Header, b.Connect
	case Random:
		g.headOnly = b.Time != nil && b.Time.Header
	}
	g.use(peersOf(servers, false), peersOf(servers, true))
	return g
}

// use makes the peers those of the group.
func (g *Group) use(primary, backup []*Peer) {
	g.primary, g.backup = newSet(primary), nil
	g.primary.single = len(primary) == 1 && len(backup) == 0
	if len(backup) > 0 {
		g.backup = newSet(backup)
	}
	if len(g.checks) > 0 {
		g.each(g.begin)
	}
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}

// each calls f for every peer, backups last.
func (g *Group) each(f func(*Peer)) {
	for _, s := range []*set{g.primary, g.backup} {
		if s == nil {
			continue
		}
		for _, p := range s.peers {
			f(p)
		}
	}
}

// Peers returns the peers of the group, backups last.
func (g *Group) Peers() []*Peer {
	g.mu.Lock()
	defer g.mu.Unlock()
	var peers []*Peer
	g.each(func(p *Peer) { peers = append(peers, p) })
	return peers
}
