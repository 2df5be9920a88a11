package fastcgi

import (
	"bytes"
	"testing"

	"tandem/internal/errorlog"
	"tandem/session"
	"tandem/web"
)

// bareCall returns a call whose request has no client and whose log is silent.
func bareCall(keep bool) *call {
	c := &call{settings: &settings{}, keep: keep}
	c.Request = web.NewRequest(nil)
	c.Request.Server = &web.Server{HTTP: &web.HTTP{Realm: session.Realm{Log: errorlog.New()}}}
	c.Request.Main = c.Request
	c.Settings = &c.settings.Settings.Settings
	c.settings.BufferSize.V = 4096
	c.Head.Reset()
	return c
}

// outcome is what a response comes to that is received in pieces of a size.
type outcome struct {
	status   int
	fields   int
	body     string
	failed   bool
	complete bool // it has ended, or may end here
}

func receive(t *testing.T, b []byte, size int, keep bool) (o outcome) {
	c := bareCall(keep)
	b = bytes.Clone(b) // bodies are joined in place
	for len(b) > 0 && c.Head.Status == 0 {
		piece := b[:min(size, len(b))]
		n, err := c.ParseHead(piece)
		if err != nil {
			return outcome{failed: true}
		}
		if n < 0 || n > len(piece) || n == 0 {
			t.Fatalf("%d bytes taken of %d", n, len(piece))
		}
		b = b[n:]
	}
	o.status, o.fields = c.Head.Status, len(c.Head.Fields)
	if o.status == 0 {
		return o
	}
	if o.status < 200 {
		t.Fatalf("status %d", o.status)
	}
	for len(b) > 0 && !c.Done {
		data, n, err := c.ParseBody(b[:min(size, len(b))])
		if o.body += string(data); err != nil {
			o.failed = true
			return o
		}
		if n == 0 {
			t.Fatalf("nothing taken of %d bytes", len(b))
		}
		b = b[n:]
	}
	o.complete = c.Done || c.UntilClose
	return o
}

// FuzzResponse receives a response at once and in pieces: it comes to the same,
// and its body is no longer than its head has told.
func FuzzResponse(f *testing.F) {
	head := "Content-Length: 4\r\nSet-Cookie: a=b\r\n\r\nbo"
	whole := bytes.Join([][]byte{record(stderr, "oops", 4), record(stdout, head, 3), record(stdout, "dy", 6), record(stdout, "", 0), record(endRequest, "12345678", 0)}, nil)
	f.Add(whole, 1, true)
	f.Add(whole[:len(whole)-10], 5, false)
	f.Add(append(record(stdout, "Status: 404 x\r\nLocation: y\n\nabc", 0), record(endRequest, "12345678", 9)...), 7, false)
	f.Add(record(stdout, "Status: 99\r\n\r\n", 255), 2, false)
	f.Fuzz(func(t *testing.T, b []byte, size int, keep bool) {
		if size < 1 || len(b) == 0 {
			return
		}
		got, want := receive(t, b, size, keep), receive(t, b, len(b), keep)
		if got != want {
			t.Errorf("in pieces of %d: %+v, at once: %+v", size, got, want)
		}
	})
}
