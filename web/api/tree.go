package api

import (
	"encoding/json"
	"strconv"
	"time"

	"tandem/status"
)

// tree is a report in the form that Angie gives it.
type tree struct {
	*status.Report
	epoch   bool   // times are seconds since 1970
	address string // that the client has connected to
}

func (t tree) root() object {
	return object{"status": object{
		"angie":       lazy(t.server),
		"connections": lazy(t.connections),
		"http": object{
			"server_zones":   lazy(func() any { return zones(t.Web.Servers, true) }),
			"location_zones": lazy(func() any { return zones(t.Web.Locations, false) }),
			"upstreams":      lazy(func() any { return t.upstreams(false) }),
			"caches":         lazy(t.caches),
		},
		"stream":    object{"upstreams": lazy(func() any { return t.upstreams(true) })},
		"slabs":     object{},
		"resolvers": object{},
		"tandem":    lazy(t.tandem),
	}, "config": object{
		"http":   object{"upstreams": lazy(func() any { return t.configured(false) })},
		"stream": object{"upstreams": lazy(func() any { return t.configured(true) })},
	}}
}

// time is a time as the client wants it.
func (t tree) time(at time.Time) any {
	if t.epoch {
		return float64(at.UnixMilli()) / 1000
	}
	return at.UTC().Format("2006-01-02T15:04:05.000Z")
}

func (t tree) server() any {
	return object{
		"version": t.Version, "build": "tandem", "address": t.address, "generation": t.Configuration.Generation, "load_time": t.time(t.Configuration.Loaded),
	}
}

func (t tree) connections() any {
	w := &t.Web
	return object{"accepted": w.Accepted, "dropped": 0, "active": max(w.Connections-w.Waiting, 0), "idle": w.Waiting}
}

// zones are what was counted of requests; those of no name are left out.
func zones(list []status.Zone, ofServers bool) object {
	all := object{}
	for i := range list {
		z := &list[i]
		if z.Name == "" {
			continue
		}
		requests := object{"total": z.Requests, "discarded": z.Discarded}
		one := object{"requests": requests, "responses": responses(z.Responses), "data": object{"received": z.Received, "sent": z.Sent}}
		if ofServers {
			requests["processing"] = z.Processing
		}
		if h := z.TLS; h != nil {
			one["ssl"] = object{"handshaked": h.Done, "reuses": h.Reused, "timedout": h.TimedOut, "failed": h.Failed}
		}
		all[z.Name] = one
	}
	return all
}

func responses(counts map[int]uint64) object {
	all := object{}
	for status, n := range counts {
		all[strconv.Itoa(status)] = n
	}
	return all
}

// each calls f for the upstreams of http {} or of stream {}.
func (t tree) each(stream bool, f func(*status.Upstream)) {
	for i := range t.Upstreams {
		if u := &t.Upstreams[i]; u.Stream == stream {
			f(u)
		}
	}
}

func (t tree) upstreams(stream bool) any {
	all := object{}
	t.each(stream, func(u *status.Upstream) {
		peers := object{}
		for i := range u.Peers {
			p := &u.Peers[i]
			peers[p.Addr] = t.peer(p, stream)
		}
		one := object{"peers": peers}
		if !stream {
			one["keepalive"] = u.Idle
		}
		all[u.Name] = one
	})
	return all
}

func (t tree) peer(p *status.UpstreamPeer, stream bool) object {
	selected := object{"current": p.Active, "total": p.Requests}
	if !p.Selected.IsZero() {
		selected["last"] = t.time(p.Selected)
	}
	health := object{"fails": p.Fails, "unavailable": p.Unavailable, "downtime": int64(p.Downtime * 1000)}
	if !p.DownSince.IsZero() {
		health["downstart"] = t.time(p.DownSince)
	}
	if len(p.Checks) > 0 {
		c := &p.Checks[0]
		probes := object{"count": c.Checks, "fails": c.Fails}
		if c.Checks > 0 {
			probes["last"] = t.time(c.At)
		}
		health["probes"] = probes
	}
	if !stream {
		health["header_time"], health["response_time"] = int64(p.HeaderTime*1000), int64(p.ResponseTime*1000)
	}
	one := object{
		"server": p.Server, "backup": p.Backup, "weight": p.Weight, "state": peerState(p), "selected": selected,
		"data": object{"sent": p.Sent, "received": p.Received}, "health": health, "sid": p.SID,
	}
	if p.MaxConns > 0 {
		one["max_conns"] = p.MaxConns
	}
	if !stream {
		one["responses"] = responses(p.Responses)
	}
	return one
}

// peerState is Angie's word for the state of a peer.
func peerState(p *status.UpstreamPeer) string {
	switch {
	case p.State == "unavail":
		return "unavailable"
	case p.State == "up" && p.MaxConns > 0 && p.Active >= p.MaxConns:
		return "busy"
	}
	return p.State
}

func (t tree) caches() any {
	all := object{}
	for i := range t.Caches {
		c := &t.Caches[i]
		one := object{"size": c.Size, "cold": c.Cold}
		if c.MaxSize > 0 {
			one["max_size"] = c.MaxSize
		}
		for how, use := range c.Uses {
			one[how] = object{"responses": use.Responses, "bytes": use.Bytes}
		}
		all[c.Name] = one
	}
	return all
}

// tandem is the report as it is.
func (t tree) tandem() any { return wholeReport{t.Report} }

// wholeReport is a report whose parts have not been looked for yet.
type wholeReport struct{ *status.Report }

// parts returns the report's parts by their names.
func (w wholeReport) parts() (o object) {
	text, err := json.Marshal(w.Report)
	if err == nil {
		err = json.Unmarshal(text, &o)
	}
	if err != nil {
		return object{}
	}
	return o
}

// configured is what servers of upstreams are like, as /config/ has it.
func (t tree) configured(stream bool) any {
	all := object{}
	t.each(stream, func(u *status.Upstream) {
		servers := object{}
		for i := range u.Peers {
			p := &u.Peers[i]
			servers[p.Server] = object{"weight": p.Weight, "max_conns": p.MaxConns, "backup": p.Backup, "down": p.State == "down", "drain": p.State == "draining"}
		}
		all[u.Name] = object{"servers": servers}
	})
	return all
}
