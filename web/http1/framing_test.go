package http1_test

import (
	"io"
	"strings"
	"testing"

	"tandem/web"
	"tandem/web/webtest"
)

const header = "events {}\nhttp {\n"

// bodies answers by path: /length with a body of known length, /pieces with one of
// unknown length, /trailers with fields behind it, /file with a part of a file,
// /interim after an interim response, any other with a status.
var bodies = []*web.Module{{
	Name: "bodies",
	Init: func(h *web.HTTP) error {
		h.Handle(web.Content, func(r *web.Request) web.Code {
			p := &r.Response
			p.Status, p.OmitServer, p.OmitDate = 200, true, true
			pieces := []web.Chunk{{Data: []byte("abc")}, {}, {Data: []byte("0123456789abcdefg"), Flush: true}, {Last: true}}
			switch path, _, _ := strings.Cut(string(r.Path[1:]), "/"); path {
			case "length":
				p.ContentLength = 20
			case "pieces":
			case "trailers":
				p.ContentLength, r.ExpectTrailers = 20, true
				p.AddTrailer("X-Sum", []byte("s"))
			case "file":
				p.ContentLength = 5
				pieces = []web.Chunk{{File: web.FileSegment{File: part("..hello.."), Off: 2, Len: 5}, Last: true}}
			case "nocontent":
				p.Status = 204
			case "unread":
				p.ContentLength = 20
				r.CloseAfter()
			default:
				return 404
			}
			r.DiscardBody()
			if code := r.SendHeader(); code != web.OK || r.HeaderOnly {
				return code
			}
			for _, c := range pieces {
				if code := r.SendBody(c); code != web.OK {
					return code
				}
			}
			return web.OK
		})
		return nil
	},
}}

// part is an open file in memory.
type part string

func (p part) ReadAt(b []byte, off int64) (int, error) {
	return strings.NewReader(string(p)).ReadAt(b, off)
}

func (part) Fd() uintptr { return ^uintptr(0) }

// How a body is delimited, and whether its connection stays, depends on the
// version, what the client says, and the settings.
func TestFraming(t *testing.T) {
	const (
		length = "Content-Length: 20|Connection: "
		chunks = "Transfer-Encoding: chunked|Connection: "
		body   = "abc0123456789abcdefg"
		pieces = "3\r\nabc\r\n11\r\n0123456789abcdefg\r\n0\r\n"
	)
	for _, c := range []struct {
		conf, line, fields string
		head, body         string
	}{
		{"", "GET /length HTTP/1.1", "", length + "keep-alive", body},
		{"", "GET /length HTTP/1.1", "Connection: close", length + "close", body},
		{"", "GET /length HTTP/1.0", "", length + "close", body},
		{"", "GET /length HTTP/1.0", "Connection: keep-alive", length + "keep-alive", body},
		{"", "HEAD /length HTTP/1.1", "", length + "keep-alive", ""},
		{"keepalive_timeout 0;", "GET /length HTTP/1.1", "", length + "close", body},
		{"keepalive_timeout 60 30;", "GET /length HTTP/1.1", "", length + "keep-alive|Keep-Alive: timeout=30", body},
		{"keepalive_requests 1;", "GET /length HTTP/1.1", "", length + "close", body},
		{"keepalive_disable safari;", "GET /length HTTP/1.1", "User-Agent: Mac OS X Safari/5", length + "close", body},
		{"keepalive_disable safari;", "GET /length HTTP/1.1", "User-Agent: Mac OS X Chrome/5 Safari/5", length + "keep-alive", body},
		{"", "GET /unread HTTP/1.1", "", length + "close", body},

		{"", "GET /pieces HTTP/1.1", "", chunks + "keep-alive", pieces + "\r\n"},
		{"", "GET /pieces HTTP/1.1", "Connection: close", chunks + "close", pieces + "\r\n"},
		{"", "HEAD /pieces HTTP/1.1", "", "Connection: keep-alive", ""},
		{"", "GET /pieces HTTP/1.0", "", "Connection: close", body},
		{"", "GET /pieces HTTP/1.0", "Connection: keep-alive", "Connection: close", body},
		{"chunked_transfer_encoding off;", "GET /pieces HTTP/1.1", "", "Connection: close", body},

		{"", "GET /trailers HTTP/1.1", "", chunks + "keep-alive", pieces + "X-Sum: s\r\n\r\n"},
		{"", "GET /trailers HTTP/1.0", "Connection: keep-alive", length + "keep-alive", body},
		{"chunked_transfer_encoding off;", "GET /trailers HTTP/1.1", "", length + "keep-alive", body},

		{"", "GET /file HTTP/1.1", "", "Content-Length: 5|Connection: keep-alive", "hello"},
		{"", "GET /nocontent HTTP/1.1", "", "Connection: keep-alive", ""},
		{"postpone_output 0;", "GET /pieces HTTP/1.1", "", chunks + "keep-alive", pieces + "\r\n"},
	} {
		s := webtest.Start(t, header+"server { listen 127.0.0.1:8080; "+c.conf+" } }", bodies, nil)
		request := c.line + "\r\nHost: a\r\n"
		if c.fields != "" {
			request += c.fields + "\r\n"
		}
		// A second request is answered where the connection stays, and ends it.
		raw := s.Raw(t, request+"\r\nGET /none HTTP/1.0\r\n\r\n")
		head, rest, _ := strings.Cut(raw, "\r\n\r\n")
		status, fields, _ := strings.Cut(head, "\r\n")
		got, second, stays := strings.Cut(rest, "HTTP/1.1 404 ")
		if fields = strings.ReplaceAll(fields, "\r\n", "|"); fields != c.head || got != c.body {
			t.Errorf("%s%s %s: %s %s, %q; want %s, %q", c.conf, c.line, c.fields, status, fields, got, c.head, c.body)
		}
		if want := strings.Contains(c.head, "keep-alive"); stays != want || stays && !strings.Contains(second, "Connection: close\r\n") {
			t.Errorf("%s%s %s: another request is answered: %v", c.conf, c.line, c.fields, stays)
		}
	}
}

// HTTP/0.9 has no head.
func TestHTTP09(t *testing.T) {
	s := webtest.Start(t, header+"server { listen 127.0.0.1:8080; } }", bodies, nil)
	if got := s.Raw(t, "GET /pieces\r\n"); got != "abc0123456789abcdefg" {
		t.Errorf("%q", got)
	}
}

// A connection that is kept takes what a body that nobody read has left, as far as
// that is little; one that ends reads on for a while, so that the answer arrives.
func TestUnreadBody(t *testing.T) {
	s := webtest.Start(t, header+"server { listen 127.0.0.1:8080; lingering_time 5s; lingering_timeout 5s; client_max_body_size 0; } }", bodies, nil)
	post := func(path string, n int) string {
		t.Helper()
		c := s.Dial(t)
		answer := make(chan string)
		go func() {
			b, _ := io.ReadAll(c)
			answer <- string(b)
		}()
		text := "POST " + path + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		chunk := "400\r\n" + strings.Repeat("x", 0x400) + "\r\n"
		for range n {
			if _, err := io.WriteString(c, chunk); err != nil {
				break // it has ended meanwhile
			}
		}
		_, _ = io.WriteString(c, "0\r\n\r\nGET /none HTTP/1.0\r\n\r\n")
		return <-answer
	}
	for _, c := range []struct {
		path  string
		n     int
		again bool
	}{{"/length", 1, true}, {"/length", 60, true}, {"/unread", 60, false}} {
		raw := post(c.path, c.n)
		if !strings.HasPrefix(raw, "HTTP/1.1 200 ") || strings.Contains(raw, "HTTP/1.1 404 ") != c.again {
			t.Errorf("%s after %d pieces: %q", c.path, c.n, raw)
		}
	}
}

// With lingering_close a client may go on sending after the answer.
func TestLinger(t *testing.T) {
	for _, c := range []struct {
		conf    string
		lingers bool
	}{{"", true}, {"lingering_close always;", true}, {"lingering_close off;", false}} {
		s := webtest.Start(t, header+"server { listen 127.0.0.1:8080; client_max_body_size 0; lingering_time 20s; lingering_timeout 20s; "+c.conf+" } }", bodies, nil)
		conn := s.Dial(t)
		if _, err := io.WriteString(conn, "POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 200 ") {
			t.Errorf("%s: %q, %v", c.conf, b, err)
		}
		// More than the buffers of both sides hold.
		_, err := conn.Write(make([]byte, 16<<20))
		if (err == nil) != c.lingers {
			t.Errorf("%s: sending on: %v", c.conf, err)
		}
	}
}
