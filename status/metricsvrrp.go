package status

import (
	"maps"
	"slices"
	"strconv"

	"tandem/internal/openmetrics"
)

// states are keepalived's numbers for the states of an instance.
var states = map[string]uint64{"INIT": 0, "BACKUP": 1, "MASTER": 2, "FAULT": 3, "STOP": 98}

// vrrp writes what concerns instances.
func (m exposition) vrrp() {
	each := func(f func(i *Instance)) {
		for n := range m.Instances {
			f(&m.Instances[n])
		}
	}
	m.gauge("tandem_vrrp_state", "The state of an instance, in keepalived's numbers: 0 INIT, 1 BACKUP, 2 MASTER, 3 FAULT, 98 STOP.")
	each(func(i *Instance) { m.Count(states[i.State], "instance", i.Name) })
	m.gauge("tandem_vrrp_state_since_timestamp_seconds", "Since when an instance has its state.")
	each(func(i *Instance) { m.Sample(float64(i.Since.UnixMilli())/1000, "instance", i.Name) })
	m.gauge("tandem_vrrp_priority", "The effective priority of an instance.")
	each(func(i *Instance) { m.Sample(float64(i.Priority.Effective), "instance", i.Name) })
	m.gauge("tandem_vrrp_priority_base", "The configured priority of an instance.")
	each(func(i *Instance) { m.Sample(float64(i.Priority.Base), "instance", i.Name) })
	m.gauge("tandem_vrrp_demoted", "Whether the operator has demoted the node.")
	each(func(i *Instance) { m.Flag(i.Demoted, "instance", i.Name) })
	m.gauge("tandem_vrrp_resigned", "Whether the node's own web side disqualifies it.")
	each(func(i *Instance) { m.Flag(i.Resigned != "", "instance", i.Name) })
	m.gauge("tandem_vip_held", "Whether this node holds a virtual address.")
	each(func(i *Instance) {
		for _, a := range i.Addresses {
			m.Flag(slices.Contains(i.Held, a), "instance", i.Name, "address", a.String())
		}
	})
	m.gauge("tandem_vip_lease_seconds", "How long the kernel keeps the addresses of an instance without a refresh; 0: for ever.")
	each(func(i *Instance) { m.Sample(i.Lease, "instance", i.Name) })
	m.gauge("tandem_split_brain", "Whether another node claims to be master while this one is.")
	each(func(i *Instance) { m.Flag(i.Rival != nil, "instance", i.Name) })
	m.counter("tandem_vrrp_transitions_total", "Changes of an instance's state, by the reason.")
	each(func(i *Instance) {
		for _, t := range i.Transitions {
			m.Count(t.Count, "instance", i.Name, "to", t.To, "reason", t.Reason)
		}
	})
	m.counter("tandem_vrrp_adverts_sent_total", "Adverts that were sent.")
	each(func(i *Instance) { m.Count(i.Counters.Sent, "instance", i.Name) })
	m.counter("tandem_vrrp_adverts_received_total", "Adverts that were received.")
	each(func(i *Instance) { m.Count(i.Counters.Received, "instance", i.Name) })
	m.counter("tandem_vrrp_advert_send_errors_total", "Adverts that could not be sent.")
	each(func(i *Instance) { m.Count(i.Counters.SendErrors, "instance", i.Name) })
	m.counter("tandem_vrrp_packets_dropped_total", "Packets that failed a check, by the check.")
	each(func(i *Instance) {
		for _, check := range slices.Sorted(maps.Keys(i.Counters.Dropped)) {
			m.Count(i.Counters.Dropped[check], "instance", i.Name, "check", check)
		}
		m.Count(i.Counters.Overruns, "instance", i.Name, "check", "overrun")
	})
	m.gauge("tandem_vrrp_last_advert_age_seconds", "How long ago the last advert was heard.")
	each(func(i *Instance) {
		if i.Heard != nil {
			m.Sample(i.Heard.Age, "instance", i.Name, "from", i.Heard.From.String())
		}
	})
	m.gauge("tandem_tracker_weight", "What something that is tracked adds to the priority.")
	m.trackers(func(t *Tracker, labels ...string) { m.Sample(float64(t.Weight), labels...) })
	m.gauge("tandem_tracker_fault", "Whether something that is tracked keeps the instance out.")
	m.trackers(func(t *Tracker, labels ...string) { m.Flag(t.Fault, labels...) })
	m.gauge("tandem_self_probe_up", "Whether the node's own HTTP answers.")
	each(func(i *Instance) {
		if i.SelfProbe != nil {
			m.Flag(i.SelfProbe.Good, "instance", i.Name)
		}
	})
	m.gauge("tandem_self_probe_seconds", "How long the last answer to the self-probe took.")
	each(func(i *Instance) {
		if i.SelfProbe != nil {
			for _, p := range i.SelfProbe.Last {
				m.Sample(p.Took, "instance", i.Name, "listener", p.Addr.String())
			}
		}
	})
	if t := m.Timers; t != nil {
		m.counter("tandem_vrrp_timers_total", "Timers of VRRP that have fired.")
		m.Count(t.Fired)
		m.counter("tandem_vrrp_timer_late_total", "Timers of VRRP that were late by more than 10 ms.")
		m.Count(t.Late)
		m.gauge("tandem_vrrp_timer_worst_seconds", "The most that a timer of VRRP was late.")
		m.Sample(t.Worst)
	}
	if h := m.Handovers; h != nil {
		m.counter("tandem_handovers_total", "Planned switches of an instance away from this node, by result.")
		m.Count(h.Done, "result", "ok")
		m.Count(h.Failed, "result", "failed")
		m.gauge("tandem_handover_last_seconds", "How long the steps of the last planned switch took.")
		m.Sample(h.Prepare, "step", "prepare")
		m.Sample(h.Drain, "step", "drain")
		m.Sample(h.Relief, "step", "relief")
	}
}

// trackers calls f for everything that is tracked.
func (m exposition) trackers(f func(t *Tracker, labels ...string)) {
	for n := range m.Instances {
		i := &m.Instances[n]
		for k := range i.Trackers {
			t := &i.Trackers[k]
			f(t, "instance", i.Name, "kind", t.Kind, "name", t.Name)
		}
	}
}

// peers writes what concerns the other nodes.
func (m exposition) peers() {
	each := func(f func(p *Peer, labels ...string)) {
		for n := range m.Instances {
			i := &m.Instances[n]
			for k := range i.Peers {
				p := &i.Peers[k]
				f(p, "instance", i.Name, "peer", p.Addr.String(), "node", p.Node)
			}
		}
	}
	m.gauge("tandem_peer_links", "How many other nodes an instance has a peer link with.")
	for n := range m.Instances {
		m.Count(uint64(len(m.Instances[n].Peers)), "instance", m.Instances[n].Name)
	}
	m.gauge("tandem_peer_link_up", "Peer links that are up.")
	each(func(_ *Peer, labels ...string) { m.Count(1, labels...) })
	m.gauge("tandem_peer_serves", "Whether the web side of another node serves.")
	each(func(p *Peer, labels ...string) { m.Flag(p.Health == "", labels...) })
	m.gauge("tandem_peer_config_drift", "How many parts of another node's configuration differ from ours.")
	each(func(p *Peer, labels ...string) { m.Count(uint64(len(p.Drift)), labels...) })
	m.counter("tandem_peer_link_refused_total", "Connections to the peer link that were refused or cut short, by reason.")
	for _, reason := range slices.Sorted(maps.Keys(m.LinkRefused)) {
		m.Count(m.LinkRefused[reason], "reason", reason)
	}
}

// keepalived writes what keepalived-exporter does, under its names and labels.
func (m exposition) keepalived() {
	if len(m.Instances) == 0 {
		return
	}
	labels := func(i *Instance) []string {
		return []string{"iname", i.Name, "intf", i.Interface, "vrid", strconv.Itoa(int(i.VRID))}
	}
	m.gauge("keepalived_up", "Status")
	m.Count(1)
	m.gauge("keepalived_vrrp_state", "State of vrrp")
	for n := range m.Instances {
		i := &m.Instances[n]
		for _, a := range i.Addresses {
			m.Count(states[i.State], append(labels(i), "ip_address", a.String())...)
		}
		if len(i.Addresses) == 0 {
			m.Count(states[i.State], append(labels(i), "ip_address", "")...)
		}
	}
	for _, f := range keepalivedCounters {
		m.counter("keepalived_"+f.name+"_total", f.help)
		for n := range m.Instances {
			i := &m.Instances[n]
			m.Count(f.get(&i.Counters), labels(i)...)
		}
	}
	scripts := make(map[string]bool) // whether they are well
	m.trackers(func(t *Tracker, _ ...string) {
		if t.Kind == "script" {
			scripts[t.Name] = !t.Fault && t.Weight >= 0
		}
	})
	m.gauge("keepalived_script_status", "Tracker Script Status")
	for _, name := range slices.Sorted(maps.Keys(scripts)) {
		m.Flag(scripts[name], "name", name)
	}
}

// keepalivedCounters are the counters of an instance, by keepalived-exporter's
// names. What keepalived counts as one thing several of our checks find.
var keepalivedCounters = []struct {
	name, help string
	get        func(*Counters) uint64
}{
	{"advertisements_received", "Advertisements received", func(c *Counters) uint64 { return c.Received }},
	{"advertisements_sent", "Advertisements sent", func(c *Counters) uint64 { return c.Sent }},
	{"become_master", "Became master", func(c *Counters) uint64 { return c.BecameMaster }},
	{"release_master", "Released master", func(c *Counters) uint64 { return c.ReleasedMaster }},
	{"packet_length_errors", "Packet length errors", dropped("header", "length", "total-length")},
	{"advertisements_interval_errors", "Advertisement interval errors", dropped("interval")},
	{"ip_ttl_errors", "TTL errors", dropped("ttl", "peer-ttl")},
	{"invalid_type_received", "Invalid type errors", dropped("type")},
	{"address_list_errors", "Address list errors", dropped()},
	{"authentication_invalid", "Authentication invalid", dropped("auth-type")},
	{"authentication_mismatch", "Authentication mismatch", dropped("auth-mismatch")},
	{"authentication_failure", "Authentication failure", dropped("auth-password", "ah-value", "ah-index", "ah-replay")},
	{"priority_zero_received", "Priority zero received", func(c *Counters) uint64 { return c.ReceivedZero }},
	{"priority_zero_sent", "Priority zero sent", func(c *Counters) uint64 { return c.SentZero }},
}

func dropped(checks ...string) func(*Counters) uint64 {
	return func(c *Counters) (n uint64) {
		for _, check := range checks {
			n += c.Dropped[check]
		}
		return n
	}
}

// stubStatus writes what nginx-prometheus-exporter makes of stub_status. Two of its
// counters do not say so by their names; their kind is left open.
func (m exposition) stubStatus() {
	w := &m.Web
	m.gauge("nginx_up", "Status of the last metric scrape")
	m.Count(1)
	m.Family(openmetrics.Unknown, "nginx_connections_accepted", "Accepted client connections")
	m.Count(w.Accepted)
	m.Family(openmetrics.Unknown, "nginx_connections_handled", "Handled client connections")
	m.Count(w.Accepted)
	m.gauge("nginx_connections_active", "Active client connections")
	m.Sample(float64(w.Connections))
	m.gauge("nginx_connections_reading", "Connections where NGINX is reading the request header")
	m.Sample(float64(w.Reading))
	m.gauge("nginx_connections_writing", "Connections where NGINX is writing the response back to the client")
	m.Sample(float64(w.Active))
	m.gauge("nginx_connections_waiting", "Idle client connections")
	m.Sample(float64(w.Waiting))
	m.counter("nginx_http_requests_total", "Total http requests")
	m.Count(w.Requests)
}
