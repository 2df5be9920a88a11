package status

// upstreams writes what concerns back ends.
func (m exposition) upstreams() {
	each := func(f func(u *Upstream, p *UpstreamPeer, labels []string)) {
		for i := range m.Upstreams {
			u := &m.Upstreams[i]
			for j := range u.Peers {
				f(u, &u.Peers[j], u.labels(&u.Peers[j]))
			}
		}
	}
	m.gauge("tandem_upstream_queued", "Requests that wait for a peer of an upstream.")
	for i := range m.Upstreams {
		u := &m.Upstreams[i]
		m.Count(uint64(u.Queued), "upstream", u.Name, "kind", u.kind())
	}
	m.gauge("tandem_upstream_peer_up", "Whether a peer gets requests.")
	each(func(_ *Upstream, p *UpstreamPeer, l []string) { m.Flag(p.State == "up" || p.State == "draining", l...) })
	m.gauge("tandem_upstream_peer_state", "The state of a peer: 1 up, 2 draining, 3 down, 4 unavail, 5 checking, 6 unhealthy.")
	each(func(_ *Upstream, p *UpstreamPeer, l []string) { m.Count(peerStates[p.State], l...) })
	m.gauge("tandem_upstream_peer_active", "Requests at a peer now.")
	each(func(_ *Upstream, p *UpstreamPeer, l []string) { m.Sample(float64(p.Active), l...) })
	m.counter("tandem_upstream_peer_requests_total", "Requests to a peer.")
	each(func(_ *Upstream, p *UpstreamPeer, l []string) { m.Count(p.Requests, l...) })
	m.counter("tandem_upstream_peer_fails_total", "Requests to a peer that failed.")
	each(func(_ *Upstream, p *UpstreamPeer, l []string) { m.Count(p.Fails, l...) })
	m.counter("tandem_upstream_peer_responses_total", "What requests to a peer came to, by status; that of a failure is the one it stands for.")
	each(func(_ *Upstream, p *UpstreamPeer, l []string) { m.responses(p.Responses, l...) })
	m.counter("tandem_upstream_peer_sent_bytes_total", "Bytes to a peer.")
	each(func(_ *Upstream, p *UpstreamPeer, l []string) { m.Count(p.Sent, l...) })
	m.counter("tandem_upstream_peer_received_bytes_total", "Bytes from a peer.")
	each(func(_ *Upstream, p *UpstreamPeer, l []string) { m.Count(p.Received, l...) })
	m.histogram("tandem_upstream_peer_request_seconds", "How long tries at a peer took.")
	each(func(_ *Upstream, p *UpstreamPeer, l []string) {
		m.Durations(p.Durations.Buckets, p.Durations.Sum, l...)
	})
	m.counter("tandem_upstream_peer_checks_total", "Active health checks of a peer, by result.")
	each(func(_ *Upstream, p *UpstreamPeer, l []string) {
		for i := range p.Checks {
			c := &p.Checks[i]
			l := append(l[:len(l):len(l)], "check", c.Name)
			m.Count(c.Checks-c.Fails, append(l[:len(l):len(l)], "result", "ok")...)
			m.Count(c.Fails, append(l[:len(l):len(l)], "result", "failed")...)
		}
	})
}

// peerStates are numbers for UpstreamPeer.State.
var peerStates = map[string]uint64{"up": 1, "draining": 2, "down": 3, "unavail": 4, "checking": 5, "unhealthy": 6}

func (u *Upstream) kind() string {
	if u.Stream {
		return "stream"
	}
	return "http"
}

// labels are those of a peer's metrics. Several servers of an upstream may have the
// same address: the number tells them apart.
func (u *Upstream) labels(p *UpstreamPeer) []string {
	l := []string{"upstream", u.Name, "kind", u.kind(), "peer", p.Addr}
	before := 0
	for i := range u.Peers {
		if &u.Peers[i] == p {
			break
		}
		if u.Peers[i].Addr == p.Addr {
			before++
		}
	}
	if before > 0 {
		l[5] += "#" + string(rune('0'+min(before+1, 9)))
	}
	return l
}
