package status

import "strconv"

// virtualServers writes what concerns the virtual servers of keepalived.conf.
func (m exposition) virtualServers() {
	each := func(f func(v *VirtualServer)) {
		for n := range m.VirtualServers {
			f(&m.VirtualServers[n])
		}
	}
	// Two real servers of a virtual one may have the same name, when one of them is
	// the sorry server.
	real := func(f func(r *RealServer, labels ...string)) {
		each(func(v *VirtualServer) {
			for n := range v.RealServers {
				r := &v.RealServers[n]
				kind := "real"
				if r.Sorry {
					kind = "sorry"
				}
				f(r, "virtual_server", v.Name, "real_server", r.Name, "kind", kind)
			}
		})
	}
	m.gauge("tandem_virtual_server_quorum", "Whether a virtual server has a quorum.")
	each(func(v *VirtualServer) { m.Flag(v.Quorum, "virtual_server", v.Name, "engine", v.Engine) })
	m.gauge("tandem_virtual_server_weight", "The weight of the real servers of a virtual server that are up.")
	each(func(v *VirtualServer) { m.Sample(float64(v.Weight), "virtual_server", v.Name) })
	m.gauge("tandem_virtual_server_sorry", "Whether the sorry server stands in.")
	each(func(v *VirtualServer) { m.Flag(v.SorryServer, "virtual_server", v.Name) })
	m.counter("tandem_virtual_server_connections_total", "Connections to a virtual server, and clients by UDP.")
	each(func(v *VirtualServer) { m.Count(v.Connections, "virtual_server", v.Name) })
	m.counter("tandem_virtual_server_received_bytes_total", "Bytes from clients of a virtual server.")
	each(func(v *VirtualServer) { m.Count(v.InBytes, "virtual_server", v.Name) })
	m.counter("tandem_virtual_server_sent_bytes_total", "Bytes to clients of a virtual server.")
	each(func(v *VirtualServer) { m.Count(v.OutBytes, "virtual_server", v.Name) })
	m.gauge("tandem_real_server_up", "Whether a real server is up; a sorry server: whether it stands in.")
	real(func(r *RealServer, l ...string) { m.Flag(r.Up, l...) })
	m.gauge("tandem_real_server_weight", "The weight of a real server.")
	real(func(r *RealServer, l ...string) { m.Sample(float64(r.Weight), l...) })
	m.gauge("tandem_real_server_active", "Connections to a real server that stand.")
	real(func(r *RealServer, l ...string) { m.Count(uint64(r.Active), l...) })
	m.gauge("tandem_real_server_inactive", "Other connections to a real server, and clients by UDP.")
	real(func(r *RealServer, l ...string) { m.Count(uint64(r.Inactive), l...) })
	m.counter("tandem_real_server_connections_total", "Connections to a real server.")
	real(func(r *RealServer, l ...string) { m.Count(r.Connections, l...) })
	m.gauge("tandem_real_server_check_up", "Whether a checker finds a real server well.")
	real(func(r *RealServer, l ...string) {
		for n := range r.Checks {
			c := &r.Checks[n]
			m.Flag(c.Up, append(l[:len(l):len(l)], "check", c.Kind, "number", strconv.Itoa(n+1))...)
		}
	})
	m.gauge("tandem_real_server_check_seconds", "How long the last check took.")
	real(func(r *RealServer, l ...string) {
		for n := range r.Checks {
			if c := &r.Checks[n]; c.Known {
				m.Sample(c.Took, append(l[:len(l):len(l)], "check", c.Kind, "number", strconv.Itoa(n+1))...)
			}
		}
	})
}
