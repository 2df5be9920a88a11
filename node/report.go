package node

import (
	"os"
	"time"

	"tandem/internal/contain"
	"tandem/internal/version"
	"tandem/proxy/block"
	"tandem/proxy/cache"
	"tandem/status"
	"tandem/web/statuszone"
)

// report says how the node stands at one moment. It may be called by any
// goroutine.
func (n *node) report() *status.Report {
	n.changing.RLock()
	defer n.changing.RUnlock()
	host, _ := os.Hostname()
	r := &status.Report{
		At: time.Now(), Node: host, Version: version.Tandem, PID: os.Getpid(), Started: n.started, Stopping: n.stopping.Load(),
		Configuration: status.Configuration{FailedReload: n.failedReload.Load(), Reloads: n.reloads[0].Load(), FailedReloads: n.reloads[1].Load()},
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
		Connections: counts.Connections, Active: counts.Active, Reading: counts.Reading, Waiting: counts.Waiting,
		Accepted: counts.Accepted, Requests: counts.Requests, Draining: n.drain.On(),
	}
	for _, p := range c.Listening() {
		r.Web.Listeners = append(r.Web.Listeners, p.Addr.String())
	}
	r.Web.Servers, r.Web.Locations = statuszone.Report(&c.HTTP.Realm)
	r.Web.Sessions = force.generation.stream.Sessions()
	r.Web.LinesDropped = n.logs.Dropped()
	r.Caches = cache.Report(&c.HTTP.Realm)
	r.Upstreams = block.Report(&c.HTTP.Realm)
	for _, u := range block.Report(&c.Stream.Realm) {
		u.Stream = true
		r.Upstreams = append(r.Upstreams, u)
	}
	r.Certificates = certificates(c)
	r.Web.Retired = max(int(counts.Connections)-force.generation.web.Connections(), 0)
	if force.balance != nil {
		r.VirtualServers = force.balance.Report()
	}
	reportBFD(force.bfd, r)
	if force.failover == nil {
		r.Judge()
		return r
	}
	err := force.failover.Describe(r)
	r.Judge()
	if err != nil {
		r.Add(err.Error())
	}
	return r
}
