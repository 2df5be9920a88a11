package wire

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"tandem/internal/flow/flowtest"
	"tandem/web/message"
)

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{3}).Read(b) // never fails
	return b
}

// bodyOf reads the body of the current request.
type bodyOf struct{ c *Conn }

func (b bodyOf) Read(p []byte) (int, error) { return b.c.ReadBody(p) }

func TestBodies(t *testing.T) {
	content := randomBytes(200_000)
	transports(t, func(t *testing.T, client net.Conn, c *Conn) {
		for _, size := range []int{0, 1, 100, 4000, 5000, 200_000} {
			for _, step := range []int{1, 1000, 3000, 70_000} {
				if step == 1 && size > 5000 {
					continue
				}
				// Long fields push the head to the end of the first buffer.
				for _, padding := range []int{0, 3500, 4000} {
					content := content[:size]
					var m bytes.Buffer
					fmt.Fprintf(&m, "POST /1 HTTP/1.1\r\nHost: a\r\nX: %s\r\nContent-Length: %d\r\n\r\n%s",
						strings.Repeat("x", padding), size, content)
					fmt.Fprintf(&m, "POST /2 HTTP/1.1\r\nHost: a\r\nX: %s\r\nTransfer-Encoding: chunked\r\n\r\n",
						strings.Repeat("x", padding))
					for rest := content; len(rest) > 0; {
						n := min(len(rest), step)
						fmt.Fprintf(&m, "%x\r\n%s\r\n", n, rest[:n])
						rest = rest[n:]
					}
					m.WriteString("0\r\nX-Sum: y\r\nX-Two: z\r\n\r\n")
					go client.Write(m.Bytes())
					for i := 1; i <= 2; i++ {
						var h message.Head
						readHead(t, c, &h)
						var got bytes.Buffer
						if _, err := io.CopyBuffer(&got, onlyReader{bodyOf{c}}, make([]byte, step)); err != nil {
							t.Fatal(err)
						}
						if !bytes.Equal(got.Bytes(), content) {
							t.Fatalf("size %d, step %d, padding %d, request %d: body differs", size, step, padding, i)
						}
						if want := fmt.Sprintf("/%d", i); string(h.Target) != want || len(h.Get("x")) != padding {
							t.Fatalf("the head changed under the body: %q", h.Line)
						}
						if !c.BodyDone() {
							t.Fatal("body is not done")
						}
					}
					if got := show(c.Trailers()); got != "X-Sum: y|X-Two: z" {
						t.Fatalf("trailers %q", got)
					}
				}
			}
		}
	})
}

type onlyReader struct{ io.Reader }

func TestBodyEnds(t *testing.T) {
	transports(t, func(t *testing.T, client net.Conn, c *Conn) {
		var h message.Head
		flowtest.Send(t, client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
		readHead(t, c, &h)
		c.SetReadTimeout(30 * time.Millisecond)
		body, err := io.ReadAll(bodyOf{c})
		if string(body) != "ab" || err != os.ErrDeadlineExceeded {
			t.Fatal(body, err)
		}
		c.SetReadTimeout(10 * time.Second)
		flowtest.Send(t, client, "cd")
		buf := make([]byte, 10)
		if n, err := c.ReadBody(buf); n == 0 || err != nil {
			t.Fatal(n, err)
		}
		client.Close()
		for err = nil; err == nil; {
			_, err = c.ReadBody(buf)
		}
		if err != io.ErrUnexpectedEOF || c.BodyDone() {
			t.Fatal(err)
		}
	})
}

func TestDiscardBody(t *testing.T) {
	transports(t, func(t *testing.T, client net.Conn, c *Conn) {
		var h message.Head
		large := strings.Repeat("x", 50_000)
		go io.WriteString(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n"+large+
			chunked("c350\r\n"+large+"\r\n0\r\n\r\n")+
			"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n"+large[1:])
		for range 2 {
			readHead(t, c, &h)
			if err := c.DiscardBody(0, time.Minute); err != nil || !c.BodyDone() {
				t.Fatal(err)
			}
		}
		readHead(t, c, &h)
		if err := c.DiscardBody(1000, 0); err != errTooMuch {
			t.Fatal(err)
		}
		if !c.Unread() {
			t.Fatal("nothing is unread")
		}
		start := time.Now()
		err := c.DiscardBody(0, 50*time.Millisecond)
		if err != errTooMuch && err != os.ErrDeadlineExceeded || time.Since(start) < 50*time.Millisecond {
			t.Fatal(err, time.Since(start))
		}
	})
}

// TestChunkErrorStays checks that a broken body can not come back to life.
func TestChunkErrorStays(t *testing.T) {
	client, server := flowtest.Pair(t)
	c := newConn(t, server)
	flowtest.Send(t, client, chunked("2\r\nabX\r\n3\r\nabc\r\n0\r\n\r\n"))
	var h message.Head
	readHead(t, c, &h)
	for range 3 {
		body, err := io.ReadAll(bodyOf{c})
		if bad, ok := err.(*message.BadRequest); !ok || bad.Status != 400 || len(body) > 2 {
			t.Fatalf("%q %v", body, err)
		}
	}
	if err := c.DiscardBody(0, 0); err == nil {
		t.Fatal("a broken body was discarded to its end")
	}
}

func TestChunkOverhead(t *testing.T) {
	client, server := flowtest.Pair(t)
	c := newConn(t, server)
	chunk := "1;" + strings.Repeat("e", 1000) + "\r\nx\r\n"
	go io.WriteString(client, chunked(strings.Repeat(chunk, 100)+"0\r\n\r\n"))
	var h message.Head
	readHead(t, c, &h)
	if body, err := io.ReadAll(bodyOf{c}); err == nil || len(body) > 20 {
		t.Fatalf("%d bytes of body with a thousand bytes of extension each: %v", len(body), err)
	}
}

func TestDropReceived(t *testing.T) {
	const head = "POST / HTTP/1.1\r\nHost: a\r\n"
	for _, test := range []struct {
		first, rest string
		bad         bool
	}{
		{"Content-Length: 5\r\n\r\nab", "cde", false},
		{"Content-Length: 2\r\n\r\nab", "", false},
		{"Content-Length: 2\r\n\r\n", "ab", false},
		{"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2", "\r\nde\r\n0\r\n\r\n", false},
		{"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r", "\n0\r\n\r\n", false},
		{"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "", false},
		{"Transfer-Encoding: chunked\r\n\r\n4\r\nSEE-THIS\r\n", "", true},
		{"Transfer-Encoding: chunked\r\n\r\nx", "", true},
	} {
		client, server := flowtest.Pair(t)
		c := newConn(t, server)
		var h message.Head
		flowtest.Send(t, client, head+test.first)
		readHead(t, c, &h)
		err := c.DropReceived()
		if _, bad := err.(*message.BadRequest); bad != test.bad || !bad && err != nil {
			t.Errorf("%q: %v", test.first, err)
		}
		if !test.bad {
			flowtest.Send(t, client, test.rest+second)
			if err := c.DiscardBody(0, time.Minute); err != nil {
				t.Errorf("%q, then %q: %v", test.first, test.rest, err)
			}
			readHead(t, c, &h)
		}
	}
}
