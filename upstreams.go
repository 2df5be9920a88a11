package main

import (
	"fmt"

	"tandem/keepalivedconf"
	"tandem/proxy/exchange"
	"tandem/status"
	"tandem/web"
)

// describeUpstreams tells of the back ends.
func describeUpstreams(h *web.HTTP) []status.Upstream {
	var list []status.Upstream
	for _, u := range exchange.Upstreams(h) {
		one := status.Upstream{Name: u.Name, Queued: u.Queued, Peers: []status.UpstreamPeer{}}
		for _, p := range u.Peers {
			peer := status.UpstreamPeer{
				Addr: p.Name, Server: p.Server, Backup: p.Backup, Weight: p.Weight, State: string(p.State),
				Active: p.Active, MaxConns: p.MaxConns, Requests: p.Requests, Fails: p.Fails,
			}
			for _, f := range p.Findings {
				peer.Checks = append(peer.Checks, status.Check{
					Name: f.Check, State: f.Health.String(), Since: f.Since, Checks: f.Checks, Fails: f.Failed, Unhealthy: f.Turns,
					At: f.At, Passed: f.Checks > 0 && f.Reason == "", Reason: f.Reason,
				})
			}
			one.Peers = append(one.Peers, peer)
		}
		list = append(list, one)
	}
	return list
}

// upstreamConditions returns what the upstreams have to be for the node to
// count as well.
func (c *configuration) upstreamConditions(p keepalivedconf.SelfProbe) []func() error {
	var list []func() error
	for _, u := range p.Upstreams {
		if group := exchange.Find(c.http, u.Name); group != nil {
			list = append(list, func() error {
				if group.Serving() {
					return nil
				}
				return fmt.Errorf("upstream %s has no healthy peer", u.Name)
			})
		}
	}
	return list
}

// checkUpstreams says which of the upstreams that the self-probes depend on do
// not exist, or cannot fail.
func (c *configuration) checkUpstreams() keepalivedconf.Reports {
	var reports keepalivedconf.Reports
	said := make(map[keepalivedconf.Upstream]bool)
	for _, i := range c.keepalived.Instances {
		for _, u := range i.Tandem.Probe.Upstreams {
			if said[u] {
				continue
			}
			said[u] = true
			switch group := exchange.Find(c.http, u.Name); {
			case group == nil:
				reports = append(reports, keepalivedconf.Report{Kind: keepalivedconf.KindGeneral, Pos: u.Pos,
					Text: fmt.Sprintf("self_probe: there is no upstream '%s' in nginx.conf, ignored", u.Name)})
			case !group.Checked():
				reports = append(reports, keepalivedconf.Report{Kind: keepalivedconf.KindAdvice, Pos: u.Pos,
					Text: fmt.Sprintf("self_probe: upstream '%s' has no health_check", u.Name),
					Hint: "without one it never counts as failed"})
			}
		}
	}
	return reports
}
