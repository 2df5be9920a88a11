package web_test

import (
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"tandem/internal/contain"
	nc "tandem/nginxconf"
	"tandem/web"
	"tandem/web/webtest"
)

// panicConf is where the module of this test panics.
var panicConf = web.NewLocationSlot[struct{ where string }](nil)

// endings counts requests that have come to their end.
var endings atomic.Int64

var panicModule = &web.Module{
	Name: "panic",
	Commands: []nc.Command{{
		Name: "panic", In: nc.Location, Arity: nc.Take1,
		Set: func(s *nc.Scope, d *nc.Directive) error {
			panicConf.Of(web.BlockOf(s).Location).where = d.Args[0]
			return nil
		},
	}},
	Init: func(h *web.HTTP) error {
		at := func(where string) func(r *web.Request) web.Code {
			return func(r *web.Request) web.Code {
				if panicConf.Of(r.Location).where == where {
					var list []int
					_ = list[len(where)]
				}
				return web.Declined
			}
		}
		h.Handle(web.Access, at("access"))
		h.Handle(web.Log, at("log"))
		h.Handle(web.Content, func(r *web.Request) web.Code {
			r.OnEnd(func() { endings.Add(1) })
			switch panicConf.Of(r.Location).where {
			case "content":
				r.Response.Set("X-Prepared", []byte("yes"))
				panic("two\nlines")
			case "body":
				r.Response.Status, r.Response.ContentLength = 200, 1<<20
				if code := r.SendHeader(); code != web.OK {
					return code
				}
				_ = r.SendBody(web.Chunk{Data: []byte(strings.Repeat("x", 1<<16))})
				panic("in the body")
			case "end":
				r.OnEnd(func() { panic("at the end") })
				r.OnEnd(func() { endings.Add(1) })
			case "sub":
				if sr := r.Subrequest([]byte("/within"), nil, web.SubrequestOptions{InMemory: true}); sr.ErrStatus != 500 {
					r.Logf(3, "the subrequest came to %d", sr.ErrStatus)
				}
			}
			return web.Declined
		})
		return nil
	},
}

func TestPanic(t *testing.T) {
	s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; location / { say fine; }
		location /access { panic access; } location /within { panic content; } location /content { panic content; error_page 500 = @sorry; }
		location @sorry { say sorry; } location /body { panic body; say never; } location /log { panic log; say logged; }
		location /end { panic end; say ended; } location /sub { panic sub; say whole; } } }`, append([]*web.Module{panicModule}, webtest.Say...), nil)
	for _, c := range []struct {
		path, status, body string
		panics             uint64
		logged             string
	}{
		{"/access", "500 Internal Server Error", "<html>", 1, "panic in a request: runtime error: index out of range [6] with length 0, stack: tandem/web_test.init.func"},
		{"/content", "500 Internal Server Error", "sorry", 1, "panic in a request: two lines, stack: "},
		{"/body", "200 OK", "xxx", 1, "panic in a request: in the body, stack: "},
		{"/log", "200 OK", "logged", 1, "panic in a request: runtime error: "},
		{"/end", "200 OK", "ended", 1, "panic in a request: at the end, stack: "},
		{"/sub", "200 OK", "whole", 1, "panic in a subrequest: two lines, stack: "},
	} {
		before, ended := contain.Count(), endings.Load()
		logged := len(s.Log())
		// The second request is not served after a panic.
		raw := s.Raw(t, "GET "+c.path+" HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		head, body, _ := strings.Cut(raw, "\r\n\r\n")
		if !strings.HasPrefix(head, "HTTP/1.1 "+c.status+"\r\n") && c.path != "/content" || !strings.HasPrefix(body, c.body) || strings.Contains(head, "X-Prepared") {
			t.Errorf("%s: %.200q", c.path, raw)
		}
		if more := strings.Contains(body, "fine"); more != (c.path == "/sub") {
			t.Errorf("%s: the connection is used again: %v", c.path, more)
		}
		if n := contain.Count() - before; n != c.panics {
			t.Errorf("%s: %d panics", c.path, n)
		}
		text := s.Log()[logged:]
		if strings.Count(text, c.logged) != 1 || !strings.Contains(text, `request: "GET `+c.path+` HTTP/1.1"`) {
			t.Errorf("%s: log %q", c.path, text)
		}
		if c.path == "/end" && endings.Load() != ended+2 || c.path == "/content" && endings.Load() == ended {
			t.Errorf("%s: %d of what waited for the end has run", c.path, endings.Load()-ended)
		}
	}
	if counts := s.Counts(); counts.Active != 0 || counts.Reading != 0 {
		t.Errorf("afterwards: %+v", counts)
	}
	if got := s.Get(t, "/").Body; got != "fine" {
		t.Errorf("afterwards: %q", got)
	}
}

// brokenConn is a connection whose bytes cannot be had.
type brokenConn struct{ net.Conn }

func (brokenConn) Read([]byte) (int, error) { panic("while reading") }

// A panic outside of a request ends the connection.
func TestPanicOfConnection(t *testing.T) {
	s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; location / { say fine; } } }`, webtest.Say, nil)
	client, server := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Gen.Serve(brokenConn{server}, s.HTTP.Ports[0])
	}()
	if _, err := client.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the client sees %v", err)
	}
	<-done
	if !strings.Contains(s.Log(), "panic in a connection: while reading, stack: ") || s.Counts().Connections != 0 {
		t.Errorf("%+v, log %q", s.Counts(), s.Log())
	}
}
