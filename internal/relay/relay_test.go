package relay_test

import (
	"bytes"
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
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tandem/internal/relay"
)

// pair returns the two ends of a connection over loopback. Nothing takes longer than
// the test should.
func pair(t testing.TB) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	far, err = net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	_ = far.SetDeadline(time.Now().Add(time.Minute))
	near, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return near, far
}

// carried is a Relay at work, between a client and a peer.
type carried struct {
	*relay.Relay
	client, peer net.Conn // the far ends
	counts       [4]atomic.Int64
	first        atomic.Int32
	ended        chan relay.End
}

// start relays between two connections, over TLS if secure.
func start(t testing.TB, o relay.Options, secure bool) *carried {
	t.Helper()
	c := &carried{ended: make(chan relay.End, 1)}
	var client, peer net.Conn
	client, c.client = pair(t)
	peer, c.peer = pair(t)
	if secure {
		cert := certificate(t)
		client, c.client = handshake(t, tls.Server(relay.Wrap(client), &tls.Config{Certificates: cert}), tls.Client(c.client, &tls.Config{InsecureSkipVerify: true}))
		c.peer, peer = handshake(t, tls.Server(c.peer, &tls.Config{Certificates: cert}), tls.Client(relay.Wrap(peer), &tls.Config{InsecureSkipVerify: true}))
	}
	var err error
	c.Relay, err = relay.Start(o, relay.Side{Conn: client, Received: &c.counts[0], Sent: &c.counts[3]}, relay.Side{Conn: peer, Received: &c.counts[2], Sent: &c.counts[1]},
		func() { c.first.Add(1) }, func(how relay.End) { c.ended <- how })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func handshake(t testing.TB, server, client *tls.Conn) (s, c net.Conn) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	if err := errors.Join(client.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	return server, client
}

func certificate(t testing.TB) []tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{}, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
}

func (c *carried) wants(t *testing.T, want relay.End) {
	t.Helper()
	select {
	case got := <-c.ended:
		if got != want {
			t.Errorf("ended by %d, want %d", got, want)
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
}

// say has one side send something, and wants it at the other.
func say(t *testing.T, from, to net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(from, text); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(to, got); err != nil || string(got) != text {
		t.Fatalf("%q, %v, want %q", got, err, text)
	}
}

func both(t *testing.T, f func(*testing.T, bool)) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%t", secure), func(t *testing.T) { f(t, secure) })
	}
}

// What one side sends the other one gets, in small pieces and in bulk, both ways at
// once, also when nobody reads for a while.
func TestCarry(t *testing.T) {
	both(t, func(t *testing.T, secure bool) {
		c := start(t, relay.Options{Timeout: time.Hour}, secure)
		for i := range 100 {
			say(t, c.client, c.peer, fmt.Sprint("question ", i))
			say(t, c.peer, c.client, fmt.Sprint("answer ", i))
		}
		bulk := make([]byte, 20<<20)
		_, _ = rand.Read(bulk)
		errs := make(chan error, 4)
		for _, way := range [][2]net.Conn{{c.client, c.peer}, {c.peer, c.client}} {
			go func() {
				_, err := way[0].Write(bulk)
				errs <- err
			}()
		}
		for _, way := range [][2]net.Conn{{c.client, c.peer}, {c.peer, c.client}} {
			go func() {
				got := make([]byte, len(bulk))
				_, err := io.ReadFull(way[1], got)
				if err == nil && !bytes.Equal(got, bulk) {
					err = errors.New("other bytes have come")
				}
				errs <- err
			}()
		}
		for range 4 {
			if err := <-errs; err != nil {
				t.Fatal(err)
			}
		}
		say(t, c.client, c.peer, "bye")
		c.client.Close()
		c.wants(t, relay.ClientEnded)
		for i := range c.counts {
			if i%2 == 1 && c.counts[i].Load() != c.counts[i-1].Load() || c.counts[i].Load() < int64(len(bulk)) {
				t.Errorf("count %d is %d", i, c.counts[i].Load())
			}
		}
		if c.first.Load() != 1 {
			t.Errorf("the first bytes were told %d times", c.first.Load())
		}
	})
}

// The end of one side is the end of both, after what it has sent; with HalfClose the
// other side goes on.
func TestEnds(t *testing.T) {
	both(t, func(t *testing.T, secure bool) {
		for _, half := range []bool{false, true} {
			c := start(t, relay.Options{HalfClose: half}, secure)
			if _, err := io.WriteString(c.client, "the last"); err != nil {
				t.Fatal(err)
			}
			if err := c.client.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(c.peer); string(b) != "the last" || err != nil {
				t.Errorf("%q, %v", b, err)
			}
			if half {
				say(t, c.peer, c.client, "more")
				c.peer.Close()
				c.wants(t, relay.PeerEnded)
			} else {
				c.wants(t, relay.ClientEnded)
			}
			if b, _ := io.ReadAll(c.client); len(b) > 0 {
				t.Errorf("%q", b)
			}
		}
	})
}

// Close ends both sides, Reset resets them, and what one side has reset is the end.
func TestCut(t *testing.T) {
	both(t, func(t *testing.T, secure bool) {
		c := start(t, relay.Options{}, secure)
		say(t, c.client, c.peer, "x")
		c.Relay.Close()
		c.wants(t, relay.Closed)
		c.Relay.Close()
		if _, err := c.peer.Read(make([]byte, 1)); err != io.EOF {
			t.Error(err)
		}
		c = start(t, relay.Options{}, secure)
		say(t, c.client, c.peer, "x")
		c.Relay.Reset()
		c.wants(t, relay.Closed)
		for _, side := range []net.Conn{c.client, c.peer} {
			if _, err := side.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Error(err)
			}
		}
	})
	c := start(t, relay.Options{}, false)
	say(t, c.client, c.peer, "x")
	_ = c.peer.(*net.TCPConn).SetLinger(0)
	c.peer.Close()
	c.wants(t, relay.PeerEnded)
}

// When nothing goes either way for the time-out it ends, and not before.
func TestTimeout(t *testing.T) {
	both(t, func(t *testing.T, secure bool) {
		const timeout = 100 * time.Millisecond
		c := start(t, relay.Options{Timeout: timeout}, secure)
		say(t, c.client, c.peer, "x")
		began := time.Now()
		c.wants(t, relay.TimedOut)
		if took := time.Since(began); took < timeout*9/10 {
			t.Errorf("it ended after %v", took)
		}
	})
}

// Who does not read is not sent more than fits into buffers, and gets the rest when
// it reads; meanwhile the other way is open.
func TestBackPressure(t *testing.T) {
	both(t, func(t *testing.T, secure bool) {
		c := start(t, relay.Options{}, secure)
		block := make([]byte, 64<<10)
		written := 0
		for end := time.Now().Add(time.Minute); time.Now().Before(end); written += len(block) {
			_ = c.client.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
			if n, err := c.client.Write(block); err != nil {
				written += n
				break
			}
			if written > 100<<20 {
				t.Fatal("it is taken without an end")
			}
		}
		say(t, c.peer, c.client, "the other way")
		if secure {
			return // a write that was cut short has spoilt the connection
		}
		c.client.Close()
		if n, err := io.Copy(io.Discard, c.peer); err != nil || n != int64(written) {
			t.Errorf("%d bytes of %d, %v", n, written, err)
		}
	})
}

// A rate holds, and waiting for it is not idleness.
func TestRate(t *testing.T) {
	c := start(t, relay.Options{Timeout: 50 * time.Millisecond, Upload: 1000}, false)
	began := time.Now()
	go func() {
		_, _ = c.client.Write(make([]byte, 1500))
		_ = c.client.(*net.TCPConn).CloseWrite()
	}()
	b, err := io.ReadAll(c.peer)
	if took := time.Since(began); len(b) != 1500 || err != nil || took < time.Second {
		t.Errorf("%d bytes after %v, %v", len(b), took, err)
	}
}

// What has been read ahead goes first.
func TestAhead(t *testing.T) {
	client, farClient := pair(t)
	peer, farPeer := pair(t)
	ended := make(chan relay.End, 1)
	r, err := relay.Start(relay.Options{}, relay.Side{Conn: client, Ahead: []byte("be")}, relay.Side{Conn: peer, Ahead: []byte("af")}, nil, func(how relay.End) { ended <- how })
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, _ = io.WriteString(farClient, "fore")
	_, _ = io.WriteString(farPeer, "ter")
	for c, want := range map[net.Conn]string{farPeer: "before", farClient: "after"} {
		got := make([]byte, len(want))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
}

// A connection that is relayed and idle has no goroutine, and moving bytes allocates
// nothing.
func TestCost(t *testing.T) {
	start(t, relay.Options{Timeout: time.Hour}, false)
	before := runtime.NumGoroutine()
	var all []*carried
	for range 50 {
		c := start(t, relay.Options{Timeout: time.Hour}, false)
		say(t, c.client, c.peer, "x")
		all = append(all, c)
	}
	if n := runtime.NumGoroutine() - before; n > 10 {
		t.Errorf("%d goroutines for %d connections", n, len(all))
	}
	c := all[0]
	b := make([]byte, 100)
	if n := testing.AllocsPerRun(100, func() {
		_, _ = c.client.Write(b)
		_, _ = io.ReadFull(c.peer, b)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
