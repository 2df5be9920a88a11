package check_test

import (
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"strings"
	"sync/atomic"
	"testing"

	"tandem/proxy/fastcgi"
	"tandem/proxy/scgi"
	"tandem/proxy/uwsgi"
	"tandem/web/webtest"
)

// Applications are asked in their own protocols, with the parameters of the
// location.
func TestFastCGI(t *testing.T) {
	s := webtest.Start(t, begin+`
	upstream u { server 127.0.0.1:8081; }
	match fine { status 200; body ~ "^fine /health$"; }
	server { listen 127.0.0.1:8080; location / {
		fastcgi_pass u; fastcgi_param REQUEST_METHOD $request_method; fastcgi_param SERVER_PROTOCOL HTTP/1.1; fastcgi_param REQUEST_URI $request_uri;
		health_check mandatory interval=5ms uri=/health match=fine keepalive_time=1m;
	} } }`, append(modules, fastcgi.Module), nil)
	l, err := net.Listen("tcp4", s.Addr(t, "8081"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var ill atomic.Bool
	counting := &counted{Listener: l}
	go func() {
		_ = fcgi.Serve(counting, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if ill.Load() {
				w.WriteHeader(503)
			}
			_, _ = io.WriteString(w, "fine "+r.URL.Path)
		}))
	}()
	awaitStates(t, s.HTTP, "up")
	ill.Store(true)
	awaitStates(t, s.HTTP, "unhealthy")
	ill.Store(false)
	awaitStates(t, s.HTTP, "up")
	if n := counting.conns.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

type counted struct {
	net.Listener
	conns atomic.Int32
}

func (l *counted) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.conns.Add(1)
	}
	return c, err
}

func TestSCGIAndUWSGI(t *testing.T) {
	for _, c := range []struct{ protocol, begins string }{{"scgi", ":CONTENT_LENGTH\x000\x00URI\x00/health\x00"}, {"uwsgi", "\x03\x00URI\x07\x00/health"}} {
		s := webtest.Start(t, begin+`
		upstream u { server 127.0.0.1:8081; }
		server { listen 127.0.0.1:8080; location / {
			`+c.protocol+`_pass u; `+c.protocol+`_param URI $request_uri;
			health_check mandatory interval=5ms uri=/health;
		} } }`, append(modules, scgi.Module, uwsgi.Module), nil)
		webtest.Backend(t, s.Addr(t, "8081"), func(conn net.Conn) {
			b := make([]byte, 4096)
			if n, err := conn.Read(b); err == nil && strings.Contains(string(b[:n]), c.begins) {
				_, _ = io.WriteString(conn, "Status: 200 OK\r\n\r\n")
			}
		})
		awaitStates(t, s.HTTP, "up")
	}
}
