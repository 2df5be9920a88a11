package wire

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"tandem/internal/flow"
	"tandem/internal/flow/flowtest"
	"tandem/web/message"
)

// transports runs a test over every kind of transport.
func transports(t *testing.T, test func(t *testing.T, client net.Conn, c *Conn)) {
	flowtest.Transports(t, func(t *testing.T, client, server net.Conn) {
		test(t, client, newConn(t, server))
	})
}

// newConn returns a Conn that is released when the test ends.
func newConn(t testing.TB, s net.Conn) *Conn {
	f := flow.NewConn(s)
	c := NewConn(f)
	t.Cleanup(func() { c.Release(); f.Release() })
	return c
}

func readHead(t testing.TB, c *Conn, h *message.Head) {
	t.Helper()
	if err := c.WaitRequest(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := c.ReadHead(h, &message.Limits{HeaderTimeout: 10 * time.Second}); err != nil {
		t.Fatal(err)
	}
}

func TestHead(t *testing.T) {
	transports(t, func(t *testing.T, client net.Conn, c *Conn) {
		var h message.Head
		flowtest.Send(t, client, "\r\nPOST http://WWW.Example.COM.:8080/a%20b?c=d HTTP/1.1\r\n"+
			"host:  other \r\nContent-Length: 4\r\nX-Empty:\r\ncookie: \t a=b \t\r\nCookie: c=d\r\n"+
			"Connection: Upgrade, keep-alive\r\nExpect: 100-Continue\r\nX_Y: z\r\n\r\nbody")
		readHead(t, c, &h)
		for _, field := range []struct{ name, got, want string }{
			{"Method", string(h.Method), "POST"},
			{"Line", string(h.Line), "POST http://WWW.Example.COM.:8080/a%20b?c=d HTTP/1.1"},
			{"Scheme", string(h.Scheme), "http"},
			{"Authority", string(h.Authority), "WWW.Example.COM.:8080"},
			{"Target", string(h.Target), "/a%20b?c=d"},
			{"Version", h.Version.String(), "HTTP/1.1"},
			{"Host", string(h.Host), "other"},
			{"ServerName", string(h.ServerName), "www.example.com"},
			{"ServerPort", fmt.Sprint(h.ServerPort), "8080"},
			{"ContentLength", fmt.Sprint(h.ContentLength), "4"},
			{"flags", fmt.Sprint(h.Body, h.ConnectionClose, h.ConnectionKeepAlive, h.Expect100, h.KeepAlive()),
				"true false true true true"},
			{"Fields", show(h.Fields), "host: other|Content-Length: 4|X-Empty: |cookie: \t a=b \t|Cookie: c=d|" +
				"Connection: Upgrade, keep-alive|Expect: 100-Continue|X_Y: z"},
			{"Lookup", string(h.Lookup(message.Cookie)), "\t a=b \t"},
			{"Get", string(h.Get("x_y")), "z"},
			{"Size", fmt.Sprint(h.Size), fmt.Sprint(len("POST http://WWW.Example.COM.:8080/a%20b?c=d HTTP/1.1\r\n" +
				"host:  other \r\nContent-Length: 4\r\nX-Empty:\r\ncookie: \t a=b \t\r\nCookie: c=d\r\n" +
				"Connection: Upgrade, keep-alive\r\nExpect: 100-Continue\r\nX_Y: z\r\n\r\n"))},
			{"Buffered", string(c.Buffered()), "body"},
		} {
			if field.name == "Buffered" && !strings.HasSuffix(t.Name(), "/tcp") {
				continue // how much is read ahead depends on the transport
			}
			if field.got != field.want {
				t.Errorf("%s: %q, want %q", field.name, field.got, field.want)
			}
		}
		if h.Get("x-empty") == nil || h.Lookup(message.Referer) != nil || h.Has(message.Referer) || !h.Has(message.Expect) {
			t.Error("an empty field and a missing one are confused")
		}
		if f := h.Fields[len(h.Fields)-1]; !f.Underscore || !f.Invalid {
			t.Errorf("underscore %v, invalid %v", f.Underscore, f.Invalid)
		}
	})
}

func show(fields []message.Field) string {
	var lines []string
	for _, f := range fields {
		lines = append(lines, string(f.Name)+": "+string(f.Value))
	}
	return strings.Join(lines, "|")
}

func TestInvalidNames(t *testing.T) {
	const lines = "GET / HTTP/1.1\r\nHost: a\r\nX_Y: 1\r\nX(Z): 2\r\nW: 3\r\n\r\n"
	for _, test := range []struct {
		lim           message.Limits
		kept, dropped string
	}{
		{message.Limits{}, "Host: a|X_Y: 1|X(Z): 2|W: 3", ""},
		{message.Limits{IgnoreInvalidHeaders: true}, "Host: a|W: 3", "X_Y: 1|X(Z): 2"},
		{message.Limits{IgnoreInvalidHeaders: true, UnderscoresInHeaders: true}, "Host: a|X_Y: 1|W: 3", "X(Z): 2"},
	} {
		var h message.Head
		var p headParser
		if done, bad := p.feed(&h, []byte(lines), &test.lim); !done || bad != nil {
			t.Fatal(done, bad)
		}
		if show(h.Fields) != test.kept || show(h.Dropped) != test.dropped {
			t.Errorf("%+v: kept %s, dropped %s", test.lim, show(h.Fields), show(h.Dropped))
		}
	}
}

// TestGrowingHead reads heads that outgrow every buffer, with a request behind
// them, and the small buffer is back afterwards.
func TestGrowingHead(t *testing.T) {
	transports(t, func(t *testing.T, client net.Conn, c *Conn) {
		lim := &message.Limits{LargeCount: 40, LargeSize: 8192, HeaderTimeout: 10 * time.Second}
		for _, fields := range []int{1, 3, 12, 40} {
			long := "GET /long HTTP/1.1\r\nHost: a\r\n"
			for i := range fields {
				long += fmt.Sprintf("X-%d: %s\r\n", i, strings.Repeat("v", 5000+i))
			}
			go io.WriteString(client, long+"\r\n"+second)
			var h message.Head
			if err := c.ReadHead(&h, lim); err != nil {
				t.Fatal(err)
			}
			for i := range fields {
				name := fmt.Sprintf("x-%d", i)
				if got := h.Get(name); len(got) != 5000+i || strings.Trim(string(got), "v") != "" {
					t.Fatalf("%s: %d bytes", name, len(got))
				}
			}
			if h.Size != len(long)+2 {
				t.Fatalf("size %d, want %d", h.Size, len(long)+2)
			}
			readHead(t, c, &h)
			if string(h.Target) != "/second" {
				t.Fatalf("%q", h.Target)
			}
			c.Unpin()
			if n := cap(c.Buffered()); n > flow.SmallBuffer {
				t.Fatalf("a buffer of %d bytes is kept", n)
			}
		}
	})
}

func TestWaitRequestEnds(t *testing.T) {
	transports(t, func(t *testing.T, client net.Conn, c *Conn) {
		start := time.Now()
		if err := c.WaitRequest(30 * time.Millisecond); err != os.ErrDeadlineExceeded {
			t.Fatal(err)
		}
		if d := time.Since(start); d < 30*time.Millisecond {
			t.Fatalf("timed out after %v", d)
		}
		// The deadline that fired is no obstacle.
		flowtest.Send(t, client, "G")
		if err := c.WaitRequest(10 * time.Second); err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		var h message.Head
		if err := c.ReadHead(&h, &message.Limits{HeaderTimeout: 30 * time.Millisecond}); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		if d := time.Since(start); d < 30*time.Millisecond {
			t.Fatalf("timed out after %v", d)
		}
		// The same head goes on where it was.
		flowtest.Send(t, client, "ET / HTTP/1.0\r\n\r\n")
		if err := c.ReadHead(&h, &message.Limits{}); err != nil {
			t.Fatal(err)
		}
		client.Close()
		if err := c.WaitRequest(0); err != io.EOF {
			t.Fatal(err)
		}
		if err := c.ReadHead(&h, &message.Limits{}); err != io.EOF {
			t.Fatal(err)
		}
	})
}

func TestHeadCutShort(t *testing.T) {
	transports(t, func(t *testing.T, client net.Conn, c *Conn) {
		flowtest.Send(t, client, "GET / HTTP/1.1\r\nHost")
		client.Close()
		var h message.Head
		if err := c.ReadHead(&h, &message.Limits{}); err != io.ErrUnexpectedEOF {
			t.Fatal(err)
		}
	})
}

func TestTunnel(t *testing.T) {
	transports(t, func(t *testing.T, client net.Conn, c *Conn) {
		flowtest.Send(t, client, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nfirst")
		var h message.Head
		readHead(t, c, &h)
		buf := make([]byte, 5)
		if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "first" {
			t.Fatalf("%q %v", buf, err)
		}
		flowtest.Send(t, client, "later")
		if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "later" {
			t.Fatalf("%q %v", buf, err)
		}
		client.Close()
		if _, err := c.Read(buf); err != io.EOF {
			t.Fatal(err)
		}
	})
}
