package http1

import (
	"io"
	"net"
	"testing"
	"time"
)

// pair returns the two ends of a TCP connection over loopback.
func pair(t testing.TB) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		s, _ := l.Accept()
		accepted <- s
	}()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if server = <-accepted; server == nil {
		t.Fatal("accept failed")
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func TestKeepAlive(t *testing.T) {
	client, server := pair(t)
	c := NewConn(server)
	defer c.Release()
	var h Head
	for range 3 {
		if _, err := io.WriteString(client, "GET /a?b HTTP/1.1\r\nHost: x\r\nCookie: \t a \r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if err := c.WaitRequest(time.Minute); err != nil {
			t.Fatal(err)
		}
		if err := c.ReadHead(&h, &Limits{}); err != nil {
			t.Fatal(err)
		}
		if string(h.Target) != "/a?b" || string(h.Lookup(Cookie)) != "a" || string(h.ServerName) != "x" {
			t.Fatalf("%q %v %q", h.Target, h.Fields, h.ServerName)
		}
		if _, err := c.Writev(AppendStatusLine(nil, 204), []byte("\r\n")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		n, _ := client.Read(buf)
		if got := string(buf[:n]); got != "HTTP/1.1 204 No Content\r\n\r\n" {
			t.Fatalf("%q", got)
		}
	}
	client.Close()
	if err := c.WaitRequest(time.Minute); err != io.EOF {
		t.Fatal(err)
	}
}
