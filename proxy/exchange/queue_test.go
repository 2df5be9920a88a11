package exchange_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"tandem/proxy/block"
	"tandem/web/webtest"
)

const queueConf = "events {}\nhttp {" + `
	upstream u { server 127.0.0.1:8081 max_conns=1; queue %s; }
	server { listen 127.0.0.1:8080; location / { proxy_pass http://u; add_header X-Queue $upstream_queue_time always; } } }`

// busy starts a server whose only peer is at work until release is closed; it
// tells the paths that it gets.
func busy(t *testing.T, queue string) (s *webtest.Server, begun chan string, release chan struct{}) {
	s = webtest.Start(t, fmt.Sprintf(queueConf, queue), modules, nil)
	begun, release = make(chan string, 100), make(chan struct{})
	serveAt(t, s.Addr(t, "8081"), func(_ net.Conn, r *http.Request) (string, bool) {
		begun <- r.URL.Path
		<-release
		return ok, true
	})
	return s, begun, release
}

// inQueue waits until n requests are in the queue of u.
func inQueue(t *testing.T, s *webtest.Server, n int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if block.Upstreams(&s.HTTP.Realm)[0].Queued == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not %d requests in the queue", n)
		}
	}
}

func TestQueue(t *testing.T) {
	s, begun, release := busy(t, "2 timeout=20s")
	answers := make(chan *webtest.Answer, 3)
	for i := range 3 {
		go func() { answers <- s.Get(t, fmt.Sprintf("/%d", i)) }()
		if i == 0 {
			<-begun
			continue
		}
		inQueue(t, s, i)
	}
	if a := s.Get(t, "/full"); a.Status != 502 {
		t.Errorf("got %q with the queue full, want 502", a.Raw)
	}
	if want := `upstream queue is full while connecting to upstream, client: 127.0.0.1`; !strings.Contains(s.Log(), want) {
		t.Errorf("the log does not say %q:\n%s", want, s.Log())
	}
	close(release)
	for i := 1; i < 3; i++ {
		if got, want := <-begun, fmt.Sprintf("/%d", i); got != want {
			t.Errorf("%s came to the peer, want %s: first come, first served", got, want)
		}
	}
	for range 3 {
		if a := <-answers; a.Body != "ok" {
			t.Errorf("got %q", a.Raw)
		}
	}
}

func TestQueueTimeout(t *testing.T) {
	s, begun, release := busy(t, "2 timeout=50ms")
	defer close(release)
	go func() { _, _ = io.Copy(io.Discard, s.Dial(t)) }()
	c := s.Dial(t)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-begun
	a := s.Get(t, "/")
	if a.Status != 502 {
		t.Errorf("got %q, want 502", a.Raw)
	}
	if want := "upstream queue timed out while connecting to upstream"; !strings.Contains(s.Log(), want) {
		t.Errorf("the log does not say %q:\n%s", want, s.Log())
	}
	if got := a.Header.Get("X-Queue"); got < "0.050" {
		t.Errorf("X-Queue: %s", got)
	}
}

// A client that leaves makes room for the next one.
func TestQueueClientLeaves(t *testing.T) {
	s, begun, release := busy(t, "1 timeout=20s")
	done := make(chan *webtest.Answer, 2)
	go func() { done <- s.Get(t, "/") }()
	<-begun
	c := s.Dial(t)
	_, _ = io.WriteString(c, "GET /left HTTP/1.1\r\nHost: x\r\n\r\n")
	inQueue(t, s, 1)
	_ = c.Close()
	inQueue(t, s, 0)
	go func() { done <- s.Get(t, "/stays") }()
	inQueue(t, s, 1)
	close(release)
	for range 2 {
		if a := <-done; a.Status != 200 {
			t.Errorf("got %q", a.Raw)
		}
	}
	if strings.Contains(s.Log(), "[error]") {
		t.Errorf("a client that leaves is no error:\n%s", s.Log())
	}
}
