package webtest

import (
	"net"
	"testing"
)

// Backend accepts connections on addr (HOST:PORT, port 0 for any) until the test
// ends, and has each served by a goroutine of its own, after which it is closed.
// It returns the address.
func Backend(t testing.TB, addr string, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				serve(c)
			}()
		}
	}()
	return l.Addr().String()
}
