package upstream

import (
	"container/list"
	"slices"
	"time"
)

// queue is the requests that wait for a peer, the oldest first.
type queue struct{ places list.List }

func (q *queue) len() int { return q.places.Len() }

// place is a request's place in the queue.
type place struct {
	s *Selection
	// element is nil outside of the queue; guarded by the group.
	element *list.Element
	served  chan struct{} // closed when the request has a peer and has left the queue
}

// join takes a peer for the request, or has it wait behind the others if there
// is room for it. Nobody is overtaken: those who wait get first what they can
// use.
func (g *Group) join(s *Selection, now time.Time) {
	if g.queue.len() == 0 {
		if s.attempt(now); s.Peer != nil || !s.mayWait() {
			return
		}
	}
	p := &place{s: s, served: make(chan struct{})}
	p.element = g.queue.places.PushBack(p)
	g.dispatch(now)
	switch {
	case p.element == nil:
		return
	case s.mayWait():
		if g.queue.len() <= g.Queue {
			s.place = p
			return
		}
		s.turnedAway = true
	}
	g.queue.remove(p)
}

func (q *queue) remove(p *place) {
	q.places.Remove(p.element)
	p.element = nil
}

// dispatch gives peers to those who wait and can use them, the oldest first.
func (g *Group) dispatch(now time.Time) {
	for e := g.queue.places.Front(); e != nil && g.hasRoom(now); {
		p := e.Value.(*place)
		e = e.Next()
		if p.s.attempt(now); p.s.Peer != nil {
			g.queue.remove(p)
			close(p.served)
		}
	}
}

// hasRoom reports whether some peer could take some request.
func (g *Group) hasRoom(now time.Time) bool {
	room := false
	g.each(func(p *Peer) { room = room || !p.down && !p.unhealthy && !p.full() && !p.failing(now) })
	return room
}

// requeue lets those who wait choose among the peers that the group has now.
func (g *Group) requeue(now time.Time) {
	for e := g.queue.places.Front(); e != nil; e = e.Next() {
		s := e.Value.(*place).s
		tries := s.Tries
		s.start(g)
		s.Tries = tries
	}
	g.dispatch(now)
}

// attempt is choose for a request that may come back: if there is no peer,
// nothing of the way to the backups is lost.
func (s *Selection) attempt(now time.Time) {
	set, backup, tried := s.set, s.backup, s.tried
	tried.more = slices.Clone(tried.more)
	if s.choose(now); s.Peer == nil {
		s.set, s.backup, s.tried = set, backup, tried
	}
}

// mayWait reports whether waiting can help: a peer that has not been tried is
// full, or unhealthy for now. One that is out of service because requests
// failed is not waited for: nothing would tell that it is back.
func (s *Selection) mayWait() bool {
	waitFor := func(p *Peer) bool { return !p.down && !p.drain && (p.full() || p.unhealthy) }
	for i, p := range s.set.peers {
		if waitFor(p) && !s.tried.has(i) {
			return true
		}
	}
	return s.backup != nil && slices.ContainsFunc(s.backup.peers, waitFor)
}

// Queued reports whether the request waits for a peer since Next returned nil.
// Await has to follow then.
func (s *Selection) Queued() bool { return s.place != nil }

// TurnedAway reports whether Next returned nil because the queue was full.
func (s *Selection) TurnedAway() bool { return s.turnedAway }

// Await waits until the request gets a peer, which it returns, its time is up,
// or left is closed; nil: it got none. One that it got in spite of left is
// returned as well.
func (s *Selection) Await(left <-chan struct{}) *Peer {
	g, p := s.group, s.place
	s.place = nil
	timeout := time.NewTimer(g.QueueTimeout)
	defer timeout.Stop()
	select {
	case <-p.served:
		return s.Peer
	case <-timeout.C:
	case <-left:
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.element != nil {
		g.queue.remove(p)
	}
	return s.Peer
}
