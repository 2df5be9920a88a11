package http1

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/web/message"
)

// pair returns the two ends of a TCP connection over loopback.
func pair(t testing.TB) (client, server net.Conn) {
	t.Helper()
	return pairOf(t, "tcp", "127.0.0.1:0")
}

func pairOf(t testing.TB, network, address string) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		s, _ := l.Accept()
		accepted <- s
	}()
	client, err = net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if server = <-accepted; server == nil {
		t.Fatal("accept failed")
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

// opaque hides the type of a connection, and layered is one on top of
// another, as TLS is.
type (
	opaque  struct{ net.Conn }
	layered struct{ net.Conn }
)

func (s layered) NetConn() net.Conn { return s.Conn }

// transports runs a test over every kind of transport.
func transports(t *testing.T, test func(t *testing.T, client net.Conn, c *Conn)) {
	for name, open := range map[string]func(t *testing.T) (client, server net.Conn){
		"tcp": func(t *testing.T) (client, server net.Conn) { return pair(t) },
		"unix": func(t *testing.T) (client, server net.Conn) {
			return pairOf(t, "unix", filepath.Join(t.TempDir(), "s"))
		},
		"layered": func(t *testing.T) (client, server net.Conn) {
			client, server = pair(t)
			return client, layered{server}
		},
		"tls": tlsPair,
		"opaque": func(t *testing.T) (client, server net.Conn) {
			client, server = pair(t)
			return client, opaque{server}
		},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := open(t)
			_ = client.SetDeadline(time.Now().Add(30 * time.Second))
			c := NewConn(server)
			defer c.Release()
			test(t, client, c)
		})
	}
}

// tlsPair returns the ends of a TLS connection after its handshake.
func tlsPair(t *testing.T) (client, server net.Conn) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"a"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	client, server = pair(t)
	clientTLS := tls.Client(client, &tls.Config{InsecureSkipVerify: true})
	serverTLS := tls.Server(server, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	shaken := make(chan error)
	go func() { shaken <- clientTLS.Handshake() }()
	if err := serverTLS.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	return clientTLS, serverTLS
}

func send(t testing.TB, s net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(s, text); err != nil {
		t.Fatal(err)
	}
}

func receive(t testing.TB, s net.Conn, want string) {
	t.Helper()
	buf := make([]byte, len(want))
	if _, err := io.ReadFull(s, buf); err != nil || string(buf) != want {
		t.Fatalf("received %q, %v, want %q", buf, err, want)
	}
}

// until polls for something that another goroutine or the kernel does.
func until(t testing.TB, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not happen")
		}
	}
}

func readHead(t testing.TB, c *Conn, h *message.Head) {
	t.Helper()
	if err := c.WaitRequest(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := c.ReadHead(h, &Limits{HeaderTimeout: 10 * time.Second}); err != nil {
		t.Fatal(err)
	}
}

func TestHead(t *testing.T) {
	transports(t, func(t *testing.T, client net.Conn, c *Conn) {
		var h message.Head
		send(t, client, "\r\nPOST http://WWW.Example.COM.:8080/a%20b?c=d HTTP/1.1\r\n"+
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
			{"flags", fmt.Sprint(h.Chunked, h.ConnectionClose, h.ConnectionKeepAlive, h.ConnectionUpgrade, h.Expect100, h.HasBody(), h.KeepAlive()),
				"false false true true true true true"},
			{"Fields", show(h.Fields), "host: other|Content-Length: 4|X-Empty: |cookie: a=b|Cookie: c=d|" +
				"Connection: Upgrade, keep-alive|Expect: 100-Continue|X_Y: z"},
			{"Lookup", string(h.Lookup(message.Cookie)), "a=b"},
			{"Get", string(h.Get("x_y")), "z"},
			{"Size", fmt.Sprint(h.Size), fmt.Sprint(len("POST http://WWW.Example.COM.:8080/a%20b?c=d HTTP/1.1\r\n" +
				"host:  other \r\nContent-Length: 4\r\nX-Empty:\r\ncookie: \t a=b \t\r\nCookie: c=d\r\n" +
				"Connection: Upgrade, keep-alive\r\nExpect: 100-Continue\r\nX_Y: z\r\n\r\n"))},
			{"Buffered", string(c.Buffered()), "body"},
		} {
			if field.name == "Buffered" && c.sock.raw == nil {
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
		lim           Limits
		kept, dropped string
	}{
		{Limits{}, "Host: a|X_Y: 1|X(Z): 2|W: 3", ""},
		{Limits{IgnoreInvalidHeaders: true}, "Host: a|W: 3", "X_Y: 1|X(Z): 2"},
		{Limits{IgnoreInvalidHeaders: true, UnderscoresInHeaders: true}, "Host: a|X_Y: 1|W: 3", "X(Z): 2"},
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
		lim := &Limits{LargeCount: 40, LargeSize: 8192, HeaderTimeout: 10 * time.Second}
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
			c.finishRequest()
			if len(c.buf) > smallBuffer {
				t.Fatalf("a buffer of %d bytes is kept", len(c.buf))
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
		send(t, client, "G")
		if err := c.WaitRequest(10 * time.Second); err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		var h message.Head
		if err := c.ReadHead(&h, &Limits{HeaderTimeout: 30 * time.Millisecond}); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		if d := time.Since(start); d < 30*time.Millisecond {
			t.Fatalf("timed out after %v", d)
		}
		// The same head goes on where it was.
		send(t, client, "ET / HTTP/1.0\r\n\r\n")
		if err := c.ReadHead(&h, &Limits{}); err != nil {
			t.Fatal(err)
		}
		client.Close()
		if err := c.WaitRequest(0); err != io.EOF {
			t.Fatal(err)
		}
		if err := c.ReadHead(&h, &Limits{}); err != io.EOF {
			t.Fatal(err)
		}
	})
}

func TestHeadCutShort(t *testing.T) {
	transports(t, func(t *testing.T, client net.Conn, c *Conn) {
		send(t, client, "GET / HTTP/1.1\r\nHost")
		client.Close()
		var h message.Head
		if err := c.ReadHead(&h, &Limits{}); err != io.ErrUnexpectedEOF {
			t.Fatal(err)
		}
	})
}

// TestEarlierDeadline checks the lazy deadlines: one that fires too early for
// the present wait is moved, one that would fire too late is moved as well.
func TestEarlierDeadline(t *testing.T) {
	transports(t, func(t *testing.T, client net.Conn, c *Conn) {
		errs := make(chan error)
		wait := func(idle time.Duration) { go func() { errs <- c.WaitRequest(idle) }() }
		wait(40 * time.Millisecond)
		send(t, client, "x")
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
		c.Discard(1)
		wait(20 * time.Second)
		select {
		case err := <-errs:
			t.Fatalf("the earlier deadline ended the wait: %v", err)
		case <-time.After(100 * time.Millisecond):
		}
		send(t, client, "x")
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
		c.Discard(1)
		start := time.Now()
		wait(30 * time.Millisecond)
		if err := <-errs; err != os.ErrDeadlineExceeded || time.Since(start) > 10*time.Second {
			t.Fatal(err, time.Since(start))
		}
		wait(0)
		send(t, client, "x")
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	})
}

func TestInterrupt(t *testing.T) {
	transports(t, func(t *testing.T, client net.Conn, c *Conn) {
		var h message.Head
		send(t, client, get(""))
		readHead(t, c, &h)
		errs := make(chan error)
		go func() { errs <- c.WaitRequest(time.Minute) }()
		until(t, func() bool { return c.state.Load()&stateIdle != 0 })
		c.Interrupt()
		if err := <-errs; err != ErrClosing {
			t.Fatal(err)
		}
		if !c.Interrupted() || c.state.Load()&stateIdle != 0 {
			t.Fatal("state", c.state.Load())
		}
		// Not idle, the connection goes on as long as the request lasts.
		send(t, client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n")
		if err := c.ReadHead(&h, &Limits{HeaderTimeout: time.Minute}); err != nil {
			t.Fatal(err)
		}
		c.Interrupt()
		send(t, client, "abc")
		if body, err := io.ReadAll(bodyOf{c}); err != nil || string(body) != "abc" {
			t.Fatal(body, err)
		}
		if err := c.WaitRequest(time.Minute); err != ErrClosing {
			t.Fatal(err)
		}
	})
}

// TestInterruptSparesTheFirst checks that a connection that has not asked yet
// is not ended: its request may be on the way.
func TestInterruptSparesTheFirst(t *testing.T) {
	transports(t, func(t *testing.T, client net.Conn, c *Conn) {
		errs := make(chan error)
		c.Interrupt()
		go func() { errs <- c.WaitFirst(time.Minute) }()
		c.Interrupt()
		send(t, client, get(""))
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
		var h message.Head
		if err := c.ReadHead(&h, &Limits{HeaderTimeout: time.Minute}); err != nil {
			t.Fatal(err)
		}
		if err := c.WaitRequest(time.Minute); err != ErrClosing {
			t.Fatal(err)
		}
	})
}

// TestInterruptServesWhatCame checks that a request that has been received is
// not lost to an interruption.
func TestInterruptServesWhatCame(t *testing.T) {
	client, server := pair(t)
	c := NewConn(server)
	defer c.Release()
	send(t, client, get("")+second)
	var h message.Head
	readHead(t, c, &h)
	c.Interrupt()
	readHead(t, c, &h) // pipelined
	send(t, client, second)
	until(t, func() bool { return c.sock.ask(lookUnread, false) })
	readHead(t, c, &h) // in the socket
	if err := c.WaitRequest(time.Minute); err != ErrClosing {
		t.Fatal(err)
	}
}

func TestTunnel(t *testing.T) {
	transports(t, func(t *testing.T, client net.Conn, c *Conn) {
		send(t, client, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nfirst")
		var h message.Head
		readHead(t, c, &h)
		buf := make([]byte, 5)
		if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "first" {
			t.Fatalf("%q %v", buf, err)
		}
		send(t, client, "later")
		if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "later" {
			t.Fatalf("%q %v", buf, err)
		}
		client.Close()
		if _, err := c.Read(buf); err != io.EOF {
			t.Fatal(err)
		}
	})
}
