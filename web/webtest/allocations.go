package webtest

import (
	"bytes"
	"io"
	"testing"

	"tandem/internal/race"
)

// NoAllocations asks for path again and again over one connection, and fails the
// test when that allocates. Each answer has status 200 and the body, and all are
// as long as the first.
func (s *Server) NoAllocations(t *testing.T, path, body string) {
	t.Helper()
	if race.Enabled {
		t.Skip("pools forget on purpose under the race detector")
	}
	c := s.Dial(t)
	request := []byte("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n")
	end := []byte("\r\n\r\n" + body)
	buf := make([]byte, 4096)
	size := 0
	ask := func() {
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		if size > 0 {
			if _, err := io.ReadFull(c, buf[:size]); err != nil {
				t.Fatal(err)
			}
			return
		}
		for !bytes.HasSuffix(buf[:size], end) {
			n, err := c.Read(buf[size:])
			if size += n; err != nil {
				t.Fatal(err)
			}
		}
	}
	ask()
	if !bytes.HasPrefix(buf, []byte("HTTP/1.1 200 ")) {
		t.Fatalf("got %q", buf[:size])
	}
	if n := testing.AllocsPerRun(500, ask); n != 0 {
		t.Errorf("%v allocations a request", n)
	}
}
