package web_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"tandem/web"
	"tandem/web/webtest"
)

// TestRetireSilent retires a generation with two clients that have connected
// and sent nothing: one sends its request a little later and is answered, the
// other never does and holds nobody up.
func TestRetireSilent(t *testing.T) {
	s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; say "answered"; } }`, webtest.Say, nil)
	late, never := s.Dial(t), s.Dial(t)
	for s.Gen.Connections() < 2 {
		time.Sleep(time.Millisecond)
	}
	s.Gen.Retire(nil)
	if _, err := io.WriteString(late, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(late)
	if err != nil || !strings.Contains(string(answer), "answered") {
		t.Errorf("%q, %v", answer, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Gen.Wait(ctx); err != nil {
		t.Errorf("a client that says nothing holds up the end: %v", err)
	}
	if answer, err := io.ReadAll(never); err != nil || len(answer) != 0 {
		t.Errorf("the silent client got %q, %v", answer, err)
	}
}

// TestReloadKeepsConnections replaces a configuration under clients that keep
// their connections: none of them notices anything but the new answers.
func TestReloadKeepsConnections(t *testing.T) {
	s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; say "before"; } }`, webtest.Say, nil)
	clients := make([]*keptClient, 8)
	for i := range clients {
		c := s.Dial(t)
		clients[i] = &keptClient{c, bufio.NewReader(c)}
		if stays, said := clients[i].askFor(t); !stays || said != "before" {
			t.Fatalf("said %q, stays %t", said, stays)
		}
	}
	before := s.Gen
	for round := range 20 {
		say := fmt.Sprintf("round %d", round)
		old := s.Gen
		s.Reload(t, header+`server { listen 127.0.0.1:8080; say "`+say+`"; } }`, webtest.Say)
		old.Retire(s.Gen)
		for i, c := range clients {
			if i%2 == round%2 {
				continue // these are idle over several reloads
			}
			if stays, said := c.askFor(t); !stays || said != say {
				t.Fatalf("round %d: client %d is told %q, stays %t", round, i, said, stays)
			}
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := before.Wait(ctx); err != nil {
		t.Errorf("the first generation keeps connections: %v", err)
	}
	for end := time.Now().Add(10 * time.Second); s.Gen.Connections() != len(clients); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d connections, want %d", s.Gen.Connections(), len(clients))
		}
	}
	// Without a successor they end.
	s.Gen.Retire(nil)
	for _, c := range clients {
		c.ended(t, "client")
	}
}

// TestReloadWithoutTheSocket closes the connections of a socket that the new
// configuration does not have.
func TestReloadWithoutTheSocket(t *testing.T) {
	s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; say "before"; } }`, webtest.Say, nil)
	c := &keptClient{Conn: s.Dial(t)}
	c.r = bufio.NewReader(c.Conn)
	c.ask(t)
	old := s.Gen
	s.Reload(t, header+`server { listen 127.0.0.1:8081; say "after"; } }`, webtest.Say)
	old.Retire(s.Gen)
	c.ended(t, "client")
}

// TestKeepaliveMinTimeout retires a generation under idle connections: with
// keepalive_min_timeout a request that is on its way is still answered, and the
// connection of a client that has none ends when the time has passed.
func TestKeepaliveMinTimeout(t *testing.T) {
	for _, least := range []string{"10s", "300ms"} {
		s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; say "answered"; keepalive_min_timeout `+least+`; } }`, webtest.Say, nil)
		var clients [2]*keptClient
		for i := range clients {
			c := s.Dial(t)
			clients[i] = &keptClient{c, bufio.NewReader(c)}
			if i > 0 {
				// The others are parked.
				for end := time.Now().Add(10 * time.Second); web.Parked() == 0; time.Sleep(time.Millisecond) {
					if time.Now().After(end) {
						t.Fatal("not parked")
					}
				}
			}
			if stays, _ := clients[i].askFor(t); !stays {
				t.Fatal("the connection is not kept")
			}
		}
		s.Gen.Retire(nil)
		if least != "10s" {
			for _, c := range clients {
				c.ended(t, "client")
			}
			continue
		}
		for _, c := range clients {
			if stays, said := c.askFor(t); stays || said != "answered" {
				t.Errorf("said %q, stays %t", said, stays)
			}
		}
	}
}
