package node

import (
	"os"
	"sync"
	"time"

	"tandem/internal/version"
	"tandem/node/failover"
	"tandem/proxy/exchange"
	"tandem/status"
	"tandem/web"
)

// standing is what other goroutines than the one that obeys signals may see of
// a node.
type standing struct {
	mu           sync.Mutex
	started      time.Time
	generation   int
	loadedAt     time.Time
	failedReload *time.Time
	stopping     bool
	vrrp         *failover.Failover // nil without instances
	gen          *web.Generation
}

// loaded notes that a configuration has been put to work.
func (s *standing) loaded(n *node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loadedAt = time.Now()
	if s.generation++; s.generation == 1 {
		s.started = s.loadedAt
	}
	s.failedReload, s.vrrp, s.gen = nil, n.vrrp, n.gen
}

func (s *standing) reloadFailed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.failedReload = &now
}

func (s *standing) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
}

// report says how the node stands. It may be called by any goroutine.
func (n *node) report() *status.Report {
	n.standing.mu.Lock()
	s := &n.standing
	host, _ := os.Hostname()
	r := &status.Report{
		At: time.Now(), Node: host, Version: version.Tandem, PID: os.Getpid(), Started: s.started, Stopping: s.stopping,
		Configuration: status.Configuration{Generation: s.generation, Loaded: s.loadedAt, FailedReload: s.failedReload},
		Resources:     status.ReadResources(),
	}
	f, gen := s.vrrp, s.gen
	n.standing.mu.Unlock()

	c := n.inForce.Load()
	if c == nil {
		r.Problems = []string{"the process is starting"}
		return r
	}
	r.Configuration.Nginx, r.Configuration.Keepalived = c.Source.Nginx, c.Source.Keepalived
	counts := n.stats.Counts()
	r.Web = status.Web{
		Connections: counts.Connections, Active: counts.Active, Waiting: counts.Waiting,
		Accepted: counts.Accepted, Requests: counts.Requests, Draining: n.drain.On(),
	}
	for _, p := range c.HTTP.Ports {
		r.Web.Listeners = append(r.Web.Listeners, p.Addr.String())
	}
	r.Upstreams = exchange.Report(c.HTTP)
	if gen != nil {
		r.Web.Retired = max(int(counts.Connections)-gen.Connections(), 0)
	}
	if f == nil {
		r.Judge()
		return r
	}
	err := f.Describe(r)
	r.Judge()
	if err != nil {
		r.Healthy = false
		r.Problems = append(r.Problems, err.Error())
	}
	return r
}

// failover returns the VRRP side, nil without instances.
func (s *standing) failover() *failover.Failover {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.vrrp
}
