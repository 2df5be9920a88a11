package exchange_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/internal/flow"
	"tandem/web/webtest"
)

// A request whose peer fails after it has had the body goes on to the next with the
// same body, if that is known whole; one that was sent as it came cannot.
func TestBodiesForTheNextPeer(t *testing.T) {
	closing := serve(t, func(net.Conn, *http.Request) (string, bool) { return "", false })
	good := always(t, ok)
	for _, c := range []struct {
		settings string
		size     int
		status   int
	}{
		{"", 10, 200},
		{"", 300_000, 200}, // in a file
		{"proxy_request_buffering off;", 300_000, 502},
		{"proxy_next_upstream off;", 10, 502},
		{"proxy_next_upstream_tries 1;", 10, 502},
	} {
		s := inMemory(t, "upstream u { server "+closing.addr+" max_fails=0; server "+good.addr+" backup; }",
			"client_max_body_size 0; location / { proxy_pass http://u; "+c.settings+" }")
		body := strings.Repeat("0123456789", c.size/10)
		x := &webtest.Exchange{Method: "PUT", Body: []string{body[:4]}, BodyEnd: flow.ErrNotYet}
		s.ExchangeBy(t, &trickling{x, body[4:]}, x)
		if x.Status != c.status {
			t.Errorf("%s %d bytes: %d, want %d", c.settings, c.size, x.Status, c.status)
		}
		if got := closing.taken(); len(got) != 1 || got[0] != "PUT / "+body {
			t.Errorf("%s: the first has got %d requests", c.settings, len(got))
		}
		if got := good.taken(); c.status == 200 && (len(got) != 1 || got[0] != "PUT / "+body) || c.status != 200 && len(got) > 0 {
			t.Errorf("%s: the second has got %d requests, not this one", c.settings, len(got))
		}
	}
}

// What is not to be passed on is not.
func TestRequestIsNotPassed(t *testing.T) {
	fields := make(chan string, 1)
	b := serve(t, func(_ net.Conn, r *http.Request) (string, bool) {
		fields <- r.Header.Get("X-A")
		return ok, true
	})
	for settings, want := range map[string][2]string{
		"": {"POST / body", "a"},
		`proxy_pass_request_body off; proxy_set_header Content-Length "";`: {"POST /", "a"},
		"proxy_pass_request_headers off;":                                  {"POST / body", ""},
	} {
		s := inMemory(t, "", "location / { proxy_pass http://"+b.addr+"; "+settings+" }")
		s.Exchange(t, &webtest.Exchange{Method: "POST", Fields: []string{"X-A: a"}, Body: []string{"body"}, Announced: true})
		field := <-fields
		if got := b.taken(); len(got) != 1 || strings.TrimSpace(got[0]) != want[0] || field != want[1] {
			t.Errorf("%s: %q with X-A: %q", settings, got, field)
		}
	}
}

// How bodies that cannot be sent end, when they are sent as they come.
func TestBodiesThatFail(t *testing.T) {
	reading := webtest.Backend(t, "127.0.0.1:0", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	done := make(chan bool)
	defer close(done)
	deaf := webtest.Backend(t, "127.0.0.1:0", func(net.Conn) { <-done })
	for _, c := range []struct {
		name, addr, settings string
		rest                 string // of the body, after a first piece
		end                  error
		status               int
		log                  string
	}{
		{"too large", reading, "client_max_body_size 10;", "678901", nil, 413, "client intended to send too large chunked body"},
		{"cut off", reading, "", "", io.ErrUnexpectedEOF, 400, ""},
		{"not taken", deaf, "client_max_body_size 0; proxy_send_timeout 100ms; proxy_socket_sndbuf 8k;", strings.Repeat("x", 32<<20), nil, 504,
			"upstream timed out (110: Connection timed out) while sending request to upstream"},
	} {
		s := inMemory(t, "", "location / { proxy_pass http://"+c.addr+"; proxy_request_buffering off; proxy_read_timeout 2s; "+c.settings+" }")
		x := &webtest.Exchange{Method: "POST", Body: []string{"12345"}, BodyEnd: c.end}
		if c.rest != "" {
			x.BodyEnd = flow.ErrNotYet
		}
		s.ExchangeBy(t, &trickling{x, c.rest}, x)
		if got := x.Request.Response.Status; got != c.status || !strings.Contains(s.Log(), c.log) {
			t.Errorf("%s: %d, want %d, and %q in\n%s", c.name, got, c.status, c.log, s.Log())
		}
	}
}

// A unix socket that nobody listens on is told of in nginx's words.
func TestConnectToUnixSocket(t *testing.T) {
	dir := t.TempDir()
	dead := filepath.Join(dir, "dead")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	for socket, want := range map[string]string{
		dead:                         "[error] P connect() to unix:" + dead + " failed (111: Connection refused) while connecting to upstream",
		filepath.Join(dir, "nobody"): "[crit] P connect() to unix:" + dir + "/nobody failed (2: No such file or directory) while connecting to upstream",
	} {
		s := inMemory(t, "", "location / { proxy_pass http://unix:"+socket+"; }")
		x := s.Ask(t, "/")
		level, rest, _ := strings.Cut(want, " P ")
		if x.Status != 502 || !strings.Contains(s.Log(), level) || !strings.Contains(s.Log(), rest) {
			t.Errorf("%d, want %s in\n%s", x.Status, want, s.Log())
		}
	}
}

// That a response cannot be stored is told, and the client gets it all the same; an
// empty name stores nothing.
func TestStoreFails(t *testing.T) {
	b := always(t, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345")
	s := webtest.New(t, begin+"location / { proxy_pass http://"+b.addr+"; proxy_store $arg_to; } } }", modules, map[string]string{"file": "there"})
	for _, c := range []struct{ to, log string }{
		{"", ""},
		{s.Dir + "/file/below", "(20: Not a directory)"},
		{s.Dir + "/new/file", ""},
	} {
		x := s.Ask(t, "/?to="+c.to)
		if x.Status != 200 || x.Content != "12345" || !x.Ended {
			t.Errorf("%s: %d %q", c.to, x.Status, x.Content)
		}
		if log := s.Log(); !strings.Contains(log, c.log) || c.log != "" && !strings.Contains(log, "[crit]") {
			t.Errorf("%s: no %q in\n%s", c.to, c.log, log)
		}
	}
	if text, err := os.ReadFile(filepath.Join(s.Dir, "new/file")); string(text) != "12345" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(s.Dir, "file/below")); err == nil || errors.Is(err, os.ErrPermission) {
		t.Errorf("stored: %v", err)
	}
	left, err := os.ReadDir(filepath.Join(s.Dir, "proxy_temp"))
	if err == nil && len(left) > 0 {
		t.Errorf("%d temporary files are left", len(left))
	}
}
