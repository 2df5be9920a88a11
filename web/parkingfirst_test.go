package web_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/internal/workers"
	"tandem/session/ssl"
	"tandem/web"
	"tandem/web/webtest"
)

// silentServer has a port for each of what a connection may begin with: a
// request at 8080, a PROXY header at 8081 and a TLS handshake at 8082.
func silentServer(t *testing.T, directives string) *webtest.Server {
	cert, key, _ := webtest.SelfSigned(t, "localhost")
	return webtest.Start(t, header+directives+`
		ssl_certificate cert.pem; ssl_certificate_key key.pem;
		server {
			listen 127.0.0.1:8080; listen 127.0.0.1:8081 proxy_protocol; listen 127.0.0.1:8082 ssl;
			say "answered $proxy_protocol_addr $https";
		} }`, append(slices.Clone(webtest.Say), web.Shared(ssl.Module)), map[string]string{"cert.pem": cert, "key.pem": key})
}

// silentClients returns clients of a port that have sent nothing.
func silentClients(t *testing.T, s *webtest.Server, port string, n int) []*keptClient {
	t.Helper()
	clients := make([]*keptClient, n)
	for i := range clients {
		c, err := net.Dial("tcp4", s.Addr(t, port))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(40 * time.Second))
		clients[i] = &keptClient{c, bufio.NewReader(c)}
	}
	return clients
}

// TestParkedFirst has connections parked on which nothing has come, and served
// when their client begins.
func TestParkedFirst(t *testing.T) {
	const most, some = 1900, 50
	s := silentServer(t, "")
	before := runtime.NumGoroutine()
	plain := silentClients(t, s, "8080", most)
	proxied := silentClients(t, s, "8081", some)
	secure := silentClients(t, s, "8082", some)
	awaitParked(t, most+2*some)
	// Those that wait for another connection to serve are few.
	limit := before + workers.MaxIdle + 50
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > limit; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d without the connections", runtime.NumGoroutine(), before)
		}
	}
	if n := s.Counts(); n.Waiting != most+2*some || n.Connections != most+2*some {
		t.Errorf("%d connections, of which %d wait", n.Connections, n.Waiting)
	}
	for _, c := range proxied {
		if _, err := io.WriteString(c, "PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range secure {
		c.Conn = tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true})
		c.r = bufio.NewReader(c.Conn)
	}
	for want, clients := range map[string][]*keptClient{"answered  ": plain, "answered 192.0.2.1 ": proxied, "answered  on": secure} {
		for i, c := range clients {
			if stays, said := c.askFor(t); !stays || said != want {
				t.Fatalf("client %d is told %q, want %q, stays %t", i, said, want, stays)
			}
			_ = c.Close()
		}
	}
	awaitConnections(t, s, 0)
	awaitParked(t, 0)
	if n := s.Counts().Waiting; n != 0 {
		t.Errorf("%d connections wait when there is none", n)
	}
}

// TestParkedFirstLeaves has a client go before it has sent anything.
func TestParkedFirstLeaves(t *testing.T) {
	s := silentServer(t, "")
	c := silentClients(t, s, "8080", 1)[0]
	awaitParked(t, 1)
	_ = c.Close()
	awaitConnections(t, s, 0)
	awaitLog(t, s, "client closed connection while waiting for request, client: 127.0.0.1, server: 127.0.0.1:")
}

// TestParkedFirstRetire retires a generation under clients that have sent
// nothing: who begins soon is answered, the others hold nobody up.
func TestParkedFirstRetire(t *testing.T) {
	const n = 2000
	s := silentServer(t, "")
	clients := silentClients(t, s, "8080", n)
	awaitParked(t, n)
	s.Gen.Retire(nil)
	if stays, said := clients[0].askFor(t); stays || said != "answered  " {
		t.Errorf("told %q, stays %t", said, stays)
	}
	for _, c := range clients {
		c.ended(t, "client")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Gen.Wait(ctx); err != nil {
		t.Errorf("clients that say nothing hold up the end: %v", err)
	}
	awaitParked(t, 0)
}

// TestParkedFirstDrained drains an address: connections on which nothing has come
// are not idle ones, but silent.
func TestParkedFirstDrained(t *testing.T) {
	s := silentServer(t, "")
	clients := silentClients(t, s, "8080", 8)
	awaitParked(t, 8)
	s.Gen.Drain.Set([]netip.Addr{netip.MustParseAddr("127.0.0.1")})
	s.Gen.EndIdle()
	if stays, said := clients[0].askFor(t); stays || said != "answered  " {
		t.Errorf("told %q, stays %t", said, stays)
	}
	clients[0].ended(t, "client")
	awaitConnections(t, s, 7)
	if n := s.Gen.Silent(0, true); n != 7 {
		t.Errorf("%d connections are silent, want 7", n)
	}
	for _, c := range clients[1:] {
		c.ended(t, "silent client")
	}
	awaitConnections(t, s, 0)
}

// TestParkedFirstTimeout ends connections on which nothing comes within
// client_header_timeout.
func TestParkedFirstTimeout(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	const each = 20
	s := silentServer(t, "client_header_timeout 10s;")
	start := time.Now()
	var clients []*keptClient
	for _, port := range []string{"8080", "8081", "8082"} {
		clients = append(clients, silentClients(t, s, port, each)...)
	}
	awaitParked(t, 3*each)
	for _, c := range clients {
		c.ended(t, "client")
		if took := time.Since(start); took < 10*time.Second || took > 30*time.Second {
			t.Errorf("the connection ended after %v", took)
		}
	}
	awaitConnections(t, s, 0)
	const line = "client timed out (110: Connection timed out) while waiting for request, client: 127.0.0.1, server: 127.0.0.1:"
	if n := strings.Count(s.Log(), line); n != 3*each {
		t.Errorf("%d connections are said to have timed out:\n%s", n, s.Log())
	}
}
