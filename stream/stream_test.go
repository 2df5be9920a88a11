package stream_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tandem/session/access"
	"tandem/session/accesslog"
	"tandem/session/limit"
	"tandem/session/vars"
	"tandem/stream"
	"tandem/stream/proxy"
	"tandem/stream/streamtest"
)

var modules = []*stream.Module{stream.RealIP, stream.Shared(limit.Connections(stream.Arrivals{})), stream.Set, stream.Shared(access.Module(nil)),
	proxy.Upstream, proxy.Module, stream.Return, stream.Pass, stream.Shared(vars.Map), stream.Shared(accesslog.Module("", nil))}

// ask sends a datagram, and returns the answer.
func ask(t *testing.T, c net.Conn, text string) string {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

// The client's address is that of the PROXY header if it comes from one that is
// trusted, whatever comes in pieces and with TLVs; a header that is none ends the
// session.
func TestRealIP(t *testing.T) {
	s := streamtest.Start(t, `log_format f "$status"; access_log a.log f;
		server { listen 127.0.0.1:8080 proxy_protocol; set_real_ip_from 127.0.0.0/8; return "$remote_addr:$remote_port $realip_remote_addr"; }
		server { listen 127.0.0.1:8081 proxy_protocol; set_real_ip_from 192.0.2.0/24; return "$remote_addr $proxy_protocol_addr"; }
		server { listen 127.0.0.1:8082 proxy_protocol; return never; }`, modules...)
	const v1 = "PROXY TCP4 198.51.100.7 198.51.100.8 1234 80\r\n"
	if got, want := s.Get(t, "8080", v1), "198.51.100.7:1234 127.0.0.1"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := s.Get(t, "8081", v1), "127.0.0.1 198.51.100.7"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	v2 := "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x13" + "\xc6\x33\x64\x07\xc6\x33\x64\x08\x04\xd2\x00\x50" + "\x04\x00\x04abcd"
	c := s.Dial(t, "tcp", "8080")
	for i := range len(v2) {
		if _, err := io.WriteString(c, v2[i:i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := io.ReadAll(c); string(got) != "198.51.100.7:1234 127.0.0.1" {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"GET / HTTP/1.0\r\n\r\n", "PROXY TCP4 1.2.3.4\r\n", "PROXY INVALID", v2[:12] + "\x31\x11\x00\x0c", strings.Repeat("PROXY ", 1000)} {
		c := s.Dial(t, "tcp", "8082")
		_, _ = io.WriteString(c, bad)
		if got, _ := io.ReadAll(c); len(got) > 0 {
			t.Errorf("%.20q: %q", bad, got)
		}
	}
}

// A header that is cut off anywhere ends the session, and nothing is passed on.
func TestTruncatedHeader(t *testing.T) {
	s := streamtest.Start(t, `server { listen 127.0.0.1:8080 proxy_protocol; return never; }`, modules...)
	for _, header := range []string{"PROXY TCP4 198.51.100.7 198.51.100.8 1234 80\r\n", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc6\x33\x64\x07\xc6\x33\x64\x08\x04\xd2\x00\x50"} {
		for i := range header {
			c := s.Dial(t, "tcp", "8080")
			_, _ = io.WriteString(c, header[:i])
			_ = c.(*net.TCPConn).CloseWrite()
			if got, _ := io.ReadAll(c); len(got) > 0 {
				t.Errorf("%q: %q", header[:i], got)
			}
		}
	}
}

// set sets before it is asked who may; who may not is told nothing.
func TestSetAndAccess(t *testing.T) {
	s := streamtest.Start(t, `map $remote_addr $who { 127.0.0.1 us; }
		server { listen 127.0.0.1:8080; set $a "$who!"; return "$a $a"; }
		server { listen 127.0.0.1:8081; deny 127.0.0.0/8; return x; }
		server { listen 127.0.0.1:8082; set $b $who; set $who new; return "$who $b"; }`, modules...)
	if got := s.Get(t, "8082", ""); got != "new us" {
		t.Errorf("%q", got)
	}
	if got := s.Get(t, "8080", ""); got != "us! us!" {
		t.Errorf("%q", got)
	}
	if got := s.Get(t, "8081", ""); got != "" {
		t.Errorf("%q", got)
	}
}

// A place that a client leaves is free for the next one at once, however fast it
// comes; who comes while it is taken is refused.
func TestLimit(t *testing.T) {
	s := streamtest.Start(t, `limit_conn_zone $remote_addr zone=z:1m;
		server { listen 127.0.0.1:8080; limit_conn z 1; proxy_pass 127.0.0.1:8081; }`, modules...)
	s.Echo(t, "8081")
	for i := range 50 {
		c := s.Dial(t, "tcp", "8080")
		if got := ask(t, c, "x"); got != "x" {
			t.Fatal(got)
		}
		if i%10 == 0 {
			if got := s.Get(t, "8080", ""); got != "" {
				t.Errorf("%q", got)
			}
		}
		c.Close()
	}
	if _, errs := streamtest.Load(t, "limit_conn_status 503;", modules...); !strings.Contains(errs.Error(), "limit_conn_status") {
		t.Errorf("%v", errs)
	}
}

// Each client of a socket has a session of its own, which ends when its socket is
// gone; a datagram without a session is answered by the configuration in force.
func TestPackets(t *testing.T) {
	s := streamtest.Start(t, `server { listen 127.0.0.1:8080 udp; proxy_pass 127.0.0.1:8081; }
		server { listen 127.0.0.1:8082 udp; return "$remote_port $protocol $bytes_received"; }`, modules...)
	s.Echo(t, "8081")
	var clients []net.Conn
	for i := range 20 {
		c := s.Dial(t, "udp", "8080")
		clients = append(clients, c)
		if want := fmt.Sprint("question ", i); ask(t, c, want) != want {
			t.Errorf("client %d has another answer", i)
		}
	}
	if n := s.Gen.Sessions(); n != len(clients) {
		t.Errorf("%d sessions of %d clients", n, len(clients))
	}
	c := s.Dial(t, "udp", "8082")
	if got, want := ask(t, c, "four"), fmt.Sprint(c.LocalAddr().(*net.UDPAddr).Port, " UDP 4"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	before := s.Use(t, `server { listen 127.0.0.1:8082 udp; return new; }`, modules...)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := before.Wait(ctx); err != nil {
		t.Errorf("sessions of a socket that is closed do not end: %v", err)
	}
	if got := ask(t, s.Dial(t, "udp", "8082"), "x"); got != "new" {
		t.Errorf("%q", got)
	}
}

// Clients of a unix socket of datagrams are told apart by the address that they have.
func TestUnixPackets(t *testing.T) {
	path := t.TempDir() + "/d.sock"
	s := streamtest.Start(t, `server { listen unix:`+path+` udp; return "$remote_addr $bytes_received"; }`, modules...)
	for i := range 3 {
		own := fmt.Sprintf("%sclient%d", s.Dir, i)
		c, err := net.DialUnix("unixgram", &net.UnixAddr{Name: own, Net: "unixgram"}, &net.UnixAddr{Name: path, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		if got := ask(t, c, "abc"); got != "unix: 3" {
			t.Errorf("%q", got)
		}
		c.Close()
		_ = os.Remove(own)
	}
}

// Cut resets what has come to an address, and leaves the rest alone.
func TestCut(t *testing.T) {
	s := streamtest.Start(t, `server { listen 127.0.0.1:8080; proxy_pass 127.0.0.1:8081; }
		server { listen 127.0.0.1:8082 udp; proxy_pass 127.0.0.1:8081; }`, modules...)
	s.Echo(t, "8081")
	c, u := s.Dial(t, "tcp", "8080"), s.Dial(t, "udp", "8082")
	ask(t, c, "x")
	ask(t, u, "x")
	s.Gen.Cut([]netip.Addr{netip.MustParseAddr("192.0.2.1")})
	ask(t, c, "still there")
	s.Gen.Cut([]netip.Addr{netip.MustParseAddr("127.0.0.1")})
	if _, err := c.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "reset") {
		t.Errorf("%v", err)
	}
	for end := time.Now().Add(time.Minute); s.Gen.Sessions() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d sessions are left", s.Gen.Sessions())
		}
	}
	if got := ask(t, u, "again"); got != "again" {
		t.Errorf("%q", got)
	}
}

// A connection that is passed on keeps its bytes; one that is to go where nobody
// listens ends.
func TestPass(t *testing.T) {
	s := streamtest.Start(t, `server { listen 127.0.0.1:8080; pass 127.0.0.1:8081; }
		server { listen 127.0.0.1:8081; proxy_pass 127.0.0.1:8083; }
		server { listen 127.0.0.1:8082; pass 127.0.0.1:8084; }
		server { listen 127.0.0.1:8085 udp; pass 127.0.0.1:8081; }`, modules...)
	s.Echo(t, "8083")
	if got := ask(t, s.Dial(t, "tcp", "8080"), "hello"); got != "hello" {
		t.Errorf("%q", got)
	}
	if got := s.Get(t, "8082", ""); got != "" {
		t.Errorf("%q", got)
	}
	s.AwaitLog(t, `port not found for "`+s.Addr(t, "8084"))
}

// A server of UDP that passes to itself ends when there are too many sessions, which is
// told once; so does one of TCP when there are no descriptors. Others are served still.
func TestLoop(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	less := limit
	less.Cur = 600
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &less); err != nil {
		t.Skip(err)
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) }()
	s := streamtest.Start(t, `server { listen 127.0.0.1:8080 udp; proxy_pass 127.0.0.1:8080; }
		server { listen 127.0.0.1:8080; proxy_pass 127.0.0.1:8080; }
		server { listen 127.0.0.1:8081 udp; return fine; }`, modules...)
	if _, err := io.WriteString(s.Dial(t, "udp", "8080"), "x"); err != nil {
		t.Fatal(err)
	}
	s.AwaitLog(t, "300 sessions of UDP at "+s.Addr(t, "8080"))
	if n := s.Gen.Sessions(); n > 300 {
		t.Errorf("%d sessions", n)
	}
	if got := ask(t, s.Dial(t, "udp", "8081"), "x"); got != "fine" {
		t.Errorf("%q", got)
	}
	if n := strings.Count(s.Log(), "sessions of UDP"); n != 1 {
		t.Errorf("it is told %d times", n)
	}
	if b, _ := io.ReadAll(s.Dial(t, "tcp", "8080")); len(b) > 0 {
		t.Errorf("%q", b)
	}
}
