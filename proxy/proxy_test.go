package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"tandem/proxy"
	"tandem/proxy/exchange"
	"tandem/web"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

var modules = []*web.Module{exchange.Module, proxy.Module}

const begin = "events {}\nhttp {\n"

// backend is a back end that answers each request as told.
type backend struct {
	net.Listener
	got chan string // heads of the requests
}

// serve answers every request on addr with answer, which returns the whole
// response and whether the connection stays open. Bodies are read by
// Content-Length.
func serve(t testing.TB, addr string, answer func(head, body string) (response string, keep bool)) *backend {
	t.Helper()
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{Listener: l, got: make(chan string, 1000)}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go b.connection(c, answer)
		}
	}()
	return b
}

func (b *backend) connection(c net.Conn, answer func(head, body string) (string, bool)) {
	defer func() { _ = c.Close() }()
	br := bufio.NewReader(c)
	for {
		head, body, err := readMessage(br)
		if err != nil {
			return
		}
		select {
		case b.got <- head:
		default:
		}
		response, keep := answer(head, body)
		if _, err := io.WriteString(c, response); err != nil || !keep {
			return
		}
	}
}

// readMessage reads a request: its head with the empty line, and its body.
func readMessage(br *bufio.Reader) (head, body string, err error) {
	head, length, err := webtest.ReadHead(br)
	if err != nil {
		return "", "", err
	}
	b := make([]byte, length)
	_, err = io.ReadFull(br, b)
	return head, string(b), err
}

// ok is a response with a body.
func ok(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func TestPass(t *testing.T) {
	s := webtest.Start(t, begin+`
	upstream u { server 127.0.0.1:8081; }
	server { listen 127.0.0.1:8080;
		location / { proxy_pass http://127.0.0.1:8081; }
		location /slash/ { proxy_pass http://u/; }
		location /path { proxy_pass http://u/other?x=1; }
		location /set/ { proxy_pass http://u; proxy_set_header X-A "a $arg_v"; proxy_set_header Accept ""; proxy_set_header Host h.example;
			proxy_http_version 1.0; proxy_method PUT; }
	} }`, modules, nil)
	b := serve(t, s.Addr(t, "8081"), func(head, body string) (string, bool) { return ok("[" + body + "]"), true })
	addr := s.Addr(t, "8081")
	for _, c := range []struct{ request, want string }{
		{"GET /a%20b?c HTTP/1.1\r\nHost: x\r\nAccept: y\r\nConnection: close\r\nTE: z\r\n\r\n", "GET /a%20b?c HTTP/1.1\r\nHost: " + addr + "\r\nAccept: y\r\n\r\n"},
		{"GET /slash/a%20b?c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET /a%20b?c HTTP/1.1\r\nHost: u\r\n\r\n"},
		{"GET /path/a?c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET /other?x=1/a?c HTTP/1.1\r\nHost: u\r\n\r\n"},
		{"POST /set/?v=1 HTTP/1.1\r\nHost: x\r\nAccept: y\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
			"PUT /set/?v=1 HTTP/1.0\r\nHost: h.example\r\nX-A: a 1\r\nContent-Length: 2\r\n\r\n"},
	} {
		raw := s.Raw(t, c.request)
		if !strings.HasPrefix(raw, "HTTP/1.1 200 OK\r\nServer: nginx/") {
			t.Errorf("%q: got %q", c.request, raw)
		}
		if got := <-b.got; got != c.want {
			t.Errorf("%q: sent\n%q, want\n%q", c.request, got, c.want)
		}
	}
}

// Log formats name the state of the cache whether there is one or not.
func TestVariablesOfNoCache(t *testing.T) {
	s := webtest.Start(t, begin+`server { listen 127.0.0.1:8080;
	return 200 "[$upstream_cache_status$upstream_cache_last_modified$upstream_cache_etag][$http2$http3]"; } }`,
		append(modules, rewrite.Module), nil)
	if r := s.Get(t, "/"); r.Body != "[][]" {
		t.Errorf("%q", r.Body)
	}
}

func TestKeepalive(t *testing.T) {
	s := webtest.Start(t, begin+`
	upstream u { server 127.0.0.1:8081; keepalive 4; }
	server { listen 127.0.0.1:8080; location / { proxy_pass http://u; } } }`, modules, nil)
	var conns atomic.Int32
	l, err := net.Listen("tcp4", s.Addr(t, "8081"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Add(1)
			go (&backend{got: make(chan string)}).connection(c, func(string, string) (string, bool) { return ok("x"), true })
		}
	}()
	for range 10 {
		if a := s.Get(t, "/"); a.Body != "x" {
			t.Fatalf("got %q", a.Raw)
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("10 requests took %d connections, want 1", n)
	}
}

func TestNextUpstream(t *testing.T) {
	s := webtest.Start(t, begin+`
	upstream u { server 127.0.0.1:8081; server 127.0.0.1:8082; server 127.0.0.1:8083 backup; }
	server { listen 127.0.0.1:8080;
		location / { proxy_pass http://u; proxy_next_upstream error timeout http_500; }
	} }`, modules, nil)
	serve(t, s.Addr(t, "8082"), func(string, string) (string, bool) {
		return "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", false
	})
	serve(t, s.Addr(t, "8083"), func(string, string) (string, bool) { return ok("backup"), false })
	if a := s.Get(t, "/"); a.Status != 200 || a.Body != "backup" {
		t.Errorf("got %q", a.Raw)
	}
}
