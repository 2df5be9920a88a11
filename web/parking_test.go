package web_test

import (
	"bufio"
	"context"
	"net/netip"
	"testing"
	"time"

	"tandem/web"
	"tandem/web/webtest"
)

// parkedClients returns clients whose connections have been parked after one
// answer each.
func parkedClients(t *testing.T, s *webtest.Server, n int) []*keptClient {
	t.Helper()
	var clients []*keptClient
	for range n {
		c := &keptClient{Conn: s.Dial(t)}
		c.r = bufio.NewReader(c.Conn)
		if !c.ask(t) {
			t.Fatal("the connection does not stay")
		}
		clients = append(clients, c)
	}
	awaitParked(t, n)
	return clients
}

func awaitParked(t *testing.T, n int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); web.Parked() != n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d connections are parked, want %d", web.Parked(), n)
		}
	}
}

func awaitConnections(t *testing.T, s *webtest.Server, n int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); s.Gen.Connections() != n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d connections, want %d", s.Gen.Connections(), n)
		}
	}
}

// TestParked has parked connections asked again, closed by their client, and
// parked once more.
func TestParked(t *testing.T) {
	s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; say "answered"; } }`, webtest.Say, nil)
	clients := parkedClients(t, s, 8)
	for range 3 {
		for i, c := range clients[:4] {
			if stays, said := c.askFor(t); !stays || said != "answered" {
				t.Errorf("client %d is told %q, stays %t", i, said, stays)
			}
		}
		awaitParked(t, 8)
	}
	for _, c := range clients[4:] {
		_ = c.Close()
	}
	awaitParked(t, 4)
	awaitConnections(t, s, 4)
	s.Gen.Retire(nil)
	for _, c := range clients[:4] {
		c.ended(t, "client")
	}
	awaitParked(t, 0)
}

// TestParkedReload replaces the configuration under parked connections, which go
// on with the new one.
func TestParkedReload(t *testing.T) {
	s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; say "before"; } }`, webtest.Say, nil)
	clients := parkedClients(t, s, 4)
	old := s.Gen
	s.Reload(t, header+`server { listen 127.0.0.1:8080; say "after"; } }`, webtest.Say)
	old.Retire(s.Gen)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := old.Wait(ctx); err != nil {
		t.Errorf("the first generation keeps connections: %v", err)
	}
	for i, c := range clients {
		if stays, said := c.askFor(t); !stays || said != "after" {
			t.Errorf("client %d is told %q, stays %t", i, said, stays)
		}
	}
	s.Gen.Abort()
	for _, c := range clients {
		if _, err := c.r.ReadByte(); err == nil {
			t.Error("a connection outlives Abort")
		}
	}
	awaitConnections(t, s, 0)
}

// TestParkedAbort ends parked connections at once.
func TestParkedAbort(t *testing.T) {
	s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; say "answered"; } }`, webtest.Say, nil)
	parkedClients(t, s, 4)
	s.Gen.Abort()
	awaitConnections(t, s, 0)
	awaitParked(t, 0)
}

// TestParkedCut ends parked connections to an address that has gone.
func TestParkedCut(t *testing.T) {
	s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; say "answered"; } }`, webtest.Say, nil)
	parkedClients(t, s, 4)
	s.Gen.Cut([]netip.Addr{netip.MustParseAddr("127.0.0.1")})
	awaitConnections(t, s, 0)
	awaitParked(t, 0)
}

// TestParkedTimeout ends a parked connection when keepalive_timeout has passed.
func TestParkedTimeout(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; keepalive_timeout 10s; say "answered"; } }`, webtest.Say, nil)
	c := parkedClients(t, s, 1)[0]
	start := time.Now()
	c.ended(t, "client")
	if took := time.Since(start); took < 9*time.Second || took > 30*time.Second {
		t.Errorf("the connection ended after %v", took)
	}
	awaitConnections(t, s, 0)
}
