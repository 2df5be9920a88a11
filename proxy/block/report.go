package block

import (
	"tandem/session"
	"tandem/status"
)

// Report tells of the back ends of a configuration, for the status.
func Report(r *session.Realm) []status.Upstream {
	var list []status.Upstream
	for _, u := range Upstreams(r) {
		one := status.Upstream{Name: u.Name, Queued: u.Queued, Idle: u.Idle, Peers: []status.UpstreamPeer{}}
		for _, p := range u.Peers {
			peer := status.UpstreamPeer{
				Addr: p.Name, Server: p.Server, Backup: p.Backup, Weight: p.Weight, State: string(p.State),
				Active: p.Active, MaxConns: p.MaxConns, Requests: p.Requests, Fails: p.Fails,
				Sent: p.Traffic.Sent, Received: p.Traffic.Received, Responses: p.Traffic.Responses,
				Durations:  status.Durations{Buckets: p.Traffic.Durations.Buckets[:], Sum: p.Traffic.Durations.Sum.Seconds()},
				HeaderTime: p.Traffic.Header.Seconds(), ResponseTime: p.Traffic.Response.Seconds(), Selected: p.Traffic.Last,
				Unavailable: p.Traffic.Unavailable, Downtime: p.Traffic.Downtime.Seconds(), DownSince: p.Traffic.DownSince, SID: p.SID,
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
