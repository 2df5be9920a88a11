package flow

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"tandem/internal/flow/flowtest"
)

// What has been read of a handshake before TLS is there is read first.
func TestUnderlayHead(t *testing.T) {
	client, server := flowtest.Pair(t)
	first := make([]byte, 7)
	done := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(server, first)
		if err == nil {
			c := NewConn(server)
			defer c.Release()
			u := NewUnderlay(server, first)
			err = tls.Server(u, &tls.Config{}).Handshake() // without a certificate
		}
		done <- err
	}()
	_ = tls.Client(client, &tls.Config{InsecureSkipVerify: true}).Handshake()
	if err := <-done; err == nil || err.Error() != "tls: no certificates configured" {
		t.Error(err)
	}
}

// A record that comes in pieces is waited for, and one that has come together with
// another is not waited for.
func TestUnderlayRecords(t *testing.T) {
	plain, server := flowtest.Pair(t)
	_ = plain.SetDeadline(time.Now().Add(30 * time.Second))
	wire := &pieces{Conn: plain}
	client, secure := flowtest.TLS(t, wire, NewUnderlay(server, nil))
	c := NewConn(secure)
	defer c.Release()
	if err := c.Wait(20 * time.Millisecond); err != os.ErrDeadlineExceeded {
		t.Fatal(err)
	}
	wire.hold = true
	flowtest.Send(t, client, "one")
	flowtest.Send(t, client, "two")
	errs := make(chan error, 1)
	go func() { errs <- c.Wait(time.Minute) }()
	half := len(wire.held) / 4
	wire.send(t, half)
	flowtest.Until(t, func() bool { return c.Starved() })
	wire.send(t, len(wire.held))
	if err := <-errs; err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 6)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "onetwo" {
		t.Fatalf("%q %v", got, err)
	}
	c.NoWait(true)
	if _, err := c.Read(got); err != ErrNotYet {
		t.Fatal(err)
	}
	wire.hold = false
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	c.NoWait(false)
	if _, err := c.Read(got); err != io.EOF {
		t.Fatal(err)
	}
}

// pieces keeps what is written to be sent in pieces.
type pieces struct {
	net.Conn
	hold bool
	held []byte
}

func (p *pieces) Write(b []byte) (int, error) {
	if !p.hold {
		return p.Conn.Write(b)
	}
	p.held = append(p.held, b...)
	return len(b), nil
}

func (p *pieces) send(t *testing.T, n int) {
	t.Helper()
	if _, err := p.Conn.Write(p.held[:n]); err != nil {
		t.Fatal(err)
	}
	p.held = p.held[n:]
}
