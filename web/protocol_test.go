package web_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"tandem/session/ssl"
	"tandem/web"
	"tandem/web/webtest"
)

// parrot is a protocol that says each line back, up to "bye". It has nothing to do
// after "rest", until it is told to go on.
type parrot struct {
	c      *web.Conn
	rested bool
	told   chan string
}

const parrotPreface = "PARROT/1\n"

func parrotModule(told chan string) *web.Module {
	return &web.Module{Name: "parrot", Protocol: &web.Protocol{
		ALPN:    []string{"parrot"},
		Preface: parrotPreface,
		Enabled: func(srv *web.Server) bool { return srv.Name() != "quiet.example" },
		Open:    func(c *web.Conn) web.Dialogue { return &parrot{c: c, told: told} },
	}}
}

func (p *parrot) Serve() (ended bool) {
	if p.rested {
		p.told <- "goes on"
	}
	for {
		if err := p.c.Flow.Wait(10 * time.Second); err != nil {
			return true
		}
		end := -1
		for end < 0 {
			if end = bytes.IndexByte(p.c.Flow.Buffered(), '\n'); end < 0 {
				if err := p.c.Flow.Fill(0, 10*time.Second); err != nil {
					return true
				}
			}
		}
		said := string(p.c.Flow.Buffered()[:end+1])
		p.c.Flow.Discard(len(said))
		fmt.Fprintf(p.c.Flow, "%s!", said)
		switch said {
		case "bye\n":
			return true
		case "rest\n":
			p.rested = true
			p.told <- "rests"
			return false
		}
	}
}

func (p *parrot) Interrupt() { p.told <- "interrupted" }

func (p *parrot) Close() { p.told <- "closed" }

// What a client speaks is told by its first bytes, or by what TLS has negotiated.
func TestProtocol(t *testing.T) {
	cert, key, _ := webtest.SelfSigned(t, "a.example")
	s := webtest.Start(t, header+`ssl_certificate a.crt; ssl_certificate_key a.key;
		server { listen 127.0.0.1:8080; listen 127.0.0.1:8081 ssl; server_name a.example; say "HTTP $https"; }
		server { listen 127.0.0.1:8081 ssl; server_name quiet.example; say "quiet"; }
		server { listen 127.0.0.1:8082; server_name quiet.example; say "quiet"; } }`,
		append([]*web.Module{parrotModule(make(chan string, 10)), web.Shared(ssl.Module)}, webtest.Say...), map[string]string{"a.crt": cert, "a.key": key})
	const get = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
	for _, c := range []struct {
		name, port string
		tls        *tls.Config
		send       []string
		want       string
	}{
		{"HTTP/1", "8080", nil, []string{get}, "HTTP "},
		{"the preface", "8080", nil, []string{parrotPreface + "bye\n"}, parrotPreface + "!bye\n!"},
		{"the preface in pieces", "8080", nil, []string{"PARR", "OT/1\n", "bye\n"}, "bye\n!"},
		{"what only begins like it", "8080", nil, []string{"PARR", "OT / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"}, "HTTP "},
		{"a server that does not speak it", "8082", nil, []string{parrotPreface}, "400 Bad Request"},
		{"negotiated", "8081", &tls.Config{NextProtos: []string{"http/1.1", "parrot"}}, []string{"bye\n"}, "bye\n!"},
		{"HTTP/1 negotiated", "8081", &tls.Config{NextProtos: []string{"http/1.1"}}, []string{get}, "HTTP on"},
		{"HTTP/1.0 negotiated", "8081", &tls.Config{NextProtos: []string{"http/1.0"}}, []string{get}, "HTTP on"},
		{"not negotiated", "8081", &tls.Config{}, []string{get}, "HTTP on"},
		{"not negotiated, with the preface", "8081", &tls.Config{}, []string{parrotPreface}, "400 Bad Request"},
		{"negotiated with a server that does not speak it", "8081", &tls.Config{ServerName: "quiet.example", NextProtos: []string{"parrot", "http/1.1"}},
			[]string{strings.Replace(get, "a.example", "quiet.example", 1)}, "quiet"},
	} {
		conn, err := net.Dial("tcp4", s.Addr(t, c.port))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		if c.tls != nil {
			c.tls.InsecureSkipVerify = true
			if c.tls.ServerName == "" {
				c.tls.ServerName = "a.example"
			}
			conn = tls.Client(conn, c.tls)
		}
		for i, piece := range c.send {
			if i > 0 {
				awaitReading(t, s) // the pieces before have been looked at
			}
			if _, err := io.WriteString(conn, piece); err != nil {
				t.Fatal(c.name, err)
			}
		}
		got, err := io.ReadAll(conn)
		if err != nil || !strings.Contains(string(got), c.want) {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
		_ = conn.Close()
	}
	if names := fmt.Sprint(s.HTTP.Servers[0].ALPN(), s.HTTP.Servers[1].ALPN()); names != "[parrot http/1.1 http/1.0 http/0.9] [http/1.1 http/1.0 http/0.9]" {
		t.Error(names)
	}
}

// awaitReading waits until no connection waits for its first byte.
func awaitReading(t *testing.T, s *webtest.Server) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); s.Counts().Waiting != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%+v", s.Counts())
		}
	}
}

// A session is told when its generation is retired and when its connection is cut,
// and goes on after a rest when it is woken.
func TestSession(t *testing.T) {
	told := make(chan string, 10)
	expect := func(want string) {
		t.Helper()
		select {
		case got := <-told:
			if got != want {
				t.Errorf("told %q, want %q", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("not told that it is %s", want)
		}
	}
	opened := make(chan *web.Conn, 10)
	module := parrotModule(told)
	open := module.Protocol.Open
	module.Protocol.Open = func(c *web.Conn) web.Dialogue {
		opened <- c
		return open(c)
	}
	s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; say x; } }`, append([]*web.Module{module}, webtest.Say...), nil)
	said := func(conn net.Conn, text string) {
		t.Helper()
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, len(text)+1)
		if _, err := io.ReadFull(conn, buf); err != nil || string(buf) != text+"!" {
			t.Fatalf("%q, %v", buf, err)
		}
	}
	conn := s.Dial(t)
	said(conn, parrotPreface)
	said(conn, "rest\n")
	expect("rests")
	(<-opened).Wake()
	expect("goes on")
	said(conn, "again\n")
	s.Gen.Retire(nil)
	expect("interrupted")
	if rest, err := io.ReadAll(conn); err != nil || len(rest) != 0 {
		t.Errorf("at the end: %q, %v", rest, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Gen.Wait(ctx); err != nil {
		t.Error(err)
	}
	// One that comes to a generation that has been retired is told at once.
	late := s.Dial(t)
	said(late, parrotPreface)
	expect("interrupted")
	s.Gen.Abort()
	expect("closed")
	if _, err := late.Read(make([]byte, 1)); err == nil {
		t.Error("a connection outlives Abort")
	}
}
