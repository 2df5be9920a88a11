package exchange_test

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/web"
	"tandem/web/webtest"
)

func awaitMillisecond() {
	for from := time.Now(); time.Since(from) < 2*time.Millisecond; {
		time.Sleep(time.Millisecond)
	}
}

// What becomes of an answer, by its status and the settings.
func TestRespond(t *testing.T) {
	answers := map[string]string{
		"/ok":       ok,
		"/missing":  "HTTP/1.1 404 Gone\r\nContent-Length: 4\r\nX-A: b\r\n\r\ngone",
		"/denied":   "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno",
		"/inside":   "HTTP/1.1 200 OK\r\nX-Accel-Redirect: /elsewhere?a\r\nX-Accel-Limit-Rate: 0\r\nContent-Length: 2\r\n\r\nok",
		"/early":    "HTTP/1.1 103 Early\r\nLink: </x>\r\nX-Accel-Expires: 5\r\n\r\nHTTP/1.1 103 Early\r\nX: y\r\n\r\n" + ok,
		"/same":     "HTTP/1.1 304 Same\r\nETag: x\r\n\r\n",
		"/nothing":  "HTTP/1.1 204 No\r\n\r\n",
		"/switch":   "HTTP/1.1 101 Switch\r\n\r\n",
		"/continue": "HTTP/1.1 100 Continue\r\n\r\n" + ok,
		"/length":   "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
	}
	b := serve(t, func(_ net.Conn, r *http.Request) (string, bool) { return answers[r.URL.Path], true })
	s := inMemory(t, "", `early_hints 1; proxy_intercept_errors on; error_page 404 401 /page;
		location / { proxy_pass http://`+b.addr+`; }
		location /plain/ { proxy_pass http://`+b.addr+`/; proxy_intercept_errors off; }
		location /elsewhere { say "elsewhere $args"; }
		location /page { say "page $status"; }`)
	for _, c := range []struct {
		method, target string
		status         int
		content, field string
	}{
		{"GET", "/ok", 200, "ok", ""},
		{"HEAD", "/ok", 200, "", "Content-Length: 2"},
		{"HEAD", "/length", 200, "", "Content-Length: 100"},
		{"GET", "/plain/missing", 404, "gone", "X-A: b"},
		{"GET", "/missing", 404, "page 404", ""},
		{"GET", "/denied", 401, "page 401", "WWW-Authenticate: Basic"},
		{"GET", "/inside", 200, "elsewhere a", ""},
		{"GET", "/early", 200, "ok", ""},
		{"GET", "/same", 304, "", "ETag: x"},
		{"GET", "/nothing", 204, "", ""},
		{"GET", "/switch", 101, "", ""},
		{"GET", "/continue", 502, "", ""},
	} {
		x := s.Exchange(t, &webtest.Exchange{Method: c.method, Target: c.target})
		if x.Status != c.status || c.status != 502 && x.Content != c.content || !x.Ended || c.field != "" && !slices.Contains(x.Head, c.field) {
			t.Errorf("%s %s: %d %q %q, ended %t", c.method, c.target, x.Status, x.Head, x.Content, x.Ended)
		}
		if c.target == "/early" && !slices.Equal(x.Interim, []string{"103 Link: </x>", "103 X: y"}) {
			t.Errorf("interim responses: %q", x.Interim)
		}
	}
}

// Bodies come through whole in every framing, buffered or not; what is cut off is
// known to be.
func TestRelay(t *testing.T) {
	large := strings.Repeat("0123456789", 50000)
	chunked := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, c := range []struct {
		name, response string
		content        string
		ended          bool
		log            string
	}{
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n" + large, large, true, ""},
		{"chunks", chunked + "3\r\nabc\r\n7a120\r\n" + large + "\r\n0\r\nX-T: 1\r\n\r\n", "abc" + large, true, ""},
		{"until the end", "HTTP/1.1 200 OK\r\n\r\n" + large, large, true, ""},
		{"empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", true, ""},
		{"empty chunks", chunked + "0\r\n\r\n", "", true, ""},
		{"short", "HTTP/1.1 200 OK\r\nContent-Length: 500001\r\n\r\n" + large, large, false, "upstream prematurely closed connection while reading upstream"},
		{"cut chunks", chunked + "3\r\nabc\r\n", "abc", false, "upstream prematurely closed connection while reading upstream"},
		{"bad chunks", chunked + "3\r\nabc\r\nx\r\n", "abc", false, "upstream sent invalid chunked response"},
		{"more", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokay", "ok", true, "upstream sent more data than specified"},
	} {
		b := serve(t, func(net.Conn, *http.Request) (string, bool) { return c.response, false })
		s := inMemory(t, "", "location / { proxy_pass http://"+b.addr+"; } location /unbuffered { proxy_pass http://"+b.addr+"; proxy_buffering off; }")
		for _, target := range []string{"/", "/unbuffered"} {
			x := s.Ask(t, target)
			if x.Status != 200 || x.Content != c.content || x.Ended != c.ended {
				t.Errorf("%s %s: %d, %d bytes, want %d, ended %t", c.name, target, x.Status, len(x.Content), len(c.content), x.Ended)
			}
			if !strings.Contains(s.Log(), c.log) {
				t.Errorf("%s %s: the log does not say %q", c.name, target, c.log)
			}
			if unbuffered := target == "/unbuffered"; unbuffered && x.Flushed < 2 && c.content != "" {
				t.Errorf("%s: without buffers nothing was flushed before the end", c.name)
			}
		}
	}
}

// slow is a client that is slow from its first piece on, until the back end is done.
type slow struct {
	*webtest.Exchange
	done chan bool
}

func (c *slow) SendBody(chunk web.Chunk) error {
	if c.done != nil {
		c.Slow()
		<-c.done
		c.done = nil
	}
	return c.Exchange.SendBody(chunk)
}

// The response for a slow client is read on into memory and a temporary file, so
// that the back end is done with it.
func TestSlowClient(t *testing.T) {
	large := strings.Repeat("0123456789", 100000)
	done := make(chan bool)
	b := serve(t, func(c net.Conn, _ *http.Request) (string, bool) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"+large)
		close(done)
		return "", false
	})
	s := inMemory(t, "", "location / { proxy_pass http://"+b.addr+"; proxy_socket_rcvbuf 8k; }")
	x := new(webtest.Exchange)
	s.ExchangeBy(t, &slow{x, done}, x)
	if x.Content != large || !x.Ended {
		t.Errorf("%d bytes, ended %t", len(x.Content), x.Ended)
	}
	if !strings.Contains(s.Log(), "an upstream response is buffered to a temporary file") {
		t.Error("the log does not tell of the file")
	}
	if left, err := os.ReadDir(filepath.Join(s.Dir, "proxy_temp")); err == nil && len(left) > 0 {
		t.Errorf("%d files are left", len(left))
	}
}
