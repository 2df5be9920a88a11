package cgi

import (
	"bytes"
	"fmt"
	"testing"

	"tandem/internal/errorlog"
	"tandem/proxy/answer"
	"tandem/proxy/exchange"
	"tandem/session"
	"tandem/web"
)

// bareExchange returns an exchange whose request has no client and whose log
// is silent.
func bareExchange() *exchange.Exchange {
	x := &exchange.Exchange{Settings: new(exchange.Settings)}
	x.Request = web.NewRequest(nil)
	x.Request.Server = &web.Server{HTTP: &web.HTTP{Realm: session.Realm{Log: errorlog.New()}}}
	x.Request.Main = x.Request
	x.Settings.BufferSize.V = 1 << 20
	x.Head.Reset()
	return x
}

// inPieces is what HeadReader makes of a head in pieces of a size.
func inPieces(b []byte, size int) string {
	x, h := bareExchange(), new(HeadReader)
	taken := 0
	for taken < len(b) {
		n, done, err := h.Read(x, b[taken:min(taken+size, len(b))])
		taken += n
		if done || err != nil {
			return show(x, taken, err)
		}
	}
	return show(x, 0, nil)
}

func show(x *exchange.Exchange, n int, err error) string {
	if n == 0 || err != nil {
		return fmt.Sprint("no head ", err)
	}
	out := fmt.Sprintf("%d bytes, %d %q", n, x.Head.Status, x.Head.StatusLine)
	for _, f := range x.Head.Fields {
		out += fmt.Sprintf(" %s=%s", f.Name, f.Value)
	}
	return out
}

func TestReadHead(t *testing.T) {
	for _, c := range []struct{ head, want string }{
		{"\r\nbody", `2 bytes, 200 "200 OK"`},
		{"A: b\nC:d\n\nbody", `10 bytes, 200 "200 OK" A=b C=d`},
		{"Status: 404 Lost\r\n\r\n", `20 bytes, 404 "404 Lost" Status=404 Lost`},
		{"Status: 404\r\n\r\n", `15 bytes, 404 "" Status=404`},
		{"Location: /\r\n\r\n", `15 bytes, 302 "302 Moved Temporarily" Location=/`},
		{"Location: /\r\nstatus: 201 x\r\n\r\n", `30 bytes, 201 "201 x" Location=/ status=201 x`},
		{"HTTP/1.1 404 Lost\r\nStatus: 500 x\r\n\r\n", `36 bytes, 404 "404 Lost" Status=500 x`},
		{"HTTP/1.1\r\nA: b\r\n\r\n", `18 bytes, 200 "200 OK" A=b`},
		{"HTTP/1.1 101 Switching\r\n\r\n", `26 bytes, 101 "101 Switching"`},
		{"HTTP/1.1 100 Continue\r\n\r\n", `no head upstream sent unexpected status 100`},
		{"Status: 40\r\n\r\n", `no head upstream sent invalid status "40"`},
		{"Status: 099 x\r\n\r\n", `no head upstream sent invalid status "099 x"`},
		{"Status: 200x\r\n\r\n", `no head upstream sent invalid status "200x"`},
		{"Status:\r\n\r\n", `no head upstream sent invalid status ""`},
		{"A b: c\r\n\r\n", `no head upstream sent invalid header: "A b: c"`},
		{"A: b\r\n", `no head <nil>`},
	} {
		x := bareExchange()
		n, err := ReadHead(x, []byte(c.head))
		if got := show(x, n, err); got != c.want {
			t.Errorf("%q: got %s, want %s", c.head, got, c.want)
		}
	}
}

// FuzzHead reads a head in three ways: at once, and in pieces. They come to the
// same, but for a status line, which only one of them knows.
func FuzzHead(f *testing.F) {
	f.Add([]byte("Content-Type: text/html\r\nSet-Cookie: a=b\r\n\r\nbody"), 3)
	f.Add([]byte("Status: 404 Lost\nLocation: /\n\n"), 1)
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"), 7)
	f.Add([]byte("Status: 103\r\n\r\n"), 2)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		if size < 1 {
			return
		}
		x := bareExchange()
		n, err := ReadHead(x, b)
		if n > len(b) || err == nil && n > 0 && (x.Head.Status < 200 && x.Head.Status != 101 || bytes.ContainsAny(x.Head.StatusLine, "\r\n\x00")) {
			t.Fatalf("%d bytes of %d, %d %q", n, len(b), x.Head.Status, x.Head.StatusLine)
		}
		got := inPieces(b, size)
		if want := inPieces(b, len(b)+1); got != want {
			t.Errorf("in pieces of %d: %s, at once: %s", size, got, want)
		}
		if want := show(x, n, err); got != want && !bytes.HasPrefix(b, []byte("HTTP")) && answer.HeadComplete(b) {
			t.Errorf("in pieces of %d: %s, otherwise: %s", size, got, want)
		}
	})
}
