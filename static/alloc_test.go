package static_test

import (
	"bytes"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"tandem/internal/race"
	"tandem/web/webtest"
)

// exchange sends a request on a kept connection and reads the answer, without
// allocating. It returns the number of bytes read.
type exchange struct {
	conn    net.Conn
	request []byte
	buf     []byte
}

func newExchange(t testing.TB, s *webtest.Server, method, path, more string) *exchange {
	return &exchange{conn: s.Dial(t), request: []byte(method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: test\r\nAccept: */*\r\n" + more + "\r\n"), buf: make([]byte, 256<<10)}
}

// first does it once, and returns the size of the answer.
func (e *exchange) first(t testing.TB) int {
	size := e.do(t, 0)
	head, body, ok := strings.Cut(string(e.buf[:size]), "\r\n\r\n")
	if _, length, found := strings.Cut(head, "Content-Length: "); ok && found && !strings.HasPrefix(string(e.request), "HEAD") {
		n, err := strconv.Atoi(strings.SplitN(length, "\r\n", 2)[0])
		if err != nil {
			t.Fatal(err)
		}
		for n > len(body) {
			got, err := e.conn.Read(e.buf[size:])
			if err != nil {
				t.Fatal(err)
			}
			size, n = size+got, n-got
		}
	}
	return size
}

// do reads until size bytes have come; 0 means one read, whose size is returned.
func (e *exchange) do(t testing.TB, size int) int {
	if _, err := e.conn.Write(e.request); err != nil {
		t.Fatal(err)
	}
	n := 0
	for {
		got, err := e.conn.Read(e.buf[n:])
		if err != nil {
			t.Fatal(err)
		}
		if n += got; n >= size {
			return n
		}
	}
}

func TestAllocations(t *testing.T) {
	if race.Enabled {
		t.Skip("pools forget on purpose under the race detector")
	}
	s := start(t, "location / { root html; } keepalive_requests 1000000;", map[string]string{
		"html/index.html": "index", "html/page.html": string(bytes.Repeat([]byte("x"), 3000)), "html/sub/x": "",
		"html/large": string(bytes.Repeat([]byte("x"), 100_000)),
	})
	for _, c := range []struct{ name, method, path, more, want string }{
		{"small file", "GET", "/page.html", "", "HTTP/1.1 200 "},
		{"large file", "GET", "/large", "", "HTTP/1.1 200 "},
		{"head", "HEAD", "/page.html", "", "HTTP/1.1 200 "},
		{"index", "GET", "/", "", "HTTP/1.1 200 "},
		{"not modified", "GET", "/page.html", "If-None-Match: *\r\nIf-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n", "HTTP/1.1 200 "},
		{"not modified by tag", "GET", "/page.html", "If-None-Match: *\r\n", "HTTP/1.1 304 "},
		{"range", "GET", "/page.html", "Range: bytes=10-19\r\n", "HTTP/1.1 206 "},
		{"missing", "GET", "/none", "", "HTTP/1.1 404 "},
		{"redirect", "GET", "/sub", "", "HTTP/1.1 301 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newExchange(t, s, c.method, c.path, c.more)
			size := e.first(t)
			if !bytes.HasPrefix(e.buf, []byte(c.want)) {
				t.Fatalf("got %q", e.buf[:size])
			}
			// Files are not kept while they are only just written.
			deadline := time.Now().Add(5 * time.Second)
			for {
				n := testing.AllocsPerRun(200, func() { e.do(t, size) })
				if n == 0 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("%v allocations a request", n)
				}
			}
		})
	}
}
