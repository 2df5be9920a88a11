package exchange_test

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"tandem/internal/flow"
	"tandem/web/webtest"
)

// How tries end, whom they make way for, and what a client gets when none is left.
func TestTries(t *testing.T) {
	silent := serve(t, func(c net.Conn, _ *http.Request) (string, bool) {
		_, _ = c.Read(make([]byte, 1))
		return "", false
	})
	closing := serve(t, func(net.Conn, *http.Request) (string, bool) { return "", false })
	garbage := always(t, "no HTTP\r\n\r\n")
	big := always(t, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 5000)+"\r\n\r\n")
	down := always(t, "HTTP/1.1 503 Down\r\nContent-Length: 4\r\n\r\ndown")
	good := always(t, ok)
	for _, c := range []struct {
		name, peer, settings, method string
		status                       int
		content                      string // of a try at the good one: "ok"
		log                          string
	}{
		{"refused", nobody, "", "GET", 200, "ok", "connect() failed (111: Connection refused) while connecting to upstream"},
		{"refused", nobody, "", "POST", 200, "ok", "connect() failed"},
		{"refused", nobody, "proxy_next_upstream timeout;", "GET", 502, "", "connect() failed"},
		{"refused", nobody, "proxy_next_upstream off;", "GET", 502, "", "connect() failed"},
		{"refused", nobody, "proxy_next_upstream_tries 1;", "GET", 502, "", "connect() failed"},
		{"silent", silent.addr, "", "GET", 200, "ok", "upstream timed out (110: Connection timed out) while reading response header from upstream"},
		{"silent", silent.addr, "", "POST", 504, "", "upstream timed out"},
		{"silent", silent.addr, "proxy_next_upstream timeout non_idempotent;", "POST", 200, "ok", "upstream timed out"},
		{"silent", silent.addr, "proxy_next_upstream error;", "GET", 504, "", "upstream timed out"},
		{"silent", silent.addr, "proxy_next_upstream_timeout 1ms;", "GET", 504, "", "upstream timed out"},
		{"closing", closing.addr, "", "GET", 200, "ok", "upstream prematurely closed connection while reading response header"},
		{"closing", closing.addr, "proxy_next_upstream off;", "GET", 502, "", "upstream prematurely closed connection"},
		{"garbage", garbage.addr, "", "GET", 502, "", "upstream sent no valid HTTP/1.0 header"},
		{"garbage", garbage.addr, "proxy_next_upstream invalid_header;", "GET", 200, "ok", "upstream sent no valid HTTP/1.0 header"},
		{"big", big.addr, "", "GET", 502, "", "upstream sent too big header"},
		{"big", big.addr, "proxy_next_upstream invalid_header;", "GET", 200, "ok", "upstream sent too big header"},
		{"down", down.addr, "", "GET", 503, "down", ""},
		{"down", down.addr, "proxy_next_upstream http_503;", "GET", 200, "ok", "upstream answered 503, another one is asked"},
		{"down", down.addr, "proxy_next_upstream http_500;", "GET", 503, "down", ""},
		{"down", down.addr, "proxy_next_upstream http_503;", "POST", 503, "down", ""},
	} {
		s := inMemory(t, "upstream u { server "+c.peer+" max_fails=0; server "+good.addr+" backup; }",
			"proxy_read_timeout 100ms; location / { proxy_pass http://u; "+c.settings+" }")
		x := &webtest.Exchange{Method: c.method}
		if c.method == "POST" {
			x.Body, x.Announced = []string{"body"}, true
		}
		s.Exchange(t, x)
		if x.Status != c.status || c.content != "" && x.Content != c.content {
			t.Errorf("%s, %s %s: %d %q", c.name, c.method, c.settings, x.Status, x.Content)
		}
		if !strings.Contains(s.Log(), c.log) {
			t.Errorf("%s, %s %s: the log does not say %q", c.name, c.method, c.settings, c.log)
		}
	}
}

// What the variables tell of every try, also of those before an internal redirect.
func TestTriesTold(t *testing.T) {
	good := serve(t, func(_ net.Conn, r *http.Request) (string, bool) {
		if r.URL.Path == "/inside" {
			return "HTTP/1.1 200 OK\r\nX-Accel-Redirect: /\r\nContent-Length: 0\r\n\r\n", true
		}
		return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\nX-A: c\r\nSet-Cookie: one=1; path=/\r\n\r\nok", true
	})
	s := inMemory(t, "upstream u { server "+nobody+" max_fails=0; server "+good.addr+" backup; }", `location / { proxy_pass http://u;
		add_header X-Told "$upstream_addr|$upstream_status|$upstream_http_x_a|$upstream_cookie_one|$upstream_cache_status"; }`)
	addrs := nobody + ", " + good.addr
	for target, want := range map[string]string{
		"/":       addrs + "|502, 200|b, c|1|",
		"/inside": addrs + " : " + addrs + "|502, 200 : 502, 200|b, c|1|",
	} {
		if x := s.Ask(t, target); x.Field("X-Told") != want {
			t.Errorf("%s: %d %q, want %q", target, x.Status, x.Field("X-Told"), want)
		}
	}
}

// A kept connection that the back end has closed meanwhile is no failure of its:
// it is asked again, over a new one. A request that is not to be sent twice is not.
func TestStaleConnection(t *testing.T) {
	served := make(map[net.Conn]bool)
	b := serve(t, func(c net.Conn, _ *http.Request) (string, bool) {
		if served[c] {
			return "", false // the connection was good for one request
		}
		served[c] = true
		return ok, true
	})
	s := inMemory(t, "upstream u { server "+b.addr+" max_fails=1 fail_timeout=1h; server "+nobody+" down; keepalive 1; }", "location / { proxy_pass http://u; }")
	for i := range 3 {
		if x := s.Ask(t, "/"); x.Content != "ok" {
			t.Errorf("%d: %d %q", i, x.Status, x.Content)
		}
	}
	if n := b.connections(); n != 3 {
		t.Errorf("%d connections", n)
	}
	if x := s.Exchange(t, &webtest.Exchange{Method: "POST", Body: []string{"x"}, Announced: true}); x.Status != 502 {
		t.Errorf("a POST was sent twice: %d", x.Status)
	}
}

// Connections are kept as long as the configuration and the responses allow.
func TestKeptConnections(t *testing.T) {
	for _, c := range []struct {
		name, keep, response string
		want                 int // connections for four requests
	}{
		{"kept", "keepalive 1;", ok, 1},
		{"none", "keepalive 0;", ok, 4},
		{"two requests each", "keepalive 1; keepalive_requests 2;", ok, 2},
		{"a moment", "keepalive 1; keepalive_time 1ms;", ok, 4},
		{"closing", "keepalive 1;", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 4},
		{"old", "keepalive 1;", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 4},
		{"more than told", "keepalive 1;", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokay", 4},
		{"chunks", "keepalive 1;", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 1},
		{"nothing", "keepalive 1;", "HTTP/1.1 204 No\r\n\r\n", 1},
	} {
		b := serve(t, func(net.Conn, *http.Request) (string, bool) {
			if strings.HasPrefix(c.keep, "keepalive 1; keepalive_time") {
				// The time that it may be old is over when it is given back.
				awaitMillisecond()
			}
			return c.response, true
		})
		s := inMemory(t, "upstream u { server "+b.addr+"; "+c.keep+" }", "location / { proxy_pass http://u; }")
		for range 4 {
			if x := s.Ask(t, "/"); x.Status/100 != 2 {
				t.Errorf("%s: %d", c.name, x.Status)
			}
		}
		if n := b.connections(); n != c.want {
			t.Errorf("%s: %d connections, want %d", c.name, n, c.want)
		}
	}
}

// A client that leaves ends what is being waited for, unless the configuration wants
// the response all the same.
func TestClientLeaves(t *testing.T) {
	for _, c := range []struct {
		settings string
		want     int
	}{{"", 499}, {"proxy_ignore_client_abort on;", 200}} {
		asked, go_on := make(chan bool), make(chan bool)
		b := serve(t, func(net.Conn, *http.Request) (string, bool) {
			asked <- true
			<-go_on
			return ok, true
		})
		s := inMemory(t, "", "location / { proxy_pass http://"+b.addr+"; "+c.settings+" }")
		x := new(webtest.Exchange)
		go func() {
			<-asked
			x.Leave()
			close(go_on)
		}()
		s.Exchange(t, x)
		if got := x.Request.Response.Status; got != c.want && !(c.want == 499 && strings.Contains(s.Log(), "client prematurely closed connection")) {
			t.Errorf("%q: %d", c.settings, got)
		}
	}
}

// trickling is a client that sends the rest of its body only when somebody waits
// for it.
type trickling struct {
	*webtest.Exchange
	rest string
}

func (c *trickling) ReadBody(p []byte) (int, error) {
	if c.rest != "" {
		go c.Continue(c.rest)
		c.rest = ""
	}
	return c.Exchange.ReadBody(p)
}

// Bodies of every size get there whole, whether they are read first or sent as they
// come, and another peer gets the same.
func TestRequestBodies(t *testing.T) {
	lengths := make(chan int64, 1)
	b := serve(t, func(_ net.Conn, r *http.Request) (string, bool) {
		lengths <- r.ContentLength
		return ok, true
	})
	for _, buffering := range []bool{true, false} {
		settings := "proxy_request_buffering off;"
		if buffering {
			settings = ""
		}
		s := inMemory(t, "upstream u { server "+nobody+" max_fails=0; server "+b.addr+" backup; }",
			"client_max_body_size 0; client_body_buffer_size 8k; location / { proxy_pass http://u; "+settings+" }")
		for _, n := range []int{2, 3000, 5000, 40000, 200000} {
			for _, announced := range []bool{true, false} {
				body := strings.Repeat("x", n)
				x := &webtest.Exchange{Method: "PUT", Announced: announced}
				if announced {
					x.Body = []string{body[:n/2], body[n/2:]}
					s.Exchange(t, x)
				} else {
					x.Body, x.BodyEnd = []string{body[:n/2]}, flow.ErrNotYet
					s.ExchangeBy(t, &trickling{x, body[n/2:]}, x)
				}
				if got := b.taken(); x.Content != "ok" || len(got) != 1 || got[0] != "PUT / "+body {
					t.Errorf("buffering %t, %d bytes, announced %t: %d, %d requests", buffering, n, announced, x.Status, len(got))
					continue
				}
				want := int64(n)
				if !buffering && !announced {
					want = -1 // in chunks
				}
				if got := <-lengths; got != want {
					t.Errorf("buffering %t, %d bytes, announced %t: the length was %d, want %d", buffering, n, announced, got, want)
				}
			}
		}
	}
}

// A local address that the host does not have is the configuration's fault, not that
// of a peer: none is asked after it.
func TestBindFails(t *testing.T) {
	b := always(t, ok)
	s := inMemory(t, "upstream u { server "+b.addr+" max_fails=1; server "+b.addr+"; }", "location / { proxy_bind 198.51.100.9; proxy_pass http://u; } location /well { proxy_pass http://u; }")
	if x := s.Ask(t, "/"); x.Status != 500 || len(b.taken()) > 0 {
		t.Errorf("%d", x.Status)
	}
	if log := s.Log(); !strings.Contains(log, "[crit] ") || strings.Count(log, "bind(198.51.100.9) failed (99: Cannot assign requested address) while connecting to upstream, client: ") != 1 {
		t.Errorf("the log says\n%s", log)
	}
	if x := s.Ask(t, "/well"); x.Content != "ok" {
		t.Errorf("afterwards: %d", x.Status)
	}
}
