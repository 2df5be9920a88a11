package status

import (
	"maps"
	"slices"
	"strconv"

	"tandem/internal/openmetrics"
)

// Metrics is the command that a process answers with WriteMetrics in Prometheus'
// plain format.
const Metrics = "metrics"

// WriteMetrics returns the report as metrics: under tandem's own names, and under
// those that nginx-prometheus-exporter and keepalived-exporter give the same
// numbers, so that boards made for these go on.
func (r *Report) WriteMetrics(f openmetrics.Format) []byte {
	m := exposition{openmetrics.New(f), r}
	m.node()
	m.connections()
	m.zones("server", r.Web.Servers)
	m.zones("location", r.Web.Locations)
	m.tls()
	m.upstreams()
	m.caches()
	m.certificates()
	m.vrrp()
	m.peers()
	m.virtualServers()
	m.bfd()
	m.stubStatus()
	m.keepalived()
	return m.Finish()
}

// exposition is a report as metrics.
type exposition struct {
	*openmetrics.Writer
	*Report
}

func (m exposition) gauge(name, help string)     { m.Family(openmetrics.Gauge, name, help) }
func (m exposition) counter(name, help string)   { m.Family(openmetrics.Counter, name, help) }
func (m exposition) histogram(name, help string) { m.Family(openmetrics.Histogram, name, help) }

// node writes what concerns the process.
func (m exposition) node() {
	m.gauge("tandem_build_info", "The version, as a label.")
	m.Count(1, "version", m.Version)
	m.gauge("tandem_healthy", "Whether the node does its part.")
	m.Flag(m.Healthy)
	m.gauge("tandem_problems", "What keeps the node from being healthy: how many things.")
	m.Count(uint64(len(m.Problems)))
	m.gauge("tandem_notes", "What is worth knowing, and no reason to call the node unhealthy: how many things.")
	m.Count(uint64(len(m.Notes)))
	m.counter("tandem_panics_total", "Panics that the process has survived.")
	m.Count(m.Panics)
	c := &m.Configuration
	m.gauge("tandem_config_generation", "Which configuration is in force, 1 for that of the start.")
	m.Count(uint64(c.Generation))
	m.gauge("tandem_config_loaded_timestamp_seconds", "When the configuration in force was put to work.")
	m.Sample(float64(c.Loaded.UnixMilli()) / 1000)
	m.gauge("tandem_config_last_reload_success", "Whether the last reload worked.")
	m.Flag(c.FailedReload == nil)
	m.counter("tandem_config_reloads_total", "Reloads, by result.")
	m.Count(c.Reloads, "result", "ok")
	m.Count(c.FailedReloads, "result", "failed")
	m.counter("tandem_log_lines_dropped_total", "Lines that a log file did not take in time.")
	m.Count(m.Web.LinesDropped)

	u := &m.Resources
	m.gauge("process_start_time_seconds", "When the process started.")
	m.Sample(float64(m.Started.UnixMilli()) / 1000)
	m.counter("process_cpu_seconds_total", "Processor time.")
	m.Sample(u.CPU)
	m.gauge("process_resident_memory_bytes", "Memory.")
	m.Count(u.Resident)
	m.gauge("process_open_fds", "Open files.")
	m.Count(uint64(max(u.Files, 0)))
	m.gauge("go_goroutines", "Goroutines.")
	m.Count(uint64(u.Goroutines))
	m.gauge("go_memstats_heap_alloc_bytes", "Memory on the heap.")
	m.Count(u.Heap)
}

// connections writes what concerns clients as a whole.
func (m exposition) connections() {
	w := &m.Web
	m.counter("tandem_connections_accepted_total", "Connections from clients.")
	m.Count(w.Accepted)
	m.gauge("tandem_connections", "Connections of clients, by what they do.")
	m.Sample(float64(w.Reading), "state", "reading")
	m.Sample(float64(w.Active), "state", "writing")
	m.Sample(float64(w.Waiting), "state", "waiting")
	m.gauge("tandem_connections_open", "Connections of clients that are open.")
	m.Sample(float64(w.Connections))
	m.gauge("tandem_connections_of_older_configurations", "Connections that an older configuration still has.")
	m.Count(uint64(w.Retired))
	m.gauge("tandem_stream_sessions", "Sessions of stream {} that are under way.")
	m.Count(uint64(w.Sessions))
	m.gauge("tandem_draining", "Whether responses end their connections, because the node hands over.")
	m.Flag(w.Draining)
}

// zones writes what was counted of requests, of servers or of locations.
func (m exposition) zones(kind string, zones []Zone) {
	name := "tandem_" + kind + "_zone_"
	m.counter(name+"requests_total", "Requests of a "+kind+" zone; of the zone \"\": of servers without status_zone.")
	for i := range zones {
		m.Count(zones[i].Requests, "zone", zones[i].Name)
	}
	m.counter(name+"responses_total", "Responses of a "+kind+" zone, by status.")
	for i := range zones {
		m.responses(zones[i].Responses, "zone", zones[i].Name)
	}
	m.counter(name+"discarded_total", "Requests of a "+kind+" zone that got no response.")
	for i := range zones {
		m.Count(zones[i].Discarded, "zone", zones[i].Name)
	}
	m.counter(name+"received_bytes_total", "Bytes from clients of a "+kind+" zone.")
	for i := range zones {
		m.Count(zones[i].Received, "zone", zones[i].Name)
	}
	m.counter(name+"sent_bytes_total", "Bytes to clients of a "+kind+" zone.")
	for i := range zones {
		m.Count(zones[i].Sent, "zone", zones[i].Name)
	}
	m.histogram(name+"request_seconds", "How long requests of a "+kind+" zone took, from the first byte to the end of the response.")
	for i := range zones {
		m.Durations(zones[i].Durations.Buckets, zones[i].Durations.Sum, "zone", zones[i].Name)
	}
	if kind != "server" {
		return
	}
	m.gauge(name+"processing", "Requests of a server zone that are being answered.")
	for i := range zones {
		if zones[i].Name != "" {
			m.Sample(float64(zones[i].Processing), "zone", zones[i].Name)
		}
	}
}

// responses writes how many there were of each status.
func (m exposition) responses(counts map[int]uint64, labels ...string) {
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		m.Count(counts[status], append(labels[:len(labels):len(labels)], "status", strconv.Itoa(status))...)
	}
}

// tls writes what concerns handshakes with clients.
func (m exposition) tls() {
	m.counter("tandem_tls_handshakes_total", "Handshakes of TLS with clients, by how they ended.")
	for i := range m.Web.Servers {
		if h := m.Web.Servers[i].TLS; h != nil {
			zone := m.Web.Servers[i].Name
			m.Count(h.Done, "zone", zone, "result", "ok")
			m.Count(h.TimedOut, "zone", zone, "result", "timed_out")
			m.Count(h.Failed, "zone", zone, "result", "failed")
		}
	}
	m.counter("tandem_tls_sessions_resumed_total", "Handshakes that resumed a session.")
	for i := range m.Web.Servers {
		if h := m.Web.Servers[i].TLS; h != nil {
			m.Count(h.Reused, "zone", m.Web.Servers[i].Name)
		}
	}
	m.counter("tandem_tls_versions_total", "Handshakes, by the version of TLS.")
	for i := range m.Web.Servers {
		if h := m.Web.Servers[i].TLS; h != nil {
			for _, version := range slices.Sorted(maps.Keys(h.Versions)) {
				m.Count(h.Versions[version], "zone", m.Web.Servers[i].Name, "version", version)
			}
		}
	}
}

// caches writes what concerns response caches.
func (m exposition) caches() {
	m.gauge("tandem_cache_bytes", "Bytes of a response cache on the disk.")
	for i := range m.Caches {
		m.Sample(float64(m.Caches[i].Size), "cache", m.Caches[i].Name)
	}
	m.gauge("tandem_cache_max_bytes", "Bytes that a response cache may have on the disk, if that is limited.")
	for i := range m.Caches {
		if c := &m.Caches[i]; c.MaxSize > 0 {
			m.Sample(float64(c.MaxSize), "cache", c.Name)
		}
	}
	m.gauge("tandem_cache_entries", "Entries of a response cache.")
	for i := range m.Caches {
		m.Count(uint64(m.Caches[i].Entries), "cache", m.Caches[i].Name)
	}
	m.counter("tandem_cache_responses_total", "Responses that a cache took part in, by how.")
	for i := range m.Caches {
		for _, how := range slices.Sorted(maps.Keys(m.Caches[i].Uses)) {
			m.Count(m.Caches[i].Uses[how].Responses, "cache", m.Caches[i].Name, "status", how)
		}
	}
	m.counter("tandem_cache_response_bytes_total", "Bytes of the bodies of these responses.")
	for i := range m.Caches {
		for _, how := range slices.Sorted(maps.Keys(m.Caches[i].Uses)) {
			m.Count(m.Caches[i].Uses[how].Bytes, "cache", m.Caches[i].Name, "status", how)
		}
	}
}

// certificates writes when they end.
func (m exposition) certificates() {
	seen := make(map[[2]string]bool) // several servers may show the same one
	m.gauge("tandem_tls_cert_not_after_seconds", "When a certificate ends, as Unix time.")
	for i := range m.Certificates {
		c := &m.Certificates[i]
		if id := [2]string{c.Name, c.Source}; c.Ends != nil && !seen[id] {
			seen[id] = true
			m.Sample(float64(c.Ends.Unix()), "name", c.Name, "source", c.Source)
		}
	}
	clear(seen)
	m.gauge("tandem_tls_cert_error", "Whether the last attempt to get a certificate failed.")
	for i := range m.Certificates {
		c := &m.Certificates[i]
		if id := [2]string{c.Name, c.Source}; c.Renew != nil && !seen[id] {
			seen[id] = true
			m.Flag(c.Error != "", "name", c.Name, "source", c.Source)
		}
	}
}
