package flow

import (
	"io"
	"net"
	"os"
	"testing"
	"time"

	"tandem/internal/flow/flowtest"
)

// TestEarlierDeadline checks the lazy deadlines: one that fires too early for
// the present wait is moved, one that would fire too late is moved as well.
func TestEarlierDeadline(t *testing.T) {
	transports(t, func(t *testing.T, client net.Conn, c *Conn) {
		errs := make(chan error)
		wait := func(idle time.Duration) { go func() { errs <- c.Wait(idle) }() }
		wait(40 * time.Millisecond)
		flowtest.Send(t, client, "x")
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
		c.Discard(1)
		wait(20 * time.Second)
		select {
		case err := <-errs:
			t.Fatalf("the earlier deadline ended the wait: %v", err)
		case <-time.After(100 * time.Millisecond):
		}
		flowtest.Send(t, client, "x")
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
		c.Discard(1)
		start := time.Now()
		wait(30 * time.Millisecond)
		if err := <-errs; err != os.ErrDeadlineExceeded || time.Since(start) > 10*time.Second {
			t.Fatal(err, time.Since(start))
		}
		wait(0)
		flowtest.Send(t, client, "x")
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	})
}

func TestInterrupt(t *testing.T) {
	transports(t, func(t *testing.T, client net.Conn, c *Conn) {
		flowtest.Send(t, client, "first")
		if err := c.Wait(time.Minute); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 5)
		if _, err := io.ReadFull(c, buf); err != nil {
			t.Fatal(err)
		}
		errs := make(chan error)
		go func() { errs <- c.Wait(time.Minute) }()
		flowtest.Until(t, func() bool { return c.state.Load()&stateIdle != 0 })
		c.Interrupt()
		if err := <-errs; err != ErrClosing {
			t.Fatal(err)
		}
		if !c.Interrupted() || c.state.Load()&stateIdle != 0 {
			t.Fatal("state", c.state.Load())
		}
		// What is not a Wait goes on.
		c.Interrupt()
		flowtest.Send(t, client, "abcde")
		if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "abcde" {
			t.Fatalf("%q %v", buf, err)
		}
		if err := c.Wait(time.Minute); err != ErrClosing {
			t.Fatal(err)
		}
	})
}

// A connection is starved when it waits and nothing has come.
func TestStarved(t *testing.T) {
	client, server := flowtest.Pair(t)
	c := NewConn(server)
	defer c.Release()
	if c.Starved() {
		t.Error("it has not looked yet")
	}
	errs := make(chan error)
	go func() { errs <- c.Wait(time.Minute) }()
	flowtest.Until(t, c.Starved)
	flowtest.Send(t, client, "x")
	if err := <-errs; err != nil {
		t.Fatal(err)
	}
	if c.Starved() {
		t.Error("it has got what it waited for")
	}
}

// TestInterruptSparesTheFirst checks that a connection that has not asked yet
// is not ended: its request may be on the way.
func TestInterruptSparesTheFirst(t *testing.T) {
	transports(t, func(t *testing.T, client net.Conn, c *Conn) {
		errs := make(chan error)
		c.Interrupt()
		go func() { errs <- c.WaitFirst(time.Minute) }()
		c.Interrupt()
		flowtest.Send(t, client, "first")
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		if err := c.Wait(time.Minute); err != ErrClosing {
			t.Fatal(err)
		}
	})
}

// TestInterruptReturnsWhatCame checks that what has been received is not lost to
// an interruption.
func TestInterruptReturnsWhatCame(t *testing.T) {
	client, server := flowtest.Pair(t)
	c := NewConn(server)
	defer c.Release()
	flowtest.Send(t, client, "onetwo")
	if err := c.Wait(time.Minute); err != nil {
		t.Fatal(err)
	}
	c.Interrupt()
	c.Discard(3)
	if err := c.Wait(time.Minute); err != nil || string(c.Buffered()) != "two" {
		t.Fatalf("%q %v", c.Buffered(), err)
	}
	c.Discard(3)
	flowtest.Send(t, client, "three")
	flowtest.Until(t, func() bool { return c.sock.ask(lookUnread, false) })
	if err := c.Wait(time.Minute); err != nil || string(c.Buffered()) != "three" {
		t.Fatalf("%q %v", c.Buffered(), err)
	}
	c.Discard(5)
	if err := c.Wait(time.Minute); err != ErrClosing {
		t.Fatal(err)
	}
}
