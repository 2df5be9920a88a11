package proxy_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"tandem/web/webtest"
)

// raw answers every connection on addr with bytes, after the head of a
// request, and closes it; an empty answer waits for the client to close.
func raw(t testing.TB, addr, answer string) {
	t.Helper()
	webtest.Backend(t, addr, func(c net.Conn) {
		buf := make([]byte, 64<<10)
		got := ""
		for !strings.Contains(got, "\r\n\r\n") {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			got += string(buf[:n])
		}
		if answer == "" {
			_, _ = io.Copy(io.Discard, c)
			return
		}
		_, _ = io.WriteString(c, answer)
	})
}

// What a back end sends, what the client gets for it, and what the log says.
var badAnswers = []struct {
	name, answer string
	status       int
	log          string
}{
	{"nothing", "\x00", 502, "no valid HTTP/1.0 header"},
	{"garbage", "garbage\r\n\r\n", 502, "upstream sent no valid HTTP/1.0 header"},
	{"a closed connection", "HTTP/1.1 200 OK\r\n", 502, "upstream prematurely closed connection while reading response header from upstream"},
	{"no status", "HTTP/1.1 OK\r\n\r\n", 502, "upstream sent no valid HTTP/1.0 header"},
	{"a status of two digits", "HTTP/1.1 20 OK\r\n\r\n", 502, "upstream sent no valid HTTP/1.0 header"},
	{"a status below 100", "HTTP/1.1 099 OK\r\n\r\n", 502, "upstream sent no valid HTTP/1.0 header"},
	{"a CR in the status line", "HTTP/1.1 200 O\rK\r\n\r\n", 502, "upstream sent no valid HTTP/1.0 header"},
	{"HTTP/2", "HTTP/x.1 200 OK\r\n\r\n", 502, "upstream sent no valid HTTP/1.0 header"},
	{"a header without a name", "HTTP/1.1 200 OK\r\n: x\r\n\r\n", 502, "upstream sent invalid header"},
	{"a space before the colon", "HTTP/1.1 200 OK\r\nA : x\r\n\r\n", 502, "upstream sent invalid header"},
	{"a folded line", "HTTP/1.1 200 OK\r\nA: x\r\n y\r\n\r\n", 502, "upstream sent invalid header"},
	{"a NUL in a value", "HTTP/1.1 200 OK\r\nA: x\x00y\r\n\r\n", 502, "upstream sent invalid header"},
	{"a CR in a value", "HTTP/1.1 200 OK\r\nA: x\rSet-Cookie: y\r\n\r\n", 502, "upstream sent invalid header"},
	{"a CR in a name", "HTTP/1.1 200 OK\r\nA\rB: x\r\n\r\n", 502, "upstream sent invalid header"},
	{"too long a head", "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", 5000) + "\r\n\r\n", 502, "upstream sent too big header"},
	{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 502, "upstream sent duplicate header line"},
	{"no number as length", "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\nx", 502, `upstream sent invalid "Content-Length" header`},
	{"a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx", 502, `upstream sent invalid "Content-Length" header`},
	{"a length beyond 63 bits", "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\nx", 502, `upstream sent invalid "Content-Length" header`},
	{"length and chunks", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 502, "at the same time"},
	{"chunks and length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n", 502, "at the same time"},
	{"an unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 502, `upstream sent unknown "Transfer-Encoding": "gzip, chunked"`},
	{"two codings", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 502, "upstream sent duplicate header line"},
	{"an interim response nobody asked for", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 502, "upstream sent unexpected status 100"},
	{"early hints over HTTP/1.0", "HTTP/1.0 103 Early Hints\r\n\r\n", 502, "upstream sent HTTP/1.0 response with early hints"},
}

const badConf = begin + `
	upstream u { server 127.0.0.1:8081; }
	server { listen 127.0.0.1:8080; location / { proxy_pass http://u; proxy_read_timeout 300ms; } } }`

func TestBadAnswers(t *testing.T) {
	for _, c := range badAnswers {
		t.Run(c.name, func(t *testing.T) {
			s := webtest.Start(t, badConf, modules, nil)
			raw(t, s.Addr(t, "8081"), c.answer)
			a := s.Get(t, "/")
			if a.Status != c.status {
				t.Errorf("got %q, want status %d", a.Raw, c.status)
			}
			if !strings.Contains(s.Log(), c.log) || !strings.Contains(s.Log(), `upstream: "http://`+s.Addr(t, "8081")+`/"`) {
				t.Errorf("the log does not say %q and whose fault it was:\n%s", c.log, s.Log())
			}
		})
	}
}

func TestSilence(t *testing.T) {
	s := webtest.Start(t, badConf, modules, nil)
	raw(t, s.Addr(t, "8081"), "")
	if a := s.Get(t, "/"); a.Status != 504 {
		t.Errorf("got %q, want 504", a.Raw)
	}
	if want := "upstream timed out (110: Connection timed out) while reading response header from upstream, client: 127.0.0.1"; !strings.Contains(s.Log(), want) {
		t.Errorf("the log does not say %q:\n%s", want, s.Log())
	}
}

func TestRefused(t *testing.T) {
	s := webtest.Start(t, badConf, modules, nil)
	if a := s.Get(t, "/"); a.Status != 502 {
		t.Errorf("got %q, want 502", a.Raw)
	}
	if want := "connect() failed (111: Connection refused) while connecting to upstream"; !strings.Contains(s.Log(), want) {
		t.Errorf("the log does not say %q:\n%s", want, s.Log())
	}
}

// Bodies that end badly: what has come is passed on, and the client's
// connection is closed without a proper end.
func TestCutBodies(t *testing.T) {
	for _, c := range []struct{ name, answer, want, log string }{
		{"short of its length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "\r\n\r\nabc", "upstream prematurely closed connection while reading upstream"},
		{"without the last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "3\r\nabc\r\n", "upstream prematurely closed connection"},
		{"with a bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nx\r\n", "3\r\nabc\r\n", "upstream sent invalid chunked response"},
		{"with a chunk that is longer than it says", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", "3\r\nabc\r\n", "upstream sent invalid chunked response"},
		{"with a chunk line that ends with LF", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", "", "upstream sent invalid chunked response"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := webtest.Start(t, badConf, modules, nil)
			raw(t, s.Addr(t, "8081"), c.answer)
			got := s.Raw(t, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			if !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(got, c.want) {
				t.Errorf("got %q, want it to end with %q and then nothing", got, c.want)
			}
			if !strings.Contains(s.Log(), c.log) {
				t.Errorf("the log does not say %q:\n%s", c.log, s.Log())
			}
		})
	}
}

// What follows a response belongs to none: the connection is not used again.
func TestTwoResponses(t *testing.T) {
	s := webtest.Start(t, begin+`
	upstream u { server 127.0.0.1:8081; keepalive 4; }
	server { listen 127.0.0.1:8080; location / { proxy_pass http://u; } } }`, modules, nil)
	serve(t, s.Addr(t, "8081"), func(head, _ string) (string, bool) {
		return ok("mine") + ok("evil"), true
	})
	for range 5 {
		if a := s.Get(t, "/"); a.Body != "mine" {
			t.Fatalf("got %q", a.Raw)
		}
	}
	if want := `upstream sent more data than specified in "Content-Length" header`; !strings.Contains(s.Log(), want) {
		t.Errorf("the log does not say %q:\n%s", want, s.Log())
	}
}

// A header that a back end sends can never become two, whatever is done to it
// on the way.
func TestNoSplitting(t *testing.T) {
	s := webtest.Start(t, begin+`
	server { listen 127.0.0.1:8080; location / { proxy_pass http://127.0.0.1:8081;
		proxy_redirect ~^(?<a>.*)$ "/x$arg_v"; proxy_cookie_path / "/$uri"; proxy_set_header X-U $uri; } } }`, modules, nil)
	b := serve(t, s.Addr(t, "8081"), func(string, string) (string, bool) {
		return "HTTP/1.1 302 Found\r\nLocation: /\r\nSet-Cookie: a=b; path=/\r\nContent-Length: 0\r\n\r\n", false
	})
	if a := s.Get(t, "/%0d%0aEvil:%201"); a.Status != 500 || strings.Contains(a.Raw, "\nEvil") {
		t.Errorf("got %q, want 500: the header would have become two", a.Raw)
	}
	for _, folded := range []string{"/%0a%09Evil:%201", "/%0a%09", "/%0a%09x%0a", "/%0a%09x%0a%09%20x", "/%0a%09x%0d", "/x%0a%20x"} {
		if a := s.Get(t, folded); a.Status != 500 {
			t.Errorf("%s: got %q, want 500", folded, a.Raw)
		}
	}
	if len(b.got) != 0 {
		t.Errorf("the back end got %q", <-b.got)
	}
	// Folded lines as of $ssl_client_cert pass.
	s.Get(t, "/---%0a%09abc=%0a%09---")
	if got := <-b.got; !strings.Contains(got, "\r\nX-U: /---\n\tabc=\n\t---\r\n") {
		t.Errorf("the back end got %q", got)
	}
	if a := s.Get(t, "/ok?v=%0d%0aEvil:1"); a.Status != 302 || strings.Contains(a.Raw, "\nEvil") {
		t.Errorf("got %q", a.Raw)
	}
}
