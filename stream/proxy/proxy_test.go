package proxy_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"tandem/session/accesslog"
	"tandem/stream"
	"tandem/stream/proxy"
	"tandem/stream/streamtest"
)

var modules = []*stream.Module{proxy.Upstream, proxy.Module, proxy.Check, stream.Return, stream.Pass, stream.Shared(accesslog.Module("", nil))}

// echo sends something and wants it back.
func echo(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
		t.Fatalf("%q, %v, want %q", got, err, text)
	}
}

// What goes both ways is what has been sent, in small pieces and in bulk; what the
// log says of it adds up.
func TestRelay(t *testing.T) {
	for _, way := range []string{"", "proxy_buffer_size 1k;", "proxy_upload_rate 100m;"} {
		t.Run(way, func(t *testing.T) {
			s := streamtest.Start(t, `log_format f "$status $bytes_received $bytes_sent $upstream_bytes_sent $upstream_bytes_received $protocol";
				server { listen 127.0.0.1:8080; proxy_pass 127.0.0.1:8081; access_log a.log f; `+way+` }`, modules...)
			s.Echo(t, "8081")
			c := s.Dial(t, "tcp", "8080")
			echo(t, c, "hello")
			bulk := make([]byte, 5<<20)
			for i := range bulk {
				bulk[i] = byte(rand.Int())
			}
			go func() { _, _ = c.Write(bulk) }()
			got := make([]byte, len(bulk))
			if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, bulk) {
				t.Fatalf("other bytes have come back, %v", err)
			}
			echo(t, c, "bye")
			c.Close()
			n := len(bulk) + len("hellobye")
			if got, want := s.File(t, "a.log"), fmt.Sprintf("200 %d %d %d %d TCP\n", n, n, n, n); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// The end of one side ends the other, unless proxy_half_close is on.
func TestHalfClose(t *testing.T) {
	s := streamtest.Start(t, `server { listen 127.0.0.1:8080; proxy_pass 127.0.0.1:8082; }
		server { listen 127.0.0.1:8081; proxy_pass 127.0.0.1:8082; proxy_half_close on; }`, modules...)
	s.Listen(t, "8082", func(c net.Conn) {
		b, _ := io.ReadAll(c)
		_, _ = fmt.Fprintf(c, "%s is all", b)
	})
	for port, want := range map[string]string{"8080": "", "8081": "this is all"} {
		c := s.Dial(t, "tcp", port)
		if _, err := io.WriteString(c, "this"); err != nil {
			t.Fatal(err)
		}
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(c); string(got) != want {
			t.Errorf("%s: %q, want %q", port, got, want)
		}
	}
}

// A session in which nothing comes for proxy_timeout ends, and is logged; a peer
// that refuses is followed by the next one.
func TestTimeoutAndNext(t *testing.T) {
	s := streamtest.Start(t, `upstream u { server 127.0.0.1:8083; server 127.0.0.1:8081; }
		log_format f "$upstream_addr";
		server { listen 127.0.0.1:8080; proxy_pass u; proxy_timeout 100ms; access_log a.log f; }`, modules...)
	s.Echo(t, "8081")
	c := s.Dial(t, "tcp", "8080")
	echo(t, c, "hello")
	if b, err := io.ReadAll(c); err != nil || len(b) > 0 {
		t.Errorf("%q, %v", b, err)
	}
	if got, want := s.File(t, "a.log"), s.Addr(t, "8083")+", "+s.Addr(t, "8081")+"\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, want := range []string{"connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: " + s.Addr(t, "8080") + ", upstream: \"" + s.Addr(t, "8083") + "\", bytes from/to client:0/0, bytes from/to upstream:0/0",
		"connection timed out (110: Connection timed out) while proxying connection, client: 127.0.0.1"} {
		s.AwaitLog(t, want)
	}
}

// The peer gets the client's address first.
func TestProxyProtocol(t *testing.T) {
	s := streamtest.Start(t, `server { listen 127.0.0.1:8080; proxy_pass 127.0.0.1:8081; proxy_protocol on; }
		server { listen 127.0.0.1:8081 proxy_protocol; return "$proxy_protocol_addr:$proxy_protocol_port $proxy_protocol_server_port"; }
		server { listen 127.0.0.1:8082; proxy_pass 127.0.0.1:8081; proxy_protocol v2; }`, modules...)
	for _, port := range []string{"8080", "8082"} {
		c := s.Dial(t, "tcp", port)
		_, to, _ := net.SplitHostPort(s.Addr(t, port))
		got, err := io.ReadAll(c)
		if want := c.LocalAddr().String() + " " + to; err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", port, got, err, want)
		}
	}
}

// Datagrams go to the peer and back; a session ends when as many have come back as
// are expected, or none has for long enough.
func TestDatagrams(t *testing.T) {
	s := streamtest.Start(t, `log_format f "$status $protocol $bytes_received $bytes_sent";
		server { listen 127.0.0.1:8080 udp; proxy_pass 127.0.0.1:8081; proxy_responses 1; access_log a.log f; }
		server { listen 127.0.0.1:8082 udp; proxy_pass 127.0.0.1:8083; proxy_responses 1; proxy_timeout 100ms; access_log b.log f; }
		server { listen 127.0.0.1:8084 udp; return "$remote_port"; }`, modules...)
	s.Echo(t, "8081")
	silent, err := net.ListenPacket("udp4", s.Addr(t, "8083"))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	echo(t, s.Dial(t, "udp", "8080"), "hello")
	if got, want := s.File(t, "a.log"), "200 UDP 5 5\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if _, err := io.WriteString(s.Dial(t, "udp", "8082"), "hello"); err != nil {
		t.Fatal(err)
	}
	if got, want := s.File(t, "b.log"), "502 UDP 5 0\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	c := s.Dial(t, "udp", "8084")
	if _, err := io.WriteString(c, "?"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 10)
	n, err := c.Read(got)
	if _, want, _ := net.SplitHostPort(c.LocalAddr().String()); err != nil || string(got[:n]) != want {
		t.Errorf("%q, %v, want %q", got[:n], err, want)
	}
}

// With proxy_requests every so many datagrams make a session of their own, also when
// they come before it is known where they go.
func TestRequests(t *testing.T) {
	s := streamtest.Start(t, `log_format f "$status $bytes_received"; access_log a.log f;
		server { listen 127.0.0.1:8080 udp; proxy_pass 127.0.0.1:8081; proxy_requests 2; proxy_responses 1; }`, modules...)
	s.Echo(t, "8081")
	c := s.Dial(t, "udp", "8080")
	for range 6 {
		if _, err := io.WriteString(c, "x"); err != nil {
			t.Fatal(err)
		}
	}
	for range 6 {
		if n, err := c.Read(make([]byte, 10)); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	for end := time.Now().Add(time.Minute); strings.Count(s.File(t, "a.log"), "200 2\n") < 3; {
		if time.Now().After(end) {
			t.Fatalf("%q", s.File(t, "a.log"))
		}
	}
}

// A reload ends no session, of TCP or UDP: those that are there go on with the
// back end that they have, and new ones go to the new one.
func TestReload(t *testing.T) {
	const text = `server { listen 127.0.0.1:8080; proxy_pass 127.0.0.1:80%s; }
		server { listen 127.0.0.1:8080 udp; proxy_pass 127.0.0.1:80%[1]s; }`
	s := streamtest.Start(t, fmt.Sprintf(text, "81"), modules...)
	s.Echo(t, "8081")
	tcp, udp := s.Dial(t, "tcp", "8080"), s.Dial(t, "udp", "8080")
	echo(t, tcp, "one")
	echo(t, udp, "one")
	before := s.Use(t, `server { listen 127.0.0.1:8080; return new; } server { listen 127.0.0.1:8080 udp; return new; }`, modules...)
	echo(t, tcp, "two")
	echo(t, udp, "two")
	if got := s.Get(t, "8080", ""); got != "new" {
		t.Errorf("%q", got)
	}
	if n := before.Sessions(); n != 2 {
		t.Errorf("%d sessions of the old configuration", n)
	}
	tcp.Close()
	before.Abort()
}

// A server that passes to itself ends, and so does one that proxies to itself when
// there are no more descriptors or ports: the first is told.
func TestPassCycle(t *testing.T) {
	s := streamtest.Start(t, `server { listen 127.0.0.1:8080; pass 127.0.0.1:8080; }`, modules...)
	if got := s.Get(t, "8080", ""); got != "" {
		t.Errorf("%q", got)
	}
	s.AwaitLog(t, "stream pass cycle while passing connection to port")
}

// Whoever ends before its PROXY header is complete has sent a bad one; a connection
// that is passed on is logged where it ends.
func TestLog(t *testing.T) {
	s := streamtest.Start(t, `log_format f "$server_port $status"; access_log a.log f;
		server { listen 127.0.0.1:8080; pass 127.0.0.1:8081; }
		server { listen 127.0.0.1:8081 proxy_protocol; return x; }`, modules...)
	c := s.Dial(t, "tcp", "8080")
	if _, err := io.WriteString(c, "PROXY T"); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(c); len(b) > 0 {
		t.Errorf("%q, %v", b, err)
	}
	_, port, _ := net.SplitHostPort(s.Addr(t, "8080"))
	if got, want := s.File(t, "a.log"), port+" 400\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Mistakes are told in nginx's words, with their line.
func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"server { proxy_pass 127.0.0.1:1; }":                                "no \"listen\" is defined for server in",
		"server { listen 127.0.0.1; return x; }":                            "no port in \"127.0.0.1\" of the \"listen\" directive",
		"server { listen 127.0.0.1:8080 udp ssl; return x; }":               "\"listen\" directive \"ssl\" parameter is incompatible with \"udp\"",
		"server { listen 127.0.0.1:8080 udp backlog=5; return x; }":         "\"listen\" directive \"backlog\" parameter is incompatible with \"udp\"",
		"server { listen 127.0.0.1:8080; proxy_pass 127.0.0.1; }":           "no port in upstream \"127.0.0.1\"",
		"server { listen 127.0.0.1:8080; proxy_pass u; } upstream u { }":    "no servers are inside upstream",
		"server { listen 127.0.0.1:8080; proxy_pass a:1; proxy_pass a:1; }": "\"proxy_pass\" directive is duplicate",
		"server { listen 127.0.0.1:8080; return x; access_log a.log; }":     "log format",
		"server { listen 127.0.0.1:8080; return x; proxy_protocol v3; }":    "invalid value \"v3\"",
		"server { listen 127.0.0.1:8080; return $unknown; }":                "unknown \"unknown\" variable",
		"server { listen 127.0.0.1:8080; return x; } server { listen 127.0.0.1:8080 default_server; return x; } server { listen 127.0.0.1:8080 default_server; return x; }": "a duplicate default server for 127.0.0.1:8080",
	} {
		_, errs := streamtest.Load(t, text, modules...)
		if !errs.Failed() || !strings.Contains(errs.Error(), want) {
			t.Errorf("%s: %v, want %s", text, errs, want)
		}
	}
}

// Rates hold: what is sent takes as long as they say.
func TestRate(t *testing.T) {
	s := streamtest.Start(t, `server { listen 127.0.0.1:8080; proxy_pass 127.0.0.1:8081; proxy_download_rate 1000; }`, modules...)
	s.Listen(t, "8081", func(c net.Conn) { _, _ = c.Write(make([]byte, 2500)) })
	began := time.Now()
	if got := s.Get(t, "8080", ""); len(got) != 2500 {
		t.Errorf("%d bytes", len(got))
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("2500 bytes at 1000 bytes a second took %v", took)
	}
}

// A local address that the host does not have is the configuration's fault, not that
// of a peer: none is asked after it.
func TestBindFails(t *testing.T) {
	s := streamtest.Start(t, `upstream u { server 127.0.0.1:8083; server 127.0.0.1:8081; }
		server { listen 127.0.0.1:8080; proxy_pass u; proxy_bind 198.51.100.9; }`, modules...)
	s.Echo(t, "8081")
	if b, err := io.ReadAll(s.Dial(t, "tcp", "8080")); err != nil || len(b) > 0 {
		t.Errorf("%q, %v", b, err)
	}
	s.AwaitLog(t, "[crit] ")
	s.AwaitLog(t, "bind(198.51.100.9) failed (99: Cannot assign requested address) while connecting to upstream, client: 127.0.0.1")
}
