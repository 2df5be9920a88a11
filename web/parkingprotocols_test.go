package web_test

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"time"

	"tandem/session/ssl"
	"tandem/web"
	"tandem/web/http2"
	"tandem/web/webtest"
)

// kept is a client with one connection, HTTP/1 or 2, with TLS or without.
type kept struct {
	name, url string
	http.Client
}

// keptClients returns clients of every kind of connection that may be parked, and
// has each ask once.
func keptClients(t *testing.T, s *webtest.Server, each int) []*kept {
	t.Helper()
	var all []*kept
	for _, secure := range []bool{false, true} {
		for _, two := range []bool{false, true} {
			for range each {
				tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, Protocols: new(http.Protocols)}
				tr.Protocols.SetHTTP1(!two)
				tr.Protocols.SetHTTP2(two)
				tr.Protocols.SetUnencryptedHTTP2(two)
				t.Cleanup(tr.CloseIdleConnections)
				c := &kept{name: "HTTP/1", url: "http://" + s.Addr(t, "8080") + "/", Client: http.Client{Transport: tr, Timeout: 20 * time.Second}}
				if two {
					c.name = "HTTP/2"
				}
				if secure {
					c.name, c.url = c.name+" with TLS", "https://"+s.Addr(t, "8081")+"/"
				}
				c.wants(t, "answered 1")
				all = append(all, c)
			}
		}
	}
	return all
}

func (c *kept) wants(t *testing.T, want string) {
	t.Helper()
	res, err := c.Get(c.url)
	if err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	defer res.Body.Close()
	if got, err := io.ReadAll(res.Body); err != nil || string(got) != want {
		t.Fatalf("%s: %q, want %q: %v", c.name, got, want, err)
	}
}

// startKept starts a server that says a word and how many requests its connection
// has had.
func startKept(t *testing.T, directives string) (s *webtest.Server, reload func(word string)) {
	cert, key, _ := webtest.SelfSigned(t, "localhost")
	modules := append([]*web.Module{http2.Module, web.Shared(ssl.Module)}, slices.Clone(webtest.Say)...)
	conf := func(word string) string {
		return header + directives + ` http2 on; ssl_certificate cert.pem; ssl_certificate_key key.pem;
		server { listen 127.0.0.1:8080; listen 127.0.0.1:8081 ssl; say "` + word + ` $connection_requests"; } }`
	}
	s = webtest.Start(t, conf("answered"), modules, map[string]string{"cert.pem": cert, "key.pem": key})
	return s, func(word string) {
		old := s.Gen
		s.Reload(t, conf(word), modules)
		old.Retire(s.Gen)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := old.Wait(ctx); err != nil {
			t.Errorf("the generation before keeps connections: %v", err)
		}
	}
}

// TestParkedProtocols has parked connections of every kind asked again, moved to
// another configuration, and closed by either side.
func TestParkedProtocols(t *testing.T) {
	s, reload := startKept(t, "")
	clients := keptClients(t, s, 2)
	awaitParked(t, len(clients))
	for _, c := range clients {
		c.wants(t, "answered 2")
	}
	awaitParked(t, len(clients))
	reload("after")
	for _, c := range clients {
		c.wants(t, "after 3")
	}
	awaitParked(t, len(clients))
	for i, c := range clients {
		if i%2 == 0 {
			c.CloseIdleConnections()
		}
	}
	awaitParked(t, len(clients)/2)
	awaitConnections(t, s, len(clients)/2)
	s.Gen.Retire(nil)
	awaitConnections(t, s, 0)
	awaitParked(t, 0)
}

// TestParkedProtocolsCut ends parked connections at once.
func TestParkedProtocolsCut(t *testing.T) {
	for name, end := range map[string]func(s *webtest.Server){
		"abort":            func(s *webtest.Server) { s.Gen.Abort() },
		"the address goes": func(s *webtest.Server) { s.Gen.Cut([]netip.Addr{netip.MustParseAddr("127.0.0.1")}) },
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := startKept(t, "")
			awaitParked(t, len(keptClients(t, s, 1)))
			end(s)
			awaitConnections(t, s, 0)
			awaitParked(t, 0)
		})
	}
}

// TestParkedHTTP2Timeout ends a parked connection of HTTP/2 when keepalive_timeout
// has passed, however short that is.
func TestParkedHTTP2Timeout(t *testing.T) {
	s, _ := startKept(t, "keepalive_timeout 700ms;")
	start := time.Now()
	keptClients(t, s, 1)
	awaitConnections(t, s, 0)
	awaitParked(t, 0)
	if took := time.Since(start); took < 600*time.Millisecond {
		t.Errorf("the connections ended after %v", took)
	}
}
