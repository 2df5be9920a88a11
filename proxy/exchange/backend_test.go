package exchange_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"tandem/proxy"
	"tandem/proxy/exchange"
	"tandem/web"
	"tandem/web/headers"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

var modules = append([]*web.Module{rewrite.Module, exchange.Module, proxy.Module, headers.Module}, webtest.Say...)

// backend answers requests as told; got are those that have come whole: "GET /".
type backend struct {
	addr string

	mu    sync.Mutex
	got   []string
	conns int
}

// serve makes a back end. answer returns bytes to send, after which the connection
// is closed unless more requests may follow; it may itself use the connection.
func serve(t testing.TB, answer func(c net.Conn, r *http.Request) (response string, more bool)) *backend {
	t.Helper()
	return serveAt(t, "127.0.0.1:0", answer)
}

// serveAt is serve at an address that the configuration names.
func serveAt(t testing.TB, addr string, answer func(c net.Conn, r *http.Request) (response string, more bool)) *backend {
	t.Helper()
	b := new(backend)
	b.addr = webtest.Backend(t, addr, func(c net.Conn) {
		b.mu.Lock()
		b.conns++
		b.mu.Unlock()
		br := bufio.NewReader(c)
		for {
			r, err := http.ReadRequest(br)
			if err != nil {
				return
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			b.mu.Lock()
			b.got = append(b.got, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
			b.mu.Unlock()
			response, more := answer(c, r)
			if _, err := io.WriteString(c, response); err != nil || !more {
				return
			}
		}
	})
	return b
}

// always answers every request alike.
func always(t testing.TB, response string) *backend {
	return serve(t, func(net.Conn, *http.Request) (string, bool) { return response, true })
}

// taken returns the requests that have come since it was last asked.
func (b *backend) taken() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	got := b.got
	b.got = nil
	return got
}

func (b *backend) connections() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.conns
}

const (
	ok     = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	begin  = "events {}\nhttp { server { listen 127.0.0.1:8080; "
	nobody = "127.0.0.1:1" // refuses connections
)

// inMemory starts a server whose requests need no sockets on the client's side;
// conf stands in its server block, blocks in front of it.
func inMemory(t testing.TB, blocks, conf string) *webtest.Server {
	t.Helper()
	return webtest.New(t, strings.Replace(begin, "server {", blocks+" server {", 1)+conf+" } }", modules, nil)
}
