package unruly

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tandem/web/webtest"
)

// load is clients that ask again and again.
type load struct {
	addr string
	stop atomic.Bool
	done atomic.Int64 // requests that were answered
	wait sync.WaitGroup

	mu     sync.Mutex
	wrong  []string          // what no client may see
	posted map[string]string // the status of each POST
}

// client asks over one connection, with every fourth request a POST.
func (l *load) client(n int) {
	c, err := net.Dial("tcp4", l.addr)
	if err != nil {
		l.fail("client %d: %v", n, err)
		return
	}
	defer func() { _ = c.Close() }()
	br := bufio.NewReader(c)
	for i := 0; !l.stop.Load(); i++ {
		method, body := "GET", ""
		if i%4 == 3 {
			method, body = "POST", "Content-Length: 5\r\n"
		}
		path := fmt.Sprintf("/%d-%d", n, i)
		request := method + " " + path + " HTTP/1.1\r\nHost: x\r\n" + body + "\r\n"
		if body != "" {
			request += "hello"
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(c, request); err != nil {
			l.fail("client %d: %v", n, err)
			return
		}
		r := readReply(br, method)
		good := strings.HasPrefix(r.status, "HTTP/1.1 200 ") && r.body == path
		if r.end != "complete" || !good && method == "GET" {
			l.fail("%s %s: %q %q %s", method, path, r.status, r.body, r.end)
			return
		}
		if method == "POST" {
			l.mu.Lock()
			l.posted[path] = r.status
			l.mu.Unlock()
		}
		l.done.Add(1)
	}
}

func (l *load) fail(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
}

// newLoad puts 64 clients in front of living back ends with these parameters.
func newLoad(t *testing.T, backends []*mortal, parameters string) (*load, *webtest.Server) {
	servers := ""
	for _, m := range backends {
		m.start(t)
		servers += "server " + m.addr + parameters + "; "
	}
	s := webtest.Start(t, `events {}
		http {
			upstream u { `+servers+` keepalive 16; }
			server { listen 127.0.0.1:8080; keepalive_requests 1000000; location / { proxy_pass http://u; } }
		}`, modules, nil)
	l := &load{addr: s.Addr(t, "8080"), posted: make(map[string]string)}
	for n := range 64 {
		l.wait.Go(func() { l.client(n) })
	}
	return l, s
}

// progress waits for n more answers.
func (l *load) progress(t *testing.T, n int64) {
	from := l.done.Load()
	await(t, "answers", func() bool { return l.done.Load() >= from+n || l.broken() })
}

// judge ends the load and says what should not have happened.
func (l *load) judge(t *testing.T, backends []*mortal) {
	l.stop.Store(true)
	l.wait.Wait()
	for _, wrong := range l.wrong {
		t.Error(wrong)
	}
	arrived := make(map[string]int)
	for _, m := range backends {
		m.posts(t, arrived)
	}
	failed := 0
	for path, status := range l.posted {
		good := strings.HasPrefix(status, "HTTP/1.1 200 ")
		switch {
		case arrived[path] > 1:
			t.Errorf("POST %s arrived %d times", path, arrived[path])
		case good && arrived[path] == 0:
			t.Errorf("POST %s: %s, but it did not arrive", path, status)
		case !good && !strings.HasPrefix(status, "HTTP/1.1 502 "):
			t.Errorf("POST %s: %s", path, status)
		case !good:
			failed++
		}
	}
	t.Logf("%d answers, %d of %d POSTs failed", l.done.Load(), failed, len(l.posted))
	if failed > len(l.posted)/10 {
		t.Errorf("%d of %d POSTs failed", failed, len(l.posted))
	}
}

// TestRevive ends and revives back ends under load: no GET fails, and no POST
// arrives twice; one fails only if it may have arrived.
func TestRevive(t *testing.T) {
	t.Parallel()
	backends := []*mortal{newMortal(t, 0), newMortal(t, 1), newMortal(t, 2)}
	l, s := newLoad(t, backends, " max_fails=0")
	l.progress(t, 200)
	ways := []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT}
	for round := range 9 {
		m := backends[round%3]
		m.end(ways[(round+round/3)%3])
		l.progress(t, 300)
		m.start(t)
		l.progress(t, 200)
	}
	l.judge(t, backends)
	// What no client has seen is told all the same.
	for _, want := range []string{"connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1",
		"while reading response header from upstream, client: 127.0.0.1"} {
		if !strings.Contains(s.Log(), want) {
			t.Errorf("the log does not say %q", want)
		}
	}
}

// TestStale has back ends close connections without notice, always at the
// moment in which they may be used again. That is no failure of theirs: with
// the usual max_fails, one would take them out of service.
func TestStale(t *testing.T) {
	t.Parallel()
	backends := []*mortal{newMortal(t, 3), newMortal(t, 4), newMortal(t, 5)}
	l, s := newLoad(t, backends, "")
	l.progress(t, 6000)
	l.judge(t, backends)
	if n := strings.Count(s.Log(), "no live upstreams"); n > 0 {
		t.Errorf("%d requests found no back end", n)
	}
}

func (l *load) broken() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.wrong) > 0
}
