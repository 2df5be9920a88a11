package status

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite testdata/*.txt")

// at is when the test's reports are made.
var at = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return at.Add(-d) }

var (
	vip   = netip.MustParseAddr("192.0.2.254")
	one   = netip.MustParseAddr("192.0.2.1")
	other = netip.MustParseAddr("192.0.2.2")
	local = netip.MustParseAddrPort("127.0.0.1:80")
)

func plainWeb() *Report {
	return &Report{
		At: at, Node: "edge1", Version: "1.0", PID: 42, Started: ago(26 * time.Hour),
		Configuration: Configuration{Generation: 1, Loaded: ago(26 * time.Hour), Nginx: "/etc/nginx/nginx.conf"},
		Web:           Web{Listeners: []string{"0.0.0.0:80"}, Connections: 3, Active: 1, Waiting: 2, Accepted: 90, Requests: 1001},
		Resources:     Resources{Resident: 21e6, Goroutines: 17, Files: 24, CPU: 12.3},
	}
}

func master() *Report {
	r := plainWeb()
	r.Configuration.Keepalived = "/etc/keepalived/keepalived.conf"
	r.Instances = []Instance{{
		Name: "VI_1", VRID: 51, Version: 2, Interface: "eth0", Source: one,
		State: "MASTER", Since: ago(3*time.Hour + 12*time.Minute), Reason: Reason{"preemption", "preempting 192.0.2.2, priority 50, ours 100"},
		Priority:  Priority{Effective: 100, Base: 100},
		Addresses: []netip.Addr{vip}, Held: []netip.Addr{vip}, Lease: 3,
		Owner: &Owner{Self: true, Addr: one, Node: "edge1", Since: ago(3*time.Hour + 12*time.Minute)},
		SelfProbe: &SelfProbe{Good: true, Since: ago(26 * time.Hour),
			Last: []Probed{{Addr: local, Status: 200, At: ago(100 * time.Millisecond), Took: 0.0004}}},
		Peers: []Peer{{Addr: other, Node: "edge2", Version: "1.0", Priority: 50, Since: ago(90 * time.Second)}},
		Next:  &Next{What: "advert", At: at.Add(430 * time.Millisecond)},
	}}
	r.Timers = &Timers{Fired: 1000}
	return r
}

// troubled is a node with everything against it.
func troubled() *Report {
	r := master()
	failed := ago(time.Minute)
	r.Configuration.FailedReload = &failed
	r.Web.Retired, r.Web.Draining, r.Stopping = 2, true, true
	i := &r.Instances[0]
	i.State, i.Since, i.Reason = "BACKUP", ago(4*time.Second), Reason{"resign", "resigned: 127.0.0.1:80 answered 502 to GET /"}
	i.Resigned, i.Priority = "127.0.0.1:80 answered 502 to GET /", Priority{1, 100, "resigned"}
	i.Owner, i.Held, i.Demoted = nil, nil, true
	i.SelfProbe = &SelfProbe{Reason: "127.0.0.1:80 answered 502 to GET /", Last: []Probed{
		{Addr: local, Status: 502, Error: "127.0.0.1:80 answered 502 to GET /", At: ago(200 * time.Millisecond)}, {Addr: local, Took: 0.002}}}
	i.Trackers = []Tracker{{Kind: "script", Name: "chk", Weight: -20, Text: "exit status 1"}, {Kind: "tracked interface", Name: "eth1", Fault: true}}
	i.Peers[0].Drift, i.Peers[0].Health = []string{"conf.d/a.conf"}, "no connection"
	i.Heard = &Heard{From: other, Priority: 50, At: ago(time.Hour), Within: 3.8}
	i.Next = &Next{What: "master down", At: at.Add(-time.Millisecond)}
	i.Counters = Counters{Sent: 12, Received: 7, SendErrors: 1, Overruns: 2, Dropped: map[string]uint64{"TTL": 3, "authentication": 4}}
	faulty := *i
	faulty.Name, faulty.State, faulty.Resigned, faulty.Owner, faulty.SelfProbe = "VI_2", "FAULT", "", nil, nil
	faulty.Faults = []string{"interface eth1: down", "script chk: exit status 1"}
	r.Instances = append(r.Instances, faulty)
	r.Groups = []Group{{"G1", "FAULT", []string{"VI_1", "VI_2"}}}
	r.Timers = &Timers{Fired: 1000, Late: 3, Worst: 0.042}
	return r
}

// proxying is a node whose back ends are in all kinds of states.
func proxying() *Report {
	r := plainWeb()
	peer := func(addr, state string, checks ...Check) UpstreamPeer {
		return UpstreamPeer{Addr: addr, Server: addr, Weight: 1, State: state, Checks: checks}
	}
	refused := Check{Name: "/", State: "unhealthy", Since: ago(3 * time.Minute), Checks: 40, Fails: 36, Unhealthy: 1, At: ago(time.Second),
		Reason: "connect() failed (111: Connection refused) while connecting to upstream"}
	r.Upstreams = []Upstream{
		{Name: "app", Queued: 7, Peers: []UpstreamPeer{
			peer("192.0.2.11:80", "up", Check{State: "up", Checks: 3, Passed: true}), peer("192.0.2.12:80", "unhealthy", Check{State: "up"}, refused),
			peer("192.0.2.13:80", "unavail"), peer("192.0.2.14:80", "down"), peer("192.0.2.15:80", "draining")}},
		{Name: "api", Peers: []UpstreamPeer{peer("unix:/run/api", "checking", Check{State: "checking"})}},
	}
	return r
}

// virtual has virtual servers in every condition.
func virtual() *Report {
	r := plainWeb()
	r.BFD = []BFD{
		{Name: "peer", Neighbor: "192.0.2.2", State: "Up", Since: ago(time.Hour), Detection: 0.15, Sent: 70, Received: 71},
		{Name: "router", Neighbor: "192.0.2.254", State: "Down"},
	}
	checked := func(up bool, reason string) []Checker {
		return []Checker{
			{Kind: "HTTP_GET", About: "/health", Up: up, Known: true, Since: ago(5 * time.Minute), At: ago(2 * time.Second), Reason: reason},
			{Kind: "MISC_CHECK", About: "/usr/local/bin/check one", Up: true},
		}
	}
	server := func(host string, up bool, reason string) RealServer {
		return RealServer{Name: "[" + host + "]:tcp:80", Address: netip.MustParseAddrPort(host + ":80"), Method: "NAT", Up: up, In: up, Weight: 2, Active: 3, Inactive: 1, Connections: 1234, Checks: checked(up, reason)}
	}
	down := server("10.0.0.2", false, "connecting: timed out")
	down.Since, down.Inhibit = ago(5*time.Minute), true
	sorry := RealServer{Name: "[10.0.0.9]:tcp:80", Address: netip.MustParseAddrPort("10.0.0.9:80"), Sorry: true, Up: true, Weight: 1}
	waits := sorry
	waits.Up = false
	r.VirtualServers = []VirtualServer{
		{Name: "[192.0.2.254]:tcp:80", Engine: "kernel", Scheduler: "wlc", Quorum: true, Needed: 1, Weight: 4,
			RealServers: []RealServer{server("10.0.0.1", true, ""), server("10.0.0.3", true, "GET /health: status 500"), waits}},
		{Name: "[192.0.2.254]:tcp:81", Engine: "user", Scheduler: "rr", Needed: 2, SorryServer: true, RealServers: []RealServer{down, sorry}},
		{Name: "FWM 3", Engine: "kernel", Scheduler: "sh", Needed: 2, Weight: 1},
	}
	return r
}

// TestWriteText compares what people see with testdata.
func TestWriteText(t *testing.T) {
	for name, r := range map[string]*Report{"web": plainWeb(), "proxying": proxying(), "master": master(), "troubled": troubled(), "virtual": virtual()} {
		r.Judge()
		var b strings.Builder
		if err := r.WriteText(&b, Style{}); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", name+".txt")
		if *update {
			if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if b.String() != string(want) {
			t.Errorf("%s:\n%s\nwant (go test -update rewrites it):\n%s", name, b.String(), want)
		}
		var painted strings.Builder
		if err := r.WriteText(&painted, Style{Colour: true}); err != nil {
			t.Fatal(err)
		}
		without := painted.String()
		for _, code := range []string{bold, red, green, yellow, plain} {
			without = strings.ReplaceAll(without, code, "")
		}
		if without != b.String() {
			t.Errorf("%s: colours change the text:\n%s", name, without)
		}
	}
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Report, *Instance)
		want   []string
	}{
		{"as it is", func(*Report, *Instance) {}, nil},
		{"backup", func(_ *Report, i *Instance) { i.State, i.Owner, i.Held = "BACKUP", &Owner{Addr: other}, nil }, nil},
		{"demoted", func(_ *Report, i *Instance) { i.State, i.Owner, i.Demoted = "BACKUP", &Owner{Addr: other}, true }, nil},
		{"drift", func(_ *Report, i *Instance) { i.Peers[0].Drift = []string{"nginx.conf"} }, nil},
		{"nobody", func(_ *Report, i *Instance) { i.State, i.Owner = "BACKUP", nil }, []string{"VI_1: nobody is known to hold 192.0.2.254"}},
		{"fault", func(_ *Report, i *Instance) { i.State, i.Faults = "FAULT", []string{"interface eth0: down"} }, []string{"VI_1 is faulty: interface eth0: down"}},
		{"start", func(_ *Report, i *Instance) { i.State, i.Faults = "INIT", []string{"waiting for self-probe"} }, []string{"VI_1 has not started yet: waiting for self-probe"}},
		{"stopped", func(_ *Report, i *Instance) { i.State = "STOP" }, []string{"VI_1 has stopped"}},
		{"probe", func(_ *Report, i *Instance) { i.SelfProbe.Good, i.SelfProbe.Reason = false, "timed out" }, []string{"VI_1: the self-probe has failed: timed out"}},
		{"no address", func(_ *Report, i *Instance) { i.Held = nil }, []string{"VI_1 is master without its addresses"}},
		{"split brain", func(_ *Report, i *Instance) { i.Rival = &Rival{other, "a firewall drops its adverts"} },
			[]string{"VI_1: 192.0.2.2 is master too: a firewall drops its adverts"}},
		{"stopping", func(r *Report, _ *Instance) { r.Stopping = true }, []string{"the process is stopping"}},
		{"deaf", func(r *Report, _ *Instance) { r.Web.Listeners = nil }, []string{"no port is open"}},
	} {
		r := master()
		c.change(r, &r.Instances[0])
		r.Judge()
		if !slices.Equal(r.Problems, c.want) || r.Healthy != (c.want == nil) {
			t.Errorf("%s: healthy %t, problems %q, want %q", c.name, r.Healthy, r.Problems, c.want)
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 0: "0.0 ms", 430 * time.Microsecond: "0.4 ms", 310 * time.Millisecond: "310 ms", 4210 * time.Millisecond: "4.2 s",
		59 * time.Second: "59 s", time.Minute: "1 min", 61 * time.Second: "1 min 1 s", 3*time.Hour + 12*time.Minute + time.Second: "3 h 12 min",
		49 * time.Hour: "2 d 1 h",
	} {
		if got := Duration(d); got != want {
			t.Errorf("%v: %q, want %q", int64(d), got, want)
		}
	}
}

// TestViewer asks through a real socket.
func TestViewer(t *testing.T) {
	name := filepath.Join(t.TempDir(), "nginx.control")
	reports := make(chan *Report, 1)
	s, err := Listen(name, os.Geteuid(), func(_ string, out io.Writer) int { return (<-reports).Answer(out) })
	if err != nil {
		t.Fatal(err)
	}
	show := func(r *Report, v Viewer) (code int, stdout, stderr string) {
		if r != nil {
			r.Judge()
			reports <- r
		}
		var out, errs bytes.Buffer
		v.Socket, v.Out, v.Err = name, &out, &errs
		if v.Running == nil {
			v.Running = func() bool { return false }
		}
		code = v.Run(context.Background())
		return code, out.String(), errs.String()
	}
	code, text, _ := show(master(), Viewer{})
	want, _ := os.ReadFile("testdata/master.txt")
	if code != ExitHealthy || text != string(want) {
		t.Errorf("healthy: %d\n%s", code, text)
	}
	code, text, _ = show(troubled(), Viewer{JSON: true})
	var back Report
	if err := json.Unmarshal([]byte(text), &back); code != ExitNotHealthy || err != nil || back.Instances[1].Name != "VI_2" || back.Healthy {
		t.Errorf("troubled: %d %v\n%s", code, err, text)
	}
	s.Close()
	if code, text, _ = show(nil, Viewer{}); code != ExitNotRunning || !strings.HasPrefix(text, "no tandem is running here") {
		t.Errorf("nobody: %d %q", code, text)
	}
	if code, text, _ = show(nil, Viewer{JSON: true}); code != ExitNotRunning || json.Unmarshal([]byte(text), &back) != nil {
		t.Errorf("nobody, JSON: %d %q", code, text)
	}
	if code, _, text = show(nil, Viewer{Running: func() bool { return true }}); code != ExitUnknown || !strings.Contains(text, "cannot be asked") {
		t.Errorf("no socket: %d %q", code, text)
	}
	// Watching goes on until the context ends, and tells the last state.
	ctx, cancel := context.WithCancel(context.Background())
	pages := make(chan string)
	go func() {
		<-pages
		<-pages
		cancel()
		for range pages {
		}
	}()
	v := Viewer{Socket: name, Out: chanWriter(pages), Err: os.Stderr, Running: func() bool { return false }, Watch: time.Millisecond, Screen: func() Screen { return Screen{24, 80} }}
	if code := v.Run(ctx); code != ExitNotRunning {
		t.Errorf("watching: %d", code)
	}
	close(pages)
}

// chanWriter passes on what is written.
type chanWriter chan string

func (c chanWriter) Write(p []byte) (int, error) {
	c <- string(p)
	return len(p), nil
}
