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

	mu       sync.Mutex
	balancer Balancer
	headOnly bool // a request is as good as done when the head of the response is there
	primary  *set
	backup   *set // nil without backups
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
		g.headOnly = b.Header
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
}

// Peers returns the peers of the group, backups last.
func (g *Group) Peers() []*Peer {
	g.mu.Lock()
	defer g.mu.Unlock()
	peers := append([]*Peer(nil), g.primary.peers...)
	if g.backup != nil {
		peers = append(peers, g.backup.peers...)
	}
	return peers
}
