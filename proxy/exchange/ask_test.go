package exchange_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tandem/proxy/exchange"
	"tandem/proxy/upstream"
	"tandem/web"
	"tandem/web/webtest"
)

// asker asks the back end of a location on the process's own account.
type asker struct {
	location *web.Location
	passer   *exchange.Passer
	addr     string
}

func newAsker(t testing.TB, addr, settings string) *asker {
	t.Helper()
	s := inMemory(t, "", "location /asked { proxy_pass http://"+addr+"; "+settings+" }")
	a := &asker{addr: addr}
	s.HTTP.Each(func(l *web.Location) {
		if p := exchange.PasserOf(l); p != nil {
			a.location, a.passer = l, p
		}
	})
	if a.passer == nil {
		t.Fatal("no location passes requests on")
	}
	return a
}

// ask asks for /asked; status is 0 if there is no answer.
func (a *asker) ask(t testing.TB, ctx context.Context, q exchange.Question) (status int, body string, err error) {
	t.Helper()
	r, err := a.location.OwnRequest("/asked?q=1", "tester")
	if err != nil {
		t.Fatal(err)
	}
	defer r.End()
	q.Passer, q.Peer = a.passer, upstream.TCPAddr(netip.MustParseAddrPort(a.addr))
	x, content, err := q.Ask(ctx, r)
	if err == nil {
		status = x.Head.Status
	}
	return status, string(content), err
}

// What is asked, and how much of the answer is wanted.
func TestAsk(t *testing.T) {
	large := strings.Repeat("0123456789", 30000)
	got := make(chan string, 10)
	b := serve(t, func(_ net.Conn, r *http.Request) (string, bool) {
		got <- r.Method + " " + r.URL.RequestURI() + " " + r.UserAgent() + " " + r.Host
		return "HTTP/1.1 418 Tea\r\nX-A: b\r\nContent-Length: 300000\r\n\r\n" + large, true
	})
	a := newAsker(t, b.addr, "proxy_set_header Host h.example;")
	for _, wanted := range []int{0, 5, 100_000, 300_000, 400_000} {
		status, body, err := a.ask(t, t.Context(), exchange.Question{Body: wanted})
		if want := large[:min(wanted, len(large))]; err != nil || status != 418 || body != want {
			t.Errorf("%d bytes wanted: %d, %d bytes, %v", wanted, status, len(body), err)
		}
		if request := <-got; request != "GET /asked?q=1 tester h.example" {
			t.Errorf("asked %s", request)
		}
	}
}

// With a pool the connection is used again, when what it brought has been read, and
// one that has gone stale says nothing of the peer.
func TestAskAgain(t *testing.T) {
	for _, c := range []struct {
		name, response string
		more           bool
		want           int // connections for four questions
	}{
		{"kept", ok, true, 1},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", true, 1},
		{"closed unasked", ok, false, 4},
		{"closed", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false, 4},
		{"more than told", ok + "more", true, 4},
		{"large", "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + strings.Repeat("x", 200000), true, 4}, // not worth reading
	} {
		b := serve(t, func(net.Conn, *http.Request) (string, bool) { return c.response, c.more })
		a := newAsker(t, b.addr, "")
		pool := &upstream.Pool{Max: 1, Requests: 100, Time: time.Hour, Timeout: time.Hour}
		for range 4 {
			if status, _, err := a.ask(t, t.Context(), exchange.Question{Pool: pool}); status != 200 {
				t.Errorf("%s: %d, %v", c.name, status, err)
			}
		}
		if n := b.connections(); n != c.want {
			t.Errorf("%s: %d connections, want %d", c.name, n, c.want)
		}
		pool.Close()
	}
	// One that is good for a single request looks alive until it is used.
	served := make(map[net.Conn]bool)
	b := serve(t, func(c net.Conn, _ *http.Request) (string, bool) {
		if served[c] {
			return "", false
		}
		served[c] = true
		return ok, true
	})
	a := newAsker(t, b.addr, "")
	pool := &upstream.Pool{Max: 1, Requests: 100, Time: time.Hour, Timeout: time.Hour}
	defer pool.Close()
	for range 3 {
		if status, _, err := a.ask(t, t.Context(), exchange.Question{Pool: pool}); status != 200 {
			t.Errorf("stale: %d, %v", status, err)
		}
	}
	if n := b.connections(); n != 3 {
		t.Errorf("stale: %d connections", n)
	}
}

// A connection may be all that is asked for.
func TestAskToConnect(t *testing.T) {
	b := always(t, ok)
	if _, _, err := newAsker(t, b.addr, "").connect(t); err != nil {
		t.Errorf("a back end that listens: %v", err)
	}
	if got := b.taken(); len(got) != 0 {
		t.Errorf("asked %q", got)
	}
	var failure *exchange.Failure
	if _, _, err := newAsker(t, nobody, "").connect(t); !errors.As(err, &failure) || failure.Error() != "connect() failed (111: Connection refused) while connecting to upstream" {
		t.Errorf("one that does not: %v", err)
	}
}

// connect asks for a connection. The exchange has no head then.
func (a *asker) connect(t testing.TB) (int, string, error) {
	t.Helper()
	return a.ask(t, t.Context(), exchange.Question{Connect: true})
}

// Why there is no answer is told in the words of the log.
func TestAskFails(t *testing.T) {
	for _, c := range []struct {
		name, response, settings string
		body                     int
		want                     string
	}{
		{"nothing", "", "", 0, "upstream prematurely closed connection while reading response header from upstream"},
		{"no HTTP", "hello\r\n\r\n", "", 0, "upstream sent no valid HTTP/1.0 header while reading response header from upstream"},
		{"a large head", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 5000) + "\r\n\r\n", "", 0, "upstream sent too big header while reading response header from upstream"},
		{"a short body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", "", 10, "upstream prematurely closed connection while reading upstream"},
		{"bad chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "", 10, "upstream sent invalid chunked response while reading upstream"},
		{"silence", "wait", "proxy_read_timeout 50ms;", 0, "upstream timed out (110: Connection timed out) while reading response header from upstream"},
	} {
		b := serve(t, func(conn net.Conn, _ *http.Request) (string, bool) {
			if c.response == "wait" {
				_, _ = conn.Read(make([]byte, 1)) // ends with the connection
				return "", false
			}
			return c.response, false
		})
		status, _, err := newAsker(t, b.addr, c.settings).ask(t, t.Context(), exchange.Question{Body: c.body})
		var failure *exchange.Failure
		if status != 0 || !errors.As(err, &failure) || failure.Error() != c.want {
			t.Errorf("%s: %d, %v, want %s", c.name, status, err, c.want)
		}
	}
}

// A question ends with its context.
func TestAskIsGivenUp(t *testing.T) {
	asked := make(chan bool, 1)
	b := serve(t, func(c net.Conn, _ *http.Request) (string, bool) {
		asked <- true
		_, _ = io.Copy(io.Discard, c)
		return "", false
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if _, _, err := newAsker(t, b.addr, "").ask(t, ctx, exchange.Question{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Where a location passes requests to is known only if it does not depend on them.
func TestPasserOf(t *testing.T) {
	s := webtest.New(t, begin+"location /fixed { proxy_pass http://"+nobody+"; } location /var { proxy_pass http://$arg_to; } location /none { } } }", modules, nil)
	n := 0
	s.HTTP.Each(func(l *web.Location) {
		if exchange.PasserOf(l) != nil {
			n++
		}
	})
	if n != 1 {
		t.Errorf("%d locations pass requests to what is known", n)
	}
}
