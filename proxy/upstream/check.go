package upstream

import "time"

// Check is an active check of the peers of a group, as far as it decides who
// gets requests: when a peer counts as unhealthy, and when as well again. It is
// added to its group before that is used, and is not changed afterwards.
type Check struct {
	Name   string // for people
	Key    string // what it is known by in the group of another configuration
	Fails  int    // failures in a row that make a peer unhealthy
	Passes int    // successes in a row that make an unhealthy one healthy
	// Mandatory: a peer gets no requests before its first success. Persistent:
	// one that was healthy before a reload has that behind it.
	Mandatory, Persistent bool

	index int // in the group
}

// Health is what an active check says of a peer. Only healthy ones get
// requests.
type Health uint8

// The verdicts of a check.
const (
	Healthy  Health = iota
	Checking        // the check is mandatory, and nothing is known yet
	Unhealthy
)

// String returns nginx Plus' word for the state that follows.
func (h Health) String() string { return [...]string{"up", "checking", "unhealthy"}[h] }

// Finding is what a check has found of a peer.
type Finding struct {
	Check  string // its name
	Health Health
	Since  time.Time // of Health; zero: from the beginning
	Checks uint64    // how often the peer was checked
	Failed uint64    // how often in vain
	Turns  uint64    // how often it became unhealthy
	// The last result; without meaning while Checks is 0.
	At     time.Time
	Reason string // why it was a failure, "" for a success

	against int // results in a row that speak against Health
}

// record takes a result in. What Mandatory asks for is one success.
func (f *Finding) record(c *Check, reason string, now time.Time) {
	f.Checks++
	f.At, f.Reason = now, reason
	next, needed := Healthy, c.Passes
	if reason != "" {
		f.Failed++
		next, needed = Unhealthy, c.Fails
	} else if f.Health == Checking {
		needed = 1
	}
	if next == f.Health {
		f.against = 0
		return
	}
	if f.against++; f.against < needed {
		return
	}
	f.Health, f.Since, f.against = next, now, 0
	if next == Unhealthy {
		f.Turns++
	}
}

// AddCheck adds a check. before is the group that this one takes the place of,
// nil for none: peers that were unhealthy stay so until the check says
// otherwise.
func (g *Group) AddCheck(c *Check, before *Group) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c.index = len(g.checks)
	g.checks = append(g.checks, c)
	g.each(func(p *Peer) {
		g.begin(p)
		if before == nil {
			return
		}
		if f, ok := before.finding(c.Key, p); ok && (f.Health == Unhealthy || f.Health == Healthy && c.Persistent) {
			p.findings[c.index] = f
			p.judge()
		}
	})
}

// begin gives a peer the findings of checks that have not seen it yet.
func (g *Group) begin(p *Peer) {
	for _, c := range g.checks[len(p.findings):] {
		f := Finding{Check: c.Name}
		if c.Mandatory {
			f.Health = Checking
		}
		p.findings = append(p.findings, f)
	}
	p.judge()
}

// finding returns what the group's check with that key found of the peer with
// the address of p.
func (g *Group) finding(key string, p *Peer) (f Finding, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.checks {
		if c.Key != key {
			continue
		}
		g.each(func(old *Peer) {
			if old.Addr == p.Addr && old.Server == p.Server {
				f, ok = old.findings[c.index], true
			}
		})
	}
	return f, ok
}

// Found takes the result of a check in: why it failed, "" for a success. It
// returns what the check said of the peer before and what it says now.
func (g *Group) Found(c *Check, p *Peer, reason string, now time.Time) (was, is Health) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := &p.findings[c.index]
	was = f.Health
	f.record(c, reason, now)
	if f.Health != was {
		ill := p.unhealthy
		if p.judge(); ill && !p.unhealthy {
			p.recovered = now
			g.dispatch(now)
		}
	}
	return was, f.Health
}

// judge sums up what the checks say: each of them can keep requests away.
func (p *Peer) judge() {
	p.unhealthy = false
	for i := range p.findings {
		p.unhealthy = p.unhealthy || p.findings[i].Health != Healthy
	}
}

// Changed returns a channel that is closed when the group gets other peers.
func (g *Group) Changed() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	return g.changed
}

// Checked reports whether there are checks at all.
func (g *Group) Checked() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.checks) > 0
}

// Serving reports whether the checks leave a peer that may get requests.
// Failures of requests do not count: those pass.
func (g *Group) Serving() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	serving := false
	g.each(func(p *Peer) { serving = serving || !p.down && !p.unhealthy })
	return serving
}
