package node

import (
	"os"
	"time"

	"tandem/internal/contain"
	"tandem/internal/version"
	"tandem/proxy/block"
	"tandem/status"
)

// report says how the node stands at one moment. It may be called by any
// goroutine.
func (n *node) report() *status.Report {
	n.changing.RLock()
	defer n.changing.RUnlock()
	host, _ := os.Hostname()
	r := &status.Report{
		At: time.Now(), Node: host, Version: version.Tandem, PID: os.Getpid(), Started: n.started, Stopping: n.stopping.Load(),
		Configuration: status.Configuration{FailedReload: n.failedReload.Load()},
		Resources:     status.ReadResources(), Panics: contain.Count(),
	}
	force := n.inForce.Load()
	if force == nil {
		r.Problems = []string{"the process is starting"}
		return r
	}
	c := force.configuration
	r.Configuration.Generation, r.Configuration.Loaded = force.number, force.loaded
	r.Configuration.Nginx, r.Configuration.Keepalived = c.Source.Nginx, c.Source.Keepalived
	counts := n.stats.Counts()
	r.Web = status.Web{
		Connections: counts.Connections, Active: counts.Active, Waiting: counts.Waiting,
		Accepted: counts.Accepted, Requests: counts.Requests, Draining: n.drain.On(),
	}
	for _, p := range c.Listening() {
		r.Web.Listeners = append(r.Web.Listeners, p.Addr.String())
	}
	r.Upstreams = append(block.Report(&c.HTTP.Realm), block.Report(&c.Stream.Realm)...)
	r.Certificates = certificates(c)
	r.Web.Retired = max(int(counts.Connections)-force.generation.web.Connections(), 0)
	if force.failover == nil {
		r.Judge()
		return r
	}
	err := force.failover.Describe(r)
	r.Judge()
	if err != nil {
		r.Healthy = false
		r.Problems = append(r.Problems, err.Error())
	}
	return r
}
