package block_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"tandem/proxy/block"
	"tandem/web/webtest"
)

// names is a name server on loopback with records that change, in the form of zone
// files. Without records for a name there is no such name.
type names struct {
	addr string

	mu      sync.Mutex
	records []string
	broken  bool // fails instead of answering
}

func nameServer(t testing.TB, records ...string) *names {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &names{addr: c.LocalAddr().String(), records: records}
	started := make(chan bool)
	server := &dns.Server{PacketConn: c, Handler: n, NotifyStartedFunc: func() { close(started) }}
	go func() { _ = server.ActivateAndServe() }()
	<-started
	t.Cleanup(func() { _ = server.Shutdown() })
	return n
}

func (n *names) set(broken bool, records ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.records, n.broken = records, broken
}

func (n *names) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := new(dns.Msg).SetReply(q)
	a.Rcode = dns.RcodeNameError
	if n.broken {
		a.Rcode = dns.RcodeServerFailure
	}
	for _, text := range n.records {
		rr, err := dns.NewRR(text)
		if err != nil || n.broken || !strings.EqualFold(rr.Header().Name, q.Question[0].Name) {
			continue
		}
		a.Rcode = dns.RcodeSuccess
		if rr.Header().Rrtype == q.Question[0].Qtype {
			a.Answer = append(a.Answer, rr)
		}
	}
	_ = w.WriteMsg(a)
}

// resolving starts a server whose upstreams look names up, over loopback: what they
// do in the background is at work there. It is asked by its status only.
func resolving(t testing.TB, conf string) *webtest.Server {
	t.Helper()
	return webtest.Start(t, "events {}\nhttp { "+conf+" server { listen 127.0.0.1:8080; } }", modules, nil)
}

// peers returns what there is in an upstream: "192.0.2.1:80", "192.0.2.2:81 weight=2
// backup".
func peers(s *webtest.Server, name string) (list []string) {
	for _, u := range block.Upstreams(&s.HTTP.Realm) {
		if u.Name != name {
			continue
		}
		for _, p := range u.Peers {
			text := p.Name
			if p.Weight != 1 {
				text += fmt.Sprint(" weight=", p.Weight)
			}
			if p.Backup {
				text += " backup"
			}
			list = append(list, text)
		}
	}
	slices.Sort(list)
	return list
}

// awaitPeers waits for the peers of upstream u, or another that is named.
func awaitPeers(t testing.TB, s *webtest.Server, name string, want ...string) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("%s has %q, want %q", name, peers(s, name), want)
		}
	}()
	webtest.Await(t, "the peers are not those of the name", func() bool { return slices.Equal(peers(s, name), want) })
}

// The addresses of a name are peers of their own, for as long as the name server
// says, and what it says next takes their place.
func TestResolve(t *testing.T) {
	if testing.Short() {
		t.Skip("names are looked up once a second")
	}
	n := nameServer(t,
		"h.test. 0 IN A 192.0.2.1", "h.test. 0 IN A 192.0.2.2", "h.test. 0 IN AAAA 2001:db8::1",
		"o.test. 0 IN A 192.0.2.9",
		"_http._tcp.s.test. 0 IN SRV 1 5 8001 a.s.test.", "_http._tcp.s.test. 0 IN SRV 2 7 8002 b.s.test.",
		"a.s.test. 0 IN A 192.0.2.3", "b.s.test. 0 IN A 192.0.2.4",
	)
	s := resolving(t, "resolver "+n.addr+"; resolver_timeout 500ms;"+`
		upstream u { zone u 64k; server h.test resolve; }
		upstream port { zone p 64k; server 192.0.2.7; server h.test:81 resolve weight=3 backup; }
		upstream service { zone s 64k; server s.test service=http resolve; }
		upstream own { zone o 64k; resolver `+n.addr+` ipv6=off; resolver_timeout 400ms; server h.test resolve; }`)
	awaitPeers(t, s, "u", "192.0.2.1:80", "192.0.2.2:80", "[2001:db8::1]:80")
	awaitPeers(t, s, "port", "192.0.2.1:81 weight=3 backup", "192.0.2.2:81 weight=3 backup", "192.0.2.7:80", "[2001:db8::1]:81 weight=3 backup")
	awaitPeers(t, s, "service", "192.0.2.3:8001 weight=5", "192.0.2.4:8002 weight=7 backup")
	awaitPeers(t, s, "own", "192.0.2.1:80", "192.0.2.2:80")

	// A server that fails changes nothing.
	n.set(true)
	webtest.Await(t, "nothing is logged", func() bool {
		return strings.Contains(s.Log(), "h.test could not be resolved (2: Server failure)") &&
			strings.Contains(s.Log(), "service http of s.test could not be resolved (2: Server failure)")
	})
	if got := peers(s, "own"); len(got) != 2 {
		t.Errorf("a failure has left %q", got)
	}
	// A name that is not there any more has no peers.
	n.set(false, "h.test. 0 IN A 192.0.2.5")
	awaitPeers(t, s, "service")
	awaitPeers(t, s, "own", "192.0.2.5:80")
	awaitPeers(t, s, "port", "192.0.2.5:81 weight=3 backup", "192.0.2.7:80")
}

// After a reload the peers of a name are there at once, with the new port, although
// the name server says nothing.
func TestResolvedOverReload(t *testing.T) {
	n := nameServer(t, "h.test. 0 IN A 192.0.2.1", "_http._tcp.h.test. 0 IN SRV 1 1 8001 h.test.")
	conf := func(port string) string {
		return "resolver " + n.addr + " valid=10m; upstream u { zone u 64k; server h.test" + port + " resolve; } " +
			"upstream s { zone s 64k; server h.test service=http resolve; } "
	}
	s := resolving(t, conf(""))
	awaitPeers(t, s, "u", "192.0.2.1:80")
	awaitPeers(t, s, "s", "192.0.2.1:8001")
	n.set(true)
	before := s.Gen
	s.Reload(t, "events {}\nhttp { "+conf(":81")+" server { listen 127.0.0.1:8080; } }", modules)
	if got := peers(s, "u"); !slices.Equal(got, []string{"192.0.2.1:81"}) {
		t.Errorf("after the reload: %q", got)
	}
	if got := peers(s, "s"); !slices.Equal(got, []string{"192.0.2.1:8001"}) {
		t.Errorf("of the service, after the reload: %q", got)
	}
	before.Retire(nil)
	before.Abort()
}

// A name without resolve is what the host makes of it. There is one warning for each
// that it does not know, and the configuration is good.
func TestHosts(t *testing.T) {
	long := strings.Repeat("h", 64) // no name server needs to be asked for that
	h, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp {\nupstream u {\nserver localhost:8001;\nserver "+long+";\n}\n}", modules)
	if errs.Failed() || len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), `host not found in upstream "`+long+`" (`) || !strings.HasSuffix(errs[0].Error(), ":5") {
		t.Errorf("%v", errs)
	}
	var got []string
	for _, p := range block.Upstreams(&h.Realm)[0].Peers {
		got = append(got, p.Name)
	}
	if !slices.Contains(got, "127.0.0.1:8001") {
		t.Errorf("localhost is %q", got)
	}
}

// A request for a name that its own resolver finds goes there, and one for a name
// that it does not find gets 502.
func TestFindTargetByName(t *testing.T) {
	addr := named(t, "B")
	_, port, _ := net.SplitHostPort(addr)
	n := nameServer(t, "h.test. 0 IN A 127.0.0.1")
	s := webtest.New(t, "events {}\nhttp { server { listen 127.0.0.1:8080; resolver "+n.addr+" ipv6=off; location / { proxy_pass http://$arg_to; } } }", modules, nil)
	if x := s.Ask(t, "/?to=h.test:"+port); x.Content != "B" {
		t.Errorf("%d %q", x.Status, x.Content)
	}
	if x := s.Ask(t, "/?to=other.test:"+port); x.Status != 502 || !strings.Contains(s.Log(), "other.test could not be resolved (3: Host not found)") {
		t.Errorf("%d %q", x.Status, x.Content)
	}
}
