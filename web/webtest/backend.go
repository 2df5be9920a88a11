package webtest

import (
	"bufio"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
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

// ReadHead reads a message's head, its empty line included, and returns the
// Content-Length in it, 0 if there is none.
func ReadHead(br *bufio.Reader) (head string, length int, err error) {
	for {
		line, err := br.ReadString('\n')
		if err != nil {
			return head, 0, err
		}
		head += line
		if name, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, "content-length") {
			length, _ = strconv.Atoi(strings.TrimSpace(value))
		}
		if line == "\r\n" {
			return head, length, nil
		}
	}
}

// Await looks until ok reports true, for as long as a test may take.
func Await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}
