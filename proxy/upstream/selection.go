package upstream

import (
	"net/netip"
	"time"
)

// Selection is one request's way through the peers of a group.
type Selection struct {
	// Tries is how many peers may still be tried.
	Tries int
	// Peer is the one being tried, nil for none.
	Peer *Peer

	// Key is what hash balancers choose by, Client what ip_hash does, Hint
	// the SID of the peer that the request is bound to. They are set before
	// the first Next and stay unchanged.
	Key    []byte
	Client netip.Addr
	Hint   []byte
	// Told is set before Free.
	Told Told

	group   *Group
	set     *set
	backup  *set
	tried   triedSet
	hash    hashState
	began   time.Time
	waiting bool          // the request counts as one without an answer
	header  time.Duration // to the head of the response, -1: it has not come
	connect time.Duration // until the peer had accepted, -1: it has not, or nobody has told
	place   *place        // in the queue, nil outside of it

	turnedAway bool // from the queue
}

// Start begins a selection in g.
func (s *Selection) Start(g *Group) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s.start(g)
}

func (s *Selection) start(g *Group) {
	s.group, s.set, s.backup = g, g.primary, g.backup
	s.Peer = nil
	s.Tries = s.set.tries
	if s.backup != nil {
		s.Tries += s.backup.tries
	}
	s.tried.clear()
	s.hash = hashState{}
}

// Next chooses the next peer to try; nil: there is none that could take the
// request now. It may then wait for one, see Queued. Every peer returned is
// given back with Free.
func (s *Selection) Next(now time.Time) *Peer {
	g := s.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.Queue > 0 {
		g.join(s, now)
	} else {
		s.choose(now)
	}
	return s.Peer
}

// choose takes a peer, if there is one for the request.
func (s *Selection) choose(now time.Time) {
	g := s.group
	s.Peer = g.balancer.pick(s, now)
	if s.Peer == nil && s.backup != nil {
		s.set, s.backup = s.backup, nil
		s.tried.clear()
		s.Peer = g.balancer.pick(s, now)
	}
	if s.Peer == nil {
		return
	}
	s.Peer.take(now)
	s.Peer.latency.begin(now)
	s.began, s.waiting, s.header, s.connect = now, true, -1, -1
}

// Result is how a try ended, as far as the peer is concerned.
type Result uint8

// The results of a try.
const (
	Worked  Result = iota
	Refused        // the peer works but has not what was asked for; another may
	Failed
	// Stale: an idle connection was closed before an answer began. That says
	// nothing of the peer, which may be tried again over another one.
	Stale
)

// Free gives the peer back. It reports whether the peer is out of service
// from now on.
func (s *Selection) Free(result Result, now time.Time) (disabled bool) {
	p := s.Peer
	if p == nil {
		return false
	}
	s.Peer = nil
	g := s.group
	g.mu.Lock()
	defer g.mu.Unlock()
	p.conns--
	p.traffic.count(s.Told, now.Sub(s.began))
	s.Told = Told{}
	s.measure(p, result, now)
	if result == Failed {
		p.failures++
	}
	switch {
	case result == Stale:
		s.tried.remove(s.set.index(p))
		s.Tries++
	case s.set.single:
		// The only peer is never out of service, and is tried once.
		p.fails = 0
		s.Tries = 0
	case result == Failed:
		disabled = p.fail(now)
	default:
		p.succeed(now)
	}
	if s.Tries > 0 {
		s.Tries--
	}
	g.dispatch(now)
	return disabled
}

// measure takes the times of a try that has ended into account. Failures do
// not count: a peer that fails fast is not a fast one.
func (s *Selection) measure(p *Peer, result Result, now time.Time) {
	took := now.Sub(s.began)
	if s.waiting {
		s.waiting = false
		p.latency.answered(now, took)
	}
	if result == Worked && s.connect >= 0 {
		p.latency.connect = blend(p.latency.connect, s.connect)
	}
	if result == Worked && s.header >= 0 {
		p.latency.response = blend(p.latency.response, took)
		p.latency.header = blend(p.latency.header, s.header)
	}
}

// Connected notes that the peer has accepted a session, which is all that some
// protocols know of its health: others may go to it from now on.
func (s *Selection) Connected(now time.Time) {
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	p := s.Peer
	if p == nil {
		return
	}
	p.succeed(now)
	s.connect = now.Sub(s.began)
	if s.group.connectOnly {
		p.latency.answered(now, s.connect)
		s.waiting = false
	}
}

// HeaderReceived notes that the head of the response is there.
func (s *Selection) HeaderReceived(now time.Time) {
	p := s.Peer
	if p == nil {
		return
	}
	s.header = now.Sub(s.began)
	if !s.group.headOnly {
		return
	}
	s.group.mu.Lock()
	p.latency.answered(now, s.header)
	s.group.mu.Unlock()
	s.waiting = false
}
