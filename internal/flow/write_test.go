package flow

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tandem/internal/flow/flowtest"
)

func randomBytes(n int) []byte {
	random := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.LittleEndian.AppendUint64(b, random.Uint64())
	}
	return b[:n]
}

// TestWriting writes more than any socket buffer holds, in every way, to a
// client that reads in small steps.
func TestWriting(t *testing.T) {
	content := randomBytes(8 << 20)
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size := int64(len(content))
	transports(t, func(t *testing.T, client net.Conn, c *Conn) {
		c.SetSendTimeout(20 * time.Second)
		for _, way := range []struct {
			name  string
			write func() (int64, error)
		}{
			{"Write", func() (int64, error) { n, err := c.Write(content); return int64(n), err }},
			{"WriteMore", func() (int64, error) {
				n, err := c.WriteMore(content[:100])
				if err == nil {
					var m int
					m, err = c.Write(content[100:])
					n += m
				}
				return int64(n), err
			}},
			{"Writev", func() (int64, error) {
				return c.Writev(content[:1], nil, content[1:3_000_000], content[3_000_000:3_000_001], content[3_000_001:])
			}},
			{"WriteBuffers", func() (int64, error) {
				var bufs [][]byte
				for rest := content; len(rest) > 0; {
					n := min(len(rest), 300_000)
					bufs, rest = append(bufs, rest[:n]), rest[n:]
				}
				return c.WriteBuffers(bufs)
			}},
			{"SendFile", func() (int64, error) { return c.SendFile(f, 0, size) }},
			{"SendFile in parts", func() (int64, error) {
				n, err := c.SendFile(f, 0, 1000)
				if err == nil {
					var m int64
					m, err = c.SendFile(f, 1000, size-1000)
					n += m
				}
				return n, err
			}},
		} {
			before := c.Sent()
			done := make(chan error, 1)
			go func() {
				n, err := way.write()
				if err == nil && n != size {
					err = io.ErrShortWrite
				}
				done <- err
			}()
			got := make([]byte, size)
			if _, err := io.ReadFull(client, got); err != nil {
				t.Fatal(way.name, err)
			}
			if err := <-done; err != nil {
				t.Fatal(way.name, err)
			}
			if !bytes.Equal(got, content) {
				t.Errorf("%s: the content differs", way.name)
			}
			if sent := c.Sent() - before; sent != size {
				t.Errorf("%s: Sent grew by %d", way.name, sent)
			}
		}
	})
}

func TestSendFileTooShort(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	transports(t, func(t *testing.T, client net.Conn, c *Conn) {
		if n, err := c.SendFile(f, 4, 10); n != 6 || err != io.ErrUnexpectedEOF {
			t.Fatal(n, err)
		}
		flowtest.Receive(t, client, "456789")
		if n, err := c.Write([]byte("x")); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		flowtest.Receive(t, client, "x")
	})
}

// TestSendTimeout checks that a client that does not read ends a write, not
// before the time-out has passed since the last progress, and that a write
// after it still works once the client reads.
func TestSendTimeout(t *testing.T) {
	transports(t, func(t *testing.T, client net.Conn, c *Conn) {
		const wait = 60 * time.Millisecond
		c.SetSendTimeout(wait)
		content := randomBytes(16 << 20)
		start := time.Now()
		n, err := c.Write(content)
		if err == nil || !os.IsTimeout(err) || n == 0 || n == len(content) {
			t.Fatal(n, err)
		}
		if d := time.Since(start); d < wait {
			t.Fatalf("timed out after %v", d)
		}
		if _, ok := c.Transport().(*tls.Conn); ok {
			return // a record was cut: nothing can follow
		}
		c.SetSendTimeout(20 * time.Second)
		done := make(chan error)
		go func() {
			_, err := c.Write(content[n:])
			done <- err
		}()
		got := make([]byte, len(content))
		if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, content) {
			t.Fatal("the content differs", err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

// TestWriteToGoneClient checks that the write side reports a reset.
func TestWriteToGoneClient(t *testing.T) {
	transports(t, func(t *testing.T, client net.Conn, c *Conn) {
		client.Close()
		var err error
		for i := 0; i < 1000 && err == nil; i++ {
			_, err = c.Write(make([]byte, 100_000))
		}
		if err == nil {
			t.Fatal("no error")
		}
	})
}

func TestCloseLinger(t *testing.T) {
	transports(t, func(t *testing.T, client net.Conn, c *Conn) {
		if c.sock.under == nil {
			t.Skip("a transport that can not close its half")
		}
		// The client is still sending when the answer comes and the connection
		// is closed; it must get all of the answer.
		content := randomBytes(1 << 20)
		sent := make(chan error)
		go func() {
			_, err := client.Write(randomBytes(4 << 20))
			if s, ok := client.(interface{ CloseWrite() error }); ok && err == nil {
				err = s.CloseWrite()
			}
			sent <- err
		}()
		answered := make(chan error)
		go func() {
			_, err := c.Write(content)
			c.CloseLinger(10*time.Second, 10*time.Second)
			answered <- err
		}()
		got, err := io.ReadAll(client)
		if err != nil || !bytes.Equal(got, content) {
			t.Fatalf("%d bytes of the answer, %v", len(got), err)
		}
		if err := <-answered; err != nil {
			t.Fatal(err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	})
}

func TestCloseLingerBounds(t *testing.T) {
	for _, test := range []struct{ total, each, atLeast time.Duration }{
		{50 * time.Millisecond, time.Minute, 50 * time.Millisecond},
		{time.Minute, 50 * time.Millisecond, 50 * time.Millisecond},
		{0, 0, 0},
	} {
		transports(t, func(t *testing.T, client net.Conn, c *Conn) {
			if c.sock.under == nil {
				test.atLeast = 0 // it can not close its half, and is closed at once
			}
			start := time.Now()
			c.CloseLinger(test.total, test.each)
			if d := time.Since(start); d < test.atLeast || d > 20*time.Second {
				t.Fatalf("%v, %v took %v", test.total, test.each, d)
			}
			if _, err := c.s.Write([]byte("x")); err == nil {
				t.Fatal("the connection is open")
			}
		})
	}
}

func TestClientGone(t *testing.T) {
	transports(t, func(t *testing.T, client net.Conn, c *Conn) {
		if c.sock.under == nil {
			if client.Close(); c.ClientGone() {
				t.Fatal("a transport without a descriptor can not know")
			}
			return
		}
		if c.Ready() {
			t.Fatal("ready with nothing there")
		}
		flowtest.Send(t, client, "unread bytes in front of the end")
		flowtest.Until(t, c.Ready)
		if c.ClientGone() {
			t.Fatal("gone too early")
		}
		called := make(chan bool, 2)
		c.WatchClose(func() { t.Error("called after StopWatch") })
		c.StopWatch()
		c.WatchClose(func() { called <- true })
		client.Close()
		select {
		case <-called:
		case <-time.After(20 * time.Second):
			t.Fatal("WatchClose did not call")
		}
		if !c.ClientGone() || !c.Ready() {
			t.Fatal("not gone")
		}
		c.WatchClose(func() { called <- true })
		select {
		case <-called:
		case <-time.After(20 * time.Second):
			t.Fatal("WatchClose did not call for a client that was gone before")
		}
	})
}

// TestWatchOfReusedConn checks that a Conn is not told of the end of the
// connection it was before.
func TestWatchOfReusedConn(t *testing.T) {
	client1, server1 := flowtest.Pair(t)
	_, server2 := flowtest.Pair(t)
	c := NewConn(server1)
	defer c.Release()
	c.WatchClose(func() { t.Error("called") })
	token := c.watch.token
	if token == 0 {
		t.Fatal("not registered")
	}
	c.Reset(server2)
	client1.Close()
	c.WatchClose(func() { t.Error("called") })
	if c.watch.token == token {
		t.Fatal("the token was used again")
	}
	c.watch.fire(token)
	c.StopWatch()
	if c.watch.fired {
		t.Fatal("fired")
	}
}
