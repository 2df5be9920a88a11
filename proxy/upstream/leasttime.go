package upstream

import "time"

// LeastTime chooses the peer that is expected to be done first: by the average
// time that it took lately, to the head of the response (in stream, its first byte)
// or to its last byte, times the requests that it has.
type LeastTime struct {
	Header   bool // the time to the head of the response
	Connect  bool // the time until the peer has accepted
	Inflight bool // requests that are not done yet count, too
}

func (l LeastTime) pick(s *Selection, now time.Time) *Peer {
	if s.set.single {
		return pickOnly(s, now)
	}
	p, i := s.bound(now)
	if p == nil {
		p, i = s.leastOf(now, func(p *Peer) int64 { return l.estimate(p, now) })
	}
	if p == nil {
		return nil
	}
	s.tried.add(i)
	return p
}

// Times are put into classes, so that peers that are about as fast take turns,
// and all that are slow are equally slow.
const (
	timeClass = 20 * time.Millisecond
	slowTime  = 5 * time.Second
)

// estimate returns the time that a peer has still to spend on its requests and
// one more.
func (l LeastTime) estimate(p *Peer, now time.Time) int64 {
	t := p.latency.response
	switch {
	case l.Connect:
		t = p.latency.connect
	case l.Header:
		t = p.latency.header
	}
	if idle := now.Sub(p.checked); idle > p.failTimeout {
		// A peer that is not chosen gets another chance once in a while.
		t >>= min(uint(idle/(p.failTimeout+time.Second)), 62)
	}
	if l.Inflight {
		t = max(t, p.latency.inflight(now))
	}
	if t > slowTime {
		t = slowTime
	} else {
		t += timeClass - t%timeClass
	}
	return int64(t/time.Millisecond) * int64(1+p.conns)
}

// latency is how fast a peer has answered lately.
type latency struct {
	connect  time.Duration // averages; 0: nothing known
	header   time.Duration
	response time.Duration

	// Of the requests without an answer yet: their number, the time they had
	// spent in all when that number changed, and when that was.
	waiting int
	spent   time.Duration
	changed time.Time
	average time.Duration
}

// begin counts a request.
func (l *latency) begin(now time.Time) {
	if l.waiting > 0 {
		l.spent += now.Sub(l.changed) * time.Duration(l.waiting)
	}
	l.changed = now
	l.waiting++
}

// answered ends the waiting of a request that took so long.
func (l *latency) answered(now time.Time, took time.Duration) {
	if l.waiting == 1 {
		l.spent = 0
	} else {
		l.spent += now.Sub(l.changed)*time.Duration(l.waiting) - took
		l.changed = now
	}
	l.waiting--
}

// inflight returns the average age of the requests without an answer.
func (l *latency) inflight(now time.Time) time.Duration {
	if l.waiting == 0 {
		return 0
	}
	l.average = blend(l.average, l.spent/time.Duration(l.waiting)+now.Sub(l.changed))
	return l.average
}

// blend moves an average by a twentieth of the way to a sample.
func blend(average, sample time.Duration) time.Duration {
	if average == 0 {
		return sample
	}
	return (average*19 + sample) / 20
}
