package status

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"tandem/internal/histogram"
	"tandem/internal/openmetrics"
)

func durations(n ...uint64) Durations {
	d := Durations{Buckets: make([]uint64, histogram.Buckets), Sum: 0.5}
	copy(d.Buckets, n)
	return d
}

// busy has everything that metrics tell of.
func busy() *Report {
	r := troubled()
	r.Upstreams = proxying().Upstreams
	for i := range r.Upstreams {
		for j := range r.Upstreams[i].Peers {
			p := &r.Upstreams[i].Peers[j]
			p.Responses, p.Durations = map[int]uint64{200: 5, 502: 1}, durations(5, 1)
		}
	}
	r.Upstreams = append(r.Upstreams, Upstream{Name: "twice", Stream: true, Peers: []UpstreamPeer{
		{Addr: "192.0.2.9:1", State: "up", Durations: durations()}, {Addr: "192.0.2.9:1", State: "down", Durations: durations()},
	}})
	r.Web.Servers = []Zone{
		{Name: "", Requests: 1, Responses: map[int]uint64{404: 1}, Durations: durations(1)},
		{Name: "a\"b\\\n\xff<b>", Requests: 3, Processing: 1, Responses: map[int]uint64{200: 2, 304: 1}, Durations: durations(2, 1),
			TLS: &Handshakes{Done: 4, Reused: 1, Failed: 2, Versions: map[string]uint64{"TLS 1.3": 4}}},
	}
	r.Web.Locations = []Zone{{Name: "l", Requests: 1, Responses: map[int]uint64{200: 1}, Durations: durations(1)}}
	r.Caches = []Cache{{Name: "c", Entries: 3, Size: 4096, MaxSize: 1 << 20, Uses: map[string]CacheUse{"hit": {2, 100}, "miss": {1, 50}}}}
	r.Certificates = []Certificate{{Name: "a.test", Source: "/a.pem", Ends: in(day)}, {Name: "a.test", Source: "/a.pem", Ends: in(day)}, {Name: "b.test", Source: "acme le", Renew: in(day), Error: "no"}}
	r.Instances[0].Transitions = []Transitions{{"BACKUP", "resign", 2}, {"MASTER", "timeout", 3}}
	r.Handovers = &Handovers{Done: 2, Failed: 1, Prepare: 0.01, Drain: 1, Relief: 0.02}
	r.Instances[0].Counters.Dropped = map[string]uint64{"ttl": 3, "auth-password": 4, "ah-value": 1}
	r.Instances[0].SelfProbe.Last = r.Instances[0].SelfProbe.Last[:1]
	r.VirtualServers = virtual().VirtualServers
	r.BFD = virtual().BFD
	r.LinkRefused = map[string]uint64{"key": 1}
	return r
}

func TestMetrics(t *testing.T) {
	got := string(busy().WriteMetrics(openmetrics.Plain))
	for _, want := range []string{
		`tandem_build_info{version="1.0"} 1`,
		`tandem_healthy 0`,
		`tandem_bfd_session_up{session="peer",neighbor="192.0.2.2"} 1`,
		`tandem_bfd_session_up{session="router",neighbor="192.0.2.254"} 0`,
		`tandem_config_last_reload_success 0`,
		`tandem_server_zone_requests_total{zone="a\"b\\\n` + "\uFFFD" + `<b>"} 3`,
		`tandem_server_zone_responses_total{zone="",status="404"} 1`,
		`tandem_server_zone_request_seconds_bucket{zone="",le="+Inf"} 1`,
		`tandem_location_zone_requests_total{zone="l"} 1`,
		`tandem_upstream_peer_state{upstream="twice",kind="stream",peer="192.0.2.9:1"} 1`,
		`tandem_upstream_peer_state{upstream="twice",kind="stream",peer="192.0.2.9:1#2"} 3`,
		`tandem_cache_responses_total{cache="c",status="hit"} 2`,
		`tandem_tls_cert_not_after_seconds{name="a.test",source="/a.pem"} 1.7954352e+09`,
		`tandem_vrrp_state{instance="VI_1"} 1`,
		`tandem_vrrp_transitions_total{instance="VI_1",to="MASTER",reason="timeout"} 3`,
		`tandem_vip_held{instance="VI_1",address="192.0.2.254"} 0`,
		`tandem_handovers_total{result="failed"} 1`,
		`tandem_virtual_server_quorum{virtual_server="[192.0.2.254]:tcp:81",engine="user"} 0`,
		`tandem_real_server_active{virtual_server="[192.0.2.254]:tcp:80",real_server="[10.0.0.1]:tcp:80",kind="real"} 3`,
		`tandem_real_server_check_up{virtual_server="[192.0.2.254]:tcp:81",real_server="[10.0.0.2]:tcp:80",kind="real",check="HTTP_GET",number="1"} 0`,
		`tandem_peer_config_drift{instance="VI_1",peer="192.0.2.2",node="edge2"} 1`,
		`nginx_connections_accepted 90`,
		`nginx_http_requests_total 1001`,
		`keepalived_vrrp_state{iname="VI_1",intf="eth0",vrid="51",ip_address="192.0.2.254"} 1`,
		`keepalived_ip_ttl_errors_total{iname="VI_1",intf="eth0",vrid="51"} 3`,
		`keepalived_authentication_failure_total{iname="VI_1",intf="eth0",vrid="51"} 5`,
		`keepalived_script_status{name="chk"} 0`,
	} {
		if !strings.Contains(got, "\n"+want+"\n") {
			t.Errorf("there is no %s", want)
		}
	}
	// A sample is written once; what is told twice is refused by who reads it.
	seen := make(map[string]bool)
	for line := range strings.Lines(got) {
		name, _, _ := strings.Cut(line, "} ")
		if !strings.HasPrefix(line, "#") && seen[name] {
			t.Errorf("twice: %s", line)
		}
		seen[name] = true
	}
	if t.Failed() {
		t.Log(got)
	}
}

// What Prometheus' own tool thinks of the metrics.
func TestMetricsAsPromtoolReadsThem(t *testing.T) {
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed")
	}
	for name, r := range map[string]*Report{"busy": busy(), "plain": plainWeb(), "master": master()} {
		c := exec.Command(tool, "check", "metrics")
		c.Stdin = bytes.NewReader(r.WriteMetrics(openmetrics.Plain))
		if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
