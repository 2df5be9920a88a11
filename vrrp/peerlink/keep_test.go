package peerlink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// kept waits until others have an item of a node.
func (n *node) kept(t *testing.T, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := n.Kept(ctx, name); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// What a node wants kept the other one has, whoever of them is master: at once, and
// when it comes later.
func TestKeep(t *testing.T) {
	w := newSegment(t)
	master, backup := w.start(t, "m", addrA, secret(1)), w.start(t, "b", addrB, secret(1))
	master.Keep("early", []byte("one"))
	master.kept(t, "early") // nobody is there
	backup.follow(t, master)
	backup.until(t, `keep early "one"`)
	master.kept(t, "early")
	backup.Keep("from the backup", []byte("two"))
	backup.kept(t, "from the backup")
	master.until(t, `keep from the backup "two"`)
	master.Keep("early", []byte("three"))
	master.Keep("other", []byte("four"))
	master.kept(t, "early")
	backup.until(t, `keep early "three"`)
	master.Keep("early", nil)
	master.kept(t, "early")
	backup.until(t, `keep early ""`)

	late := w.start(t, "late", addrC, secret(1))
	late.follow(t, master)
	late.until(t, `keep other "four"`)
	master.kept(t, "other")
}

// Many long items are no flood.
func TestKeepMuch(t *testing.T) {
	w := newSegment(t)
	master, backup := w.start(t, "m", addrA, secret(1)), w.start(t, "b", addrB, secret(1))
	backup.follow(t, master)
	const many = 100
	for i := range many {
		master.Keep(fmt.Sprintf("item%d.", i), bytes.Repeat([]byte("x"), 15<<10))
	}
	for i := range many {
		backup.until(t, fmt.Sprintf("keep item%d.", i))
	}
	master.kept(t, "item99.")
	if n := master.Refused()[string(tooLoud)] + backup.Refused()[string(tooLoud)]; n != 0 {
		t.Errorf("%d connections were cut", n)
	}
	master.Keep("too long", make([]byte, maxBatch+1))
	master.until(t, "log  too long is too long to be kept by other nodes")
}

// Without a key nothing is sent, nothing is waited for, and nothing is believed.
func TestKeepWithoutKey(t *testing.T) {
	w := newSegment(t)
	master, backup := w.start(t, "m", addrA), w.start(t, "b", addrB)
	backup.follow(t, master)
	backup.until(t, "peer VI m")
	master.Keep("secret", []byte("x"))
	master.kept(t, "secret")
	s := &session{link: backup.Link}
	s.heardKept(&message{Keep: []item{{Name: "forged"}}, Kept: 1})
	master.Tell("VI", Info{Node: "told"})
	for e := ""; !strings.HasPrefix(e, "peer VI told"); {
		if e = backup.until(t, ""); strings.HasPrefix(e, "keep") {
			t.Errorf("%q", e)
		}
	}
}

// Who waits for a node that is slow is told so by its context, and by the end of
// the connection when that dies.
func TestKeptWaits(t *testing.T) {
	w := newSegment(t)
	master, backup := w.start(t, "m", addrA, secret(1)), w.start(t, "b", addrB, secret(1))
	slow := make(chan struct{})
	backup.Link.events.Keep = func(string, []byte) { <-slow }
	backup.follow(t, master)
	master.until(t, "peer VI b")
	master.Keep("x", []byte("x"))
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := master.Kept(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		backup.Close()
	}()
	close(slow)
	master.kept(t, "x")
	<-done
}
