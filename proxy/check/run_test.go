package check_test

import (
	"bufio"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem/proxy"
	"tandem/proxy/block"
	"tandem/proxy/check"
	"tandem/proxy/exchange"
	"tandem/session/vars"
	"tandem/web"
	"tandem/web/webtest"
)

var modules = []*web.Module{exchange.Module, proxy.Module, check.Module, web.Shared(vars.Map)}

// backend is a back end that says what it is told to, and what it was asked.
type backend struct {
	net.Listener
	asked chan string // heads of the requests of checks
	conns atomic.Int32
	hasty atomic.Bool // connections are closed after each answer, unannounced

	mu     sync.Mutex
	answer string
}

func (b *backend) say(answer string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

const (
	fine = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Name: a\r\n\r\nfine"
	ill  = "HTTP/1.1 503 Ill\r\nContent-Length: 3\r\n\r\nill"
)

// serve answers requests at one of the addresses of the configuration.
func serve(t testing.TB, s *webtest.Server, port, answer string) *backend {
	t.Helper()
	l, err := net.Listen("tcp4", s.Addr(t, port))
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{Listener: l, asked: make(chan string, 1000), answer: answer}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b.conns.Add(1)
			go b.connection(c)
		}
	}()
	return b
}

func (b *backend) connection(c net.Conn) {
	defer func() { _ = c.Close() }()
	br := bufio.NewReader(c)
	for {
		head := ""
		for !strings.HasSuffix(head, "\r\n\r\n") {
			line, err := br.ReadString('\n')
			if err != nil {
				return
			}
			head += line
		}
		if strings.Contains(head, "tandem-health-check") {
			select {
			case b.asked <- head:
			default:
			}
		}
		b.mu.Lock()
		answer := b.answer
		b.mu.Unlock()
		_, err := io.WriteString(c, answer)
		if answer == "" || strings.Contains(answer, " 103 ") {
			// Nothing more is to come.
			_, _ = io.Copy(io.Discard, c)
		}
		if err != nil || b.hasty.Load() || strings.Contains(head, "Connection: close") {
			return
		}
	}
}

// eventually waits until something holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not so for 20 s", what)
		}
	}
}

// states returns the states of all peers.
func states(h *web.HTTP) string {
	var list []string
	for _, u := range block.Upstreams(&h.Realm) {
		for _, p := range u.Peers {
			list = append(list, string(p.State))
		}
	}
	return strings.Join(list, " ")
}

func awaitStates(t testing.TB, h *web.HTTP, want string) {
	t.Helper()
	eventually(t, want, func() bool { return states(h) == want })
}

func logHas(t testing.TB, s *webtest.Server, want string) {
	t.Helper()
	eventually(t, "the log says "+want, func() bool { return strings.Contains(s.Log(), want) })
}

const begin = "events {}\nhttp {\n"

func TestUnhealthyAndBack(t *testing.T) {
	s := webtest.Start(t, begin+`
	upstream u { server 127.0.0.1:8081; server 127.0.0.1:8082; server 127.0.0.1:8083 down; }
	match ok { status 200; }
	server { listen 127.0.0.1:8080; location / { proxy_pass http://u; health_check mandatory interval=5ms match=ok; } } }`, modules, nil)
	a := serve(t, s, "8081", fine)
	serve(t, s, "8082", strings.ReplaceAll(fine, "Name: a", "Name: b"))
	awaitStates(t, s.HTTP, "up up down")
	a.say(ill)
	awaitStates(t, s.HTTP, "unhealthy up down")
	for range 10 {
		if got := s.Get(t, "/").Header.Get("X-Name"); got != "b" {
			t.Fatalf("a request went to %q", got)
		}
	}
	peer := `, health check "ok" of peer ` + s.Addr(t, "8081") + ` in upstream "u"`
	logHas(t, s, "[error]")
	logHas(t, s, "status is 503 while checking status code"+peer)
	logHas(t, s, "peer is unhealthy while checking status code"+peer)
	a.say(fine)
	awaitStates(t, s.HTTP, "up up down")
	logHas(t, s, "peer is healthy"+peer)
	seen := map[string]bool{}
	for range 10 {
		seen[s.Get(t, "/").Header.Get("X-Name")] = true
	}
	if !seen["a"] || !seen["b"] {
		t.Errorf("requests went to %v", seen)
	}
	peers := block.Upstreams(&s.HTTP.Realm)[0].Peers
	if f := peers[0].Findings[0]; f.Checks < 2 || f.Failed == 0 || f.Turns == 0 || f.Reason != "" || time.Since(f.At) > time.Minute {
		t.Errorf("found of a: %+v", f)
	}
	if len(peers[2].Findings) != 1 || peers[2].Findings[0].Checks != 0 {
		t.Errorf("a peer that is down was checked: %+v", peers[2].Findings)
	}
}

// What is sent: the headers that the location gives to requests, as far as
// they do not come from clients.
func TestRequest(t *testing.T) {
	for _, c := range []struct{ location, check, want string }{
		{"", "", "GET / HTTP/1.1\r\nHost: u\r\nConnection: close\r\nUser-Agent: tandem-health-check\r\n\r\n"},
		{"proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Real-IP $remote_addr;" +
			`proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection ""; proxy_set_header X-A "a $scheme"; proxy_method POST; proxy_set_body x;`,
			`"uri=/health?full=1"`,
			"GET /health?full=1 HTTP/1.1\r\nHost: www.example\r\nX-A: a http\r\nConnection: close\r\nUser-Agent: tandem-health-check\r\n\r\n"},
		{"proxy_http_version 1.0; proxy_set_header User-Agent tandem-health-check-2;", "",
			"GET / HTTP/1.0\r\nHost: u\r\nUser-Agent: tandem-health-check-2\r\nConnection: close\r\n\r\n"},
		{"proxy_set_header Connection keep-alive; proxy_pass_request_headers off; proxy_set_header User-Agent tandem-health-check;", "",
			"GET / HTTP/1.1\r\nHost: u\r\nConnection: keep-alive\r\nUser-Agent: tandem-health-check\r\n\r\n"},
		{"", "keepalive_time=1m", "GET / HTTP/1.1\r\nHost: u\r\nUser-Agent: tandem-health-check\r\n\r\n"},
	} {
		s := webtest.Start(t, begin+`
	upstream u { server 127.0.0.1:8081; }
	server { listen 127.0.0.1:8080; server_name www.example; location /x/ { proxy_pass http://u/y/; health_check interval=5ms `+c.check+"; "+c.location+" } } }", modules, nil)
		b := serve(t, s, "8081", fine)
		if got := <-b.asked; got != c.want {
			t.Errorf("%s %s: asked\n%q, want\n%q", c.location, c.check, got, c.want)
		}
	}
}

// Before the first check of a mandatory one there are no requests.
func TestMandatory(t *testing.T) {
	s := webtest.Start(t, begin+`
	upstream u { server 127.0.0.1:8081; }
	server { listen 127.0.0.1:8080; location / { proxy_pass http://u; health_check mandatory interval=5ms fails=1000000; } } }`, modules, nil)
	awaitStates(t, s.HTTP, "checking")
	logHas(t, s, `connect() failed (111: Connection refused) while connecting to upstream, health check "/" of peer `)
	if a := s.Get(t, "/"); a.Status != 502 {
		t.Errorf("got %q before the first check, want 502", a.Raw)
	}
	serve(t, s, "8081", fine)
	awaitStates(t, s.HTTP, "up")
	if a := s.Get(t, "/"); a.Status != 200 {
		t.Errorf("got %q", a.Raw)
	}
}

// Ways in which a check fails, and what the log says of them.
func TestFailures(t *testing.T) {
	const slow = "proxy_read_timeout 100ms;"
	for name, c := range map[string]struct{ answer, location, match, log string }{
		"nothing":       {"", slow, "", "upstream timed out (110: Connection timed out) while reading response header from upstream"},
		"garbage":       {"garbage\r\n\r\n", "", "", "upstream sent no valid HTTP/1.0 header while reading response header from upstream"},
		"a bad header":  {"HTTP/1.1 200 OK\r\n: x\r\n\r\n", "", "", "upstream sent invalid header"},
		"a large head":  {"HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", 5000) + "\r\n\r\n", "", "", "upstream sent too big header while reading"},
		"a cut body":    {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfin", "", "body ~ fi;", "upstream prematurely closed connection while reading upstream"},
		"a bad chunk":   {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "", "body ~ .;", "upstream sent invalid chunked response while reading upstream"},
		"another body":  {fine, "", "body ~ good;", `body does not match "good" while checking response body`},
		"beyond 256k":   {fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%send", 256<<10+3, strings.Repeat("x", 256<<10)), "", "body ~ e;", `body does not match "e"`},
		"another value": {fine, "", "require $good;", `$good is "0" while checking variable`},
		"hints":         {strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 3), slow, "", "upstream timed out"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := webtest.Start(t, begin+`
	upstream u { server 127.0.0.1:8081; }
	map "$upstream_status $upstream_http_x_name" $good { "200 b" 1; default 0; }
	match m { `+c.match+` }
	server { listen 127.0.0.1:8080; location / { proxy_pass http://u; health_check interval=5ms `+
				map[bool]string{true: "", false: "match=m"}[c.match == ""]+`; `+c.location+` } } }`, modules, nil)
			serve(t, s, "8081", c.answer)
			awaitStates(t, s.HTTP, "unhealthy")
			logHas(t, s, c.log)
			if strings.Contains(s.Log(), "client: ") {
				t.Errorf("the log tells of a client:\n%s", s.Log())
			}
		})
	}
}

// A back end that says a little at a time does not hold a check for ever.
func TestDribble(t *testing.T) {
	s := webtest.Start(t, begin+`
	upstream u { server 127.0.0.1:8081; }
	match m { body ~ end; }
	server { listen 127.0.0.1:8080; location / { proxy_pass http://u; health_check match=m interval=5ms;
		proxy_connect_timeout 50ms; proxy_send_timeout 50ms; proxy_read_timeout 50ms; } } }`, modules, nil)
	webtest.Backend(t, s.Addr(t, "8081"), func(c net.Conn) {
		_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		for err == nil {
			time.Sleep(5 * time.Millisecond)
			_, err = io.WriteString(c, "x")
		}
	})
	awaitStates(t, s.HTTP, "unhealthy")
	logHas(t, s, "upstream timed out while waiting for the whole response, health check")
}

func TestConnectionsOnly(t *testing.T) {
	s := webtest.Start(t, begin+`
	upstream u { server 127.0.0.1:8081; }
	server { listen 127.0.0.1:8080; location / { proxy_pass http://u; health_check type=tcp interval=5ms; } } }`, modules, nil)
	awaitStates(t, s.HTTP, "unhealthy")
	b := serve(t, s, "8081", ill)
	awaitStates(t, s.HTTP, "up")
	logHas(t, s, `peer is healthy, health check "tcp" of peer`)
	if len(b.asked) != 0 {
		t.Errorf("something was sent: %q", <-b.asked)
	}
}

func TestOtherPort(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	defer other.Close()
	s := webtest.Start(t, begin+fmt.Sprintf(`
	upstream u { server 127.0.0.1:8081; }
	server { listen 127.0.0.1:8080; location / { proxy_pass http://u; health_check mandatory interval=5ms port=%d; } } }`, other.Listener.Addr().(*net.TCPAddr).Port), modules, nil)
	awaitStates(t, s.HTTP, "up")
}

// Connections of checks are used again for as long as keepalive_time says, and
// one that the peer has closed meanwhile is no failure.
func TestKeepaliveTime(t *testing.T) {
	s := webtest.Start(t, begin+`
	upstream u { server 127.0.0.1:8081; }
	server { listen 127.0.0.1:8080; location / { proxy_pass http://u; health_check mandatory keepalive_time=1m interval=5ms; } } }`, modules, nil)
	b := serve(t, s, "8081", fine)
	awaitStates(t, s.HTTP, "up")
	for range 5 {
		<-b.asked
	}
	if n := b.conns.Load(); n != 1 {
		t.Errorf("5 checks took %d connections", n)
	}
	failed := block.Upstreams(&s.HTTP.Realm)[0].Peers[0].Findings[0].Failed
	b.hasty.Store(true)
	eventually(t, "new connections", func() bool { return b.conns.Load() > 3 })
	if f := block.Upstreams(&s.HTTP.Realm)[0].Peers[0].Findings[0]; f.Failed != failed {
		t.Errorf("a connection that has gone stale counts as failure: %+v", f)
	}
}

// One check that fails is enough, whatever others say.
func TestSeveralChecks(t *testing.T) {
	s := webtest.Start(t, begin+`
	upstream u { server 127.0.0.1:8081; }
	match named { header X-Name; }
	server { listen 127.0.0.1:8080;
		location / { proxy_pass http://u; health_check mandatory interval=5ms; }
		location /b { proxy_pass http://u; health_check mandatory interval=5ms match=named; } } }`, modules, nil)
	b := serve(t, s, "8081", fine)
	awaitStates(t, s.HTTP, "up")
	b.say(strings.ReplaceAll(fine, "X-Name", "X-Other"))
	awaitStates(t, s.HTTP, "unhealthy")
	f := block.Upstreams(&s.HTTP.Realm)[0].Peers[0].Findings
	if len(f) != 2 || f[0].Failed != f[0].Turns || f[1].Reason != `there is no "X-Name" while checking header` {
		t.Errorf("found: %+v", f)
	}
}

// A reload keeps what is known, and the checks of the old configuration end.
func TestReload(t *testing.T) {
	const conf = begin + `
	upstream u { server 127.0.0.1:8081; server 127.0.0.1:8082; }
	server { listen 127.0.0.1:8080; location / { proxy_pass http://u; health_check mandatory %s; } } }`
	s := webtest.Start(t, fmt.Sprintf(conf, "interval=5ms"), modules, nil)
	a := serve(t, s, "8081", fine)
	serve(t, s, "8082", ill)
	awaitStates(t, s.HTTP, "up unhealthy")
	// reload puts another configuration to work and returns the states that
	// it begins with.
	reload := func(parameters string) string {
		h, errs := webtest.LoadAfter(s.HTTP, s.Dir, s.Expand(t, fmt.Sprintf(conf, parameters)), modules)
		if errs.Failed() {
			t.Fatal(errs)
		}
		first := states(h)
		old := s.Gen
		s.Reload(t, fmt.Sprintf(conf, parameters), modules)
		old.Retire(s.Gen)
		return first
	}
	for _, c := range []struct{ parameters, want string }{
		{"persistent interval=6ms", "up unhealthy"},
		{"interval=5ms", "checking unhealthy"},
		{"persistent uri=/other interval=1h", "checking checking"},
	} {
		if got := reload(c.parameters); got != c.want {
			t.Errorf("%s: begins with %s, want %s", c.parameters, got, c.want)
		}
		awaitStates(t, s.HTTP, "up unhealthy")
	}
	// Only the last configuration's checks are left, and they have an hour.
	awaitTasks(t, 3)
	for len(a.asked) > 0 {
		<-a.asked
	}
	select {
	case head := <-a.asked:
		t.Errorf("somebody still asks: %q", head)
	case <-time.After(50 * time.Millisecond):
	}
}

// awaitTasks waits until n goroutines are at work on checks.
func awaitTasks(t *testing.T, n int) {
	t.Helper()
	buf := make([]byte, 1<<20)
	var stacks string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		stacks = string(buf[:runtime.Stack(buf, true)])
		tasks := 0
		for one := range strings.SplitSeq(stacks, "\n\n") {
			if strings.Contains(one, "(*Checker)") {
				tasks++
			}
		}
		if tasks == n {
			return
		}
	}
	t.Fatalf("not %d tasks are left:\n%s", n, stacks)
}

// Checks end at once with their configuration, whatever they wait for.
func TestEnd(t *testing.T) {
	s := webtest.Start(t, begin+`
	upstream u { server 127.0.0.1:8081; }
	server { listen 127.0.0.1:8080; location / { proxy_pass http://u; health_check interval=5ms; } } }`, modules, nil)
	b := serve(t, s, "8081", "")
	<-b.asked
	awaitTasks(t, 2)
	before := s.Log()
	s.Gen.Retire(nil)
	awaitTasks(t, 0)
	if log := s.Log(); log != before {
		t.Errorf("what was broken off is no failure:\n%s", log)
	}
}

// Checks go over TLS where requests do, and hold the peer to the same.
func TestTLS(t *testing.T) {
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	backend.Config.ErrorLog = log.New(io.Discard, "", 0)
	backend.StartTLS()
	defer backend.Close()
	trusted := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: backend.Certificate().Raw})
	s := webtest.Start(t, begin+`
	upstream u { server `+backend.Listener.Addr().String()+`; }
	upstream v { server `+backend.Listener.Addr().String()+`; }
	server { listen 127.0.0.1:8080; proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.pem; proxy_ssl_server_name on;
		location / { proxy_pass https://u; proxy_ssl_name example.com; health_check interval=5ms mandatory; }
		location /v { proxy_pass https://v; proxy_ssl_name elsewhere.example; health_check interval=5ms mandatory; } } }`, modules,
		map[string]string{"ca.pem": string(trusted)})
	awaitStates(t, s.HTTP, "up unhealthy")
	logHas(t, s, `upstream SSL certificate does not match "elsewhere.example" while SSL handshaking to upstream, health check "/" of peer`)
}
