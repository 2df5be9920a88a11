package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"tandem/web/webtest"
)

// keptClient is a client that would like to keep its connection.
type keptClient struct {
	net.Conn
	r *bufio.Reader
}

// ask asks once, and returns whether the connection was promised to stay.
func (c *keptClient) ask(t *testing.T) (stays bool) {
	t.Helper()
	stays, _ = c.askFor(t)
	return stays
}

// askFor is ask that also returns what was said.
func (c *keptClient) askFor(t *testing.T) (stays bool, said string) {
	t.Helper()
	if _, err := fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return !answer.Close, string(body)
}

// ended waits for the end of the connection.
func (c *keptClient) ended(t *testing.T, who string) {
	t.Helper()
	if _, err := c.r.ReadByte(); err != io.EOF {
		t.Errorf("%s: %v, want the end of the connection", who, err)
	}
}

// TestDrain lets the connections to one address end.
func TestDrain(t *testing.T) {
	s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; say hello; } }`, webtest.Say, nil)
	dial := func() *keptClient {
		c := s.Dial(t)
		return &keptClient{c, bufio.NewReader(c)}
	}
	busy, idle, silent := dial(), dial(), dial()
	if !busy.ask(t) || !idle.ask(t) {
		t.Fatal("a connection is not kept although nothing is drained")
	}
	for end := time.Now().Add(5 * time.Second); s.Gen.Connections() < 3; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the third connection was not accepted")
		}
	}
	s.Gen.Drain.Set([]netip.Addr{netip.MustParseAddr("192.0.2.1")})
	if s.Gen.EndIdle(); !busy.ask(t) {
		t.Error("a connection to another address ends")
	}
	s.Gen.Drain.Set([]netip.Addr{netip.MustParseAddr("127.0.0.1")})
	if busy.ask(t) {
		t.Error("a drained connection is promised to stay")
	}
	busy.ended(t, "busy")
	// A new one is served, once.
	if late := dial(); late.ask(t) {
		t.Error("a new connection is promised to stay")
	}
	s.Gen.EndIdle()
	idle.ended(t, "idle")
	if n := s.Gen.Silent(time.Hour, true); n != 0 {
		t.Errorf("%d connections silent for an hour", n)
	}
	if n := s.Gen.Silent(0, false); n != 1 {
		t.Errorf("%d silent connections, want 1", n)
	}
	s.Gen.Silent(0, true)
	silent.ended(t, "silent")
	s.Gen.Drain.Set(nil)
	last := dial()
	if !last.ask(t) {
		t.Error("a connection is not kept after the end of draining")
	}
	s.Gen.Cut([]netip.Addr{netip.MustParseAddr("192.0.2.1")})
	if !last.ask(t) {
		t.Error("a connection to another address is cut")
	}
	s.Gen.Cut([]netip.Addr{netip.MustParseAddr("127.0.0.1")})
	last.ended(t, "cut")
}
