package block_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/proxy/block"
	"tandem/proxy/upstream"
	"tandem/web/webtest"
)

// named starts a back end that answers every request with its name; a path /fail is
// not answered at all.
func named(t testing.TB, name string) (addr string) {
	t.Helper()
	return webtest.Backend(t, "127.0.0.1:0", func(c net.Conn) {
		br := bufio.NewReader(c)
		for {
			head, _, err := webtest.ReadHead(br)
			if err != nil || strings.HasPrefix(head, "GET /fail") {
				return
			}
			if _, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(name), name); err != nil {
				return
			}
		}
	})
}

// withUpstream starts a server whose upstream u has what is in block, in which A, B
// and C are the addresses of back ends of these names.
func withUpstream(t testing.TB, inside string) *webtest.Server {
	t.Helper()
	return webtest.New(t, withBackends(t, inside), modules, nil)
}

func withBackends(t testing.TB, inside string) (conf string) {
	t.Helper()
	for _, name := range []string{"A", "B", "C"} {
		if strings.Contains(inside, "server "+name) {
			inside = strings.ReplaceAll(inside, "server "+name, "server "+named(t, name))
		}
	}
	return "events {}\nhttp { upstream u { " + inside + ` }
		server { listen 127.0.0.1:8080; location / { proxy_pass http://u; add_header X-Addr $upstream_addr always; } } }`
}

// answers asks n times and returns who answered: "AAB".
func answers(t testing.TB, s *webtest.Server, n int, target string) (who string) {
	t.Helper()
	for range n {
		x := s.Ask(t, target)
		if x.Status != 200 {
			who += "-"
			continue
		}
		who += x.Content
	}
	return who
}

// How requests are spread, by what stands in the block.
func TestSpread(t *testing.T) {
	for _, c := range []struct {
		inside, target string
		want           string // the answers to six requests
	}{
		{"server A; server B;", "/", "ABABAB"},
		{"server A weight=2; server B;", "/", "ABAABA"},
		{"server A; server B down;", "/", "AAAAAA"},
		{"server A; server B backup;", "/", "AAAAAA"},
		{"server A down; server B backup;", "/", "BBBBBB"},
		{"server A down; server B backup; server C backup;", "/", "BCBCBC"},
		{"server A drain; server B;", "/", "BBBBBB"},
		{"server A down; server B down;", "/", "------"},
		{"server 127.0.0.1:1; server B;", "/", "BBBBBB"}, // is out of service after one failure
		{"server 127.0.0.1:1; server 127.0.0.1:1 backup;", "/", "------"},
		{"least_conn; server A; server B;", "/", "ABABAB"},
		{"least_conn; server A down; server B backup;", "/", "BBBBBB"},
		{"random; server A down; server B;", "/", "BBBBBB"},
		{"random two least_conn; server A down; server B;", "/", "BBBBBB"},
		{"random two least_time=header; server A down; server B;", "/", "BBBBBB"},
		{"random two least_time=last_byte; server A down; server B;", "/", "BBBBBB"},
		{"least_time header; server A down; server B;", "/", "BBBBBB"},
		{"least_time last_byte inflight; server A down; server B;", "/", "BBBBBB"},
		{"ip_hash; server A; server B down;", "/", "AAAAAA"},
		{"hash $uri; server A down; server B;", "/", "BBBBBB"},
	} {
		s := withUpstream(t, c.inside)
		if got := answers(t, s, 6, c.target); got != c.want {
			t.Errorf("%s: %s, want %s", c.inside, got, c.want)
		}
	}
}

// A key or an address has its peer, whoever else asks in between.
func TestSpreadByKey(t *testing.T) {
	for _, method := range []string{"hash $arg_k;", "hash $arg_k consistent;", "hash k$arg_k$arg_other;"} {
		s := withUpstream(t, method+" server A; server B; server C;")
		seen := make(map[string]string)
		for round := range 3 {
			for key := range 20 {
				target := fmt.Sprintf("/?k=%d", key)
				got := s.Ask(t, target).Content
				if round > 0 && got != seen[target] {
					t.Errorf("%s %s: %s, and %s before", method, target, got, seen[target])
				}
				seen[target] = got
			}
		}
		used := ""
		for _, who := range seen {
			if !strings.Contains(used, who) {
				used += who
			}
		}
		if len(used) != 3 {
			t.Errorf("%s: of 20 keys all are at %s", method, used)
		}
	}
	s := withUpstream(t, "ip_hash; server A; server B; server C;")
	if got := answers(t, s, 6, "/"); strings.Trim(got, got[:1]) != "" {
		t.Errorf("one client's requests went to %s", got)
	}
}

// max_fails and fail_timeout say when a peer is out of service; a request that fails
// goes to the next one meanwhile.
func TestMaxFails(t *testing.T) {
	for _, c := range []struct {
		params string
		fails  uint64
		state  upstream.PeerState
	}{
		{"", 1, upstream.StateUnavail},
		{"max_fails=2", 2, upstream.StateUnavail},
		{"max_fails=3 fail_timeout=1h", 3, upstream.StateUnavail},
		{"max_fails=0", 4, upstream.StateUp},
	} {
		s := withUpstream(t, "server 127.0.0.1:1 "+c.params+"; server B;")
		if got := answers(t, s, 7, "/"); got != "BBBBBBB" {
			t.Errorf("%s: %s", c.params, got)
		}
		peer := block.Upstreams(&s.HTTP.Realm)[0].Peers[0]
		if peer.State != c.state || peer.Fails != c.fails {
			t.Errorf("%s: %s after %d failures, want %s after %d", c.params, peer.State, peer.Fails, c.state, c.fails)
		}
	}
	// fail_timeout=0 takes it out of service for no time at all.
	s := withUpstream(t, "server 127.0.0.1:1 fail_timeout=0; server B;")
	answers(t, s, 6, "/")
	webtest.Await(t, "it stays out of service", func() bool {
		s.Ask(t, "/")
		return block.Upstreams(&s.HTTP.Realm)[0].Peers[0].Fails > 1
	})
}

// What parameters say is known of the peers, and the name has no case.
func TestParameters(t *testing.T) {
	s := webtest.New(t, `events {}
	http {
		upstream First { zone z 64k; server 127.0.0.1:8001 weight=5 max_conns=7 slow_start=30s route=one; server [::1] backup; server unix:/run/x.sock down; }
		upstream second { least_conn; server 127.0.0.2; keepalive 3; keepalive_requests 9; keepalive_time 2m; keepalive_timeout 500ms; queue 4 timeout=2s; }
		upstream third { server 127.0.0.1:1 drain; keepalive 5 local; }
		upstream fourth { server 127.0.0.1:1; keepalive 0; }
		server { listen 127.0.0.1:8080; location / { proxy_pass http://127.0.0.1:8009; } }
	}`, modules, nil)
	all := block.Upstreams(&s.HTTP.Realm)
	var got []string
	for _, u := range all {
		for _, p := range u.Peers {
			got = append(got, fmt.Sprintf("%s %s %s weight=%d max_conns=%d backup=%t %s", u.Name, p.Server, p.Name, p.Weight, p.MaxConns, p.Backup, p.State))
		}
	}
	want := []string{
		"First 127.0.0.1:8001 127.0.0.1:8001 weight=5 max_conns=7 backup=false up",
		"First unix:/run/x.sock unix:/run/x.sock weight=1 max_conns=0 backup=false down",
		"First [::1] [::1]:80 weight=1 max_conns=0 backup=true up",
		"second 127.0.0.2 127.0.0.2:80 weight=1 max_conns=0 backup=false up",
		"third 127.0.0.1:1 127.0.0.1:1 weight=1 max_conns=0 backup=false draining",
		"fourth 127.0.0.1:1 127.0.0.1:1 weight=1 max_conns=0 backup=false up",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if sid := all[0].Peers[0].SID; sid != "one" {
		t.Errorf("the route is %q", sid)
	}
	for name, want := range map[string]*upstream.Pool{
		"FIRST":  {Max: 32, Requests: 1000, Time: time.Hour, Timeout: time.Minute, Local: true}, // as without keepalive
		"second": {Max: 3, Requests: 9, Time: 2 * time.Minute, Timeout: 500 * time.Millisecond},
		"third":  {Max: 5, Requests: 1000, Time: time.Hour, Timeout: time.Minute, Local: true},
	} {
		p := block.Find(&s.HTTP.Realm, name).Pool
		if p.Max != want.Max || p.Requests != want.Requests || p.Time != want.Time || p.Timeout != want.Timeout || p.Local != want.Local {
			t.Errorf("%s: the pool is %d %d %v %v %t", name, p.Max, p.Requests, p.Time, p.Timeout, p.Local)
		}
	}
	if g := block.Find(&s.HTTP.Realm, "fourth"); g.Pool != nil {
		t.Error("keepalive 0 keeps connections")
	}
	if g := block.Find(&s.HTTP.Realm, "second"); g.Queue != 4 || g.QueueTimeout != 2*time.Second {
		t.Errorf("the queue is %d, %v", g.Queue, g.QueueTimeout)
	}
	if g := block.Find(&s.HTTP.Realm, "127.0.0.1"); g != nil {
		t.Error("an address is no upstream block")
	}
}

// The status tells of each peer what requests have come to.
func TestReport(t *testing.T) {
	s := withUpstream(t, "server A weight=2; server 127.0.0.1:1 backup; keepalive 1;")
	answers(t, s, 3, "/")
	list := block.Report(&s.HTTP.Realm)
	if len(list) != 1 || list[0].Name != "u" || list[0].Idle != 1 || len(list[0].Peers) != 2 {
		t.Fatalf("%+v", list)
	}
	a, b := list[0].Peers[0], list[0].Peers[1]
	if a.Requests != 3 || a.Weight != 2 || a.State != "up" || a.Active != 0 || a.Fails != 0 || a.Backup || a.Sent == 0 || a.Received == 0 || a.Selected.IsZero() {
		t.Errorf("%+v", a)
	}
	if b.Requests != 0 || !b.Backup || !b.Selected.IsZero() || b.Addr != "127.0.0.1:1" {
		t.Errorf("%+v", b)
	}
}

// A host that is named at run time is an upstream block, an address, or a name that
// wants a resolver.
func TestFindTarget(t *testing.T) {
	b := named(t, "B")
	_, port, _ := net.SplitHostPort(b)
	s := webtest.New(t, "events {}\nhttp { upstream u { server "+named(t, "A")+`; }
		server { listen 127.0.0.1:8080; location / { proxy_pass http://$arg_to; } location /u { proxy_pass http://u; }
			location /unix { proxy_pass http://unix:$arg_to; } location /fastcgi { fastcgi_pass $arg_to; } } }`, modules, nil)
	socket := filepath.Join(s.Dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _, _ = webtest.ReadHead(bufio.NewReader(c))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\nunix")
			_ = c.Close()
		}
	}()
	for _, c := range []struct {
		target, want string
		status       int
		log          string
	}{
		{"/?to=u", "A", 200, ""},
		{"/?to=U", "A", 200, ""},
		{"/?to=u:81", "", 502, `no resolver defined to resolve u`},
		{"/?to=" + b, "B", 200, ""},
		{"/?to=127.0.0.1:" + port + "/x", "B", 200, ""},
		{"/?to=h.test", "", 502, "no resolver defined to resolve h.test"},
		{"/?to=127.0.0.1:x", "", 500, "invalid port in upstream"},
		{"/?to=", "", 500, "no host in upstream"},
		{"/fastcgi?to=127.0.0.1", "", 500, `no port in upstream "127.0.0.1"`},
		{"/unix?to=" + socket, "unix", 200, ""},
	} {
		x := s.Ask(t, c.target)
		if x.Status != c.status || c.want != "" && x.Content != c.want || !strings.Contains(s.Log(), c.log) {
			t.Errorf("%s: %d %q, want %d %q, and in the log %q", c.target, x.Status, x.Content, c.status, c.want, c.log)
		}
	}
}
