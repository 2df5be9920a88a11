package upstream

import "time"

// Server is what the configuration says of one or several peers: a server
// directive, or the target of a proxy_pass.
type Server struct {
	Name        string // as written
	Addrs       []Addr // one peer each
	Weight      int
	MaxConns    int           // 0: no limit
	MaxFails    int           // 0: failures are not counted
	FailTimeout time.Duration // both the time in which failures count and that out of service
	SlowStart   time.Duration // 0: full weight at once
	Down        bool
	Drain       bool // only requests that are bound to it
	Backup      bool
	Route       string // of sticky; "": made of the address
}

// Peer is one address that requests go to. What changes while it works is
// guarded by its group.
type Peer struct {
	Addr   Addr
	Name   string // of the address, as logs and $upstream_addr have it
	Server string // as written in the configuration
	SID    string // what sticky cookies and routes call it

	of *Server // whose address it is

	weight      int
	maxConns    int
	maxFails    int
	failTimeout time.Duration
	slowStart   time.Duration
	down        bool
	drain       bool

	current   int // smooth weighted round robin, as nginx has it
	effective int

	conns     int       // requests at this peer now
	fails     int       // since checked
	accessed  time.Time // of the last failure
	checked   time.Time // when failures began to count, or the last try out of service
	recovered time.Time // when it came back, for slow_start; zero: long ago
	unhealthy bool      // what active checks say
	findings  []Finding // of each of them

	requests uint64 // ever
	failures uint64 // of them
	traffic  Traffic

	latency latency
}

// newPeer makes the peer of one address of a server.
func newPeer(s *Server, addr Addr) *Peer {
	p := &Peer{Addr: addr, Name: addr.String(), Server: s.Name, of: s}
	p.configure(s)
	p.SID = s.Route
	if p.SID == "" {
		p.SID = addressSID(p.Name)
	}
	return p
}

// configure takes over what the configuration says of p.
func (p *Peer) configure(s *Server) {
	p.weight, p.effective, p.maxConns, p.maxFails = s.Weight, s.Weight, s.MaxConns, s.MaxFails
	p.failTimeout, p.slowStart, p.down, p.drain = s.FailTimeout, s.SlowStart, s.Down, s.Drain
}

// IsDown reports whether the configuration says that p gets no requests.
func (p *Peer) IsDown() bool { return p.down }

// available reports whether requests may go to p at all.
func (p *Peer) available(now time.Time) bool {
	switch {
	case p.down, p.drain, p.unhealthy:
		return false
	}
	return !p.failing(now) && !p.full()
}

// failing reports whether p is out of service because of failures.
func (p *Peer) failing(now time.Time) bool {
	return p.maxFails > 0 && p.fails >= p.maxFails && now.Sub(p.checked) <= p.failTimeout
}

// full reports whether p has as many requests as max_conns allows.
func (p *Peer) full() bool { return p.maxConns > 0 && p.conns >= p.maxConns }

// take counts a request that goes to p.
func (p *Peer) take(now time.Time) {
	p.conns++
	p.requests++
	p.traffic.Last = now
	if now.Sub(p.checked) > p.failTimeout {
		p.checked = now
	}
}

// fail counts a failure, and reports whether p is out of service now.
func (p *Peer) fail(now time.Time) (disabled bool) {
	p.fails++
	p.accessed, p.checked = now, now
	if p.maxFails > 0 {
		p.effective = max(0, p.effective-p.weight/p.maxFails)
		disabled = p.fails >= p.maxFails
	}
	if disabled {
		p.traffic.wentDown(now)
	}
	return disabled
}

// succeed ends the counting of failures when p worked since the last one.
func (p *Peer) succeed(now time.Time) {
	if p.accessed.Before(p.checked) && p.fails > 0 {
		if p.maxFails > 0 && p.fails >= p.maxFails {
			p.recovered = now
		}
		p.fails = 0
		p.traffic.cameBack(now)
	}
}

// share returns the weight that p may have now: less than its own while it
// starts slowly.
func (p *Peer) share(now time.Time) int {
	if p.slowStart <= 0 || p.recovered.IsZero() {
		return p.weight
	}
	since := now.Sub(p.recovered)
	if since >= p.slowStart {
		return p.weight
	}
	return max(1, int(int64(p.weight)*int64(since)/int64(p.slowStart)))
}
