package proxy_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem/web/webtest"
)

// Requests that come all at once to a back end that nobody has a connection to share
// the one that the first of them makes; when that fails each is told.
func TestBurst(t *testing.T) {
	const requests = 60
	var conns, asked atomic.Int64
	var refuses atomic.Bool
	all := make(chan struct{})
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == requests {
			close(all)
		}
		select {
		case <-all:
			_, _ = io.WriteString(w, r.Proto)
		case <-r.Context().Done():
		}
	}))
	backend.EnableHTTP2 = true
	backend.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		time.Sleep(100 * time.Millisecond) // the others have come by then
		if refuses.Load() {
			return nil, io.ErrUnexpectedEOF
		}
		return nil, nil
	}}
	backend.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	backend.StartTLS()
	defer backend.Close()
	s := webtest.Start(t, begin+`
	upstream u { server `+backend.Listener.Addr().String()+` max_fails=0; keepalive 4; }
	server { listen 127.0.0.1:8080; proxy_http_version 2; location / { proxy_pass https://u; } } }`, modules, nil)
	burst := func(status int) {
		t.Helper()
		var wait sync.WaitGroup
		for range requests {
			wait.Go(func() {
				if a := s.Get(t, "/"); a.Status != status {
					t.Errorf("got %q", a.Raw)
				}
			})
		}
		wait.Wait()
	}
	refuses.Store(true)
	burst(502)
	if n := conns.Swap(0); n > requests {
		t.Errorf("%d connections that fail for %d requests", n, requests)
	}
	refuses.Store(false)
	burst(200)
	// A request that comes when the first connection is there already may be late to
	// see it.
	if n := conns.Load(); n > 3 {
		t.Errorf("%d connections for %d requests", n, requests)
	}
}
