package upstream

import (
	"testing"
	"time"
)

// sharedLink is a Shared that tells how it is.
type sharedLink struct {
	idle          Idle
	vacant, quiet bool
	closed        int
}

func (l *sharedLink) Close() error { l.closed++; return nil }
func (l *sharedLink) Quiet() bool  { return l.quiet }
func (l *sharedLink) Watch(func()) {}
func (l *sharedLink) Unwatch()     {}
func (l *sharedLink) Vacant() bool { return l.vacant }

// A link is joined while it is in use and has room, kept when the last one has
// left, and found again after that; one that is not to be kept is joined by nobody
// and closed by the last.
func TestShare(t *testing.T) {
	addr := address(1)
	p := &Pool{Max: 1, Timeout: time.Hour}
	defer p.Close()
	if p.Join(addr, "x") != nil {
		t.Fatal("there is a link in an empty pool")
	}
	one := &sharedLink{vacant: true, quiet: true}
	one.idle.Init(p, one, addr, "x")
	p.Share(&one.idle)
	if p.Join(addr, "y") != nil || p.Join(address(2), "x") != nil {
		t.Error("joined what was made otherwise")
	}
	if p.Join(addr, "x") != Link(one) {
		t.Error("not joined")
	}
	one.vacant = false
	if p.Join(addr, "x") != nil {
		t.Error("joined what has no room")
	}
	one.vacant = true
	p.Leave(&one.idle, time.Now(), true)
	if p.Idle() != 0 {
		t.Error("idle while somebody uses it")
	}
	p.Leave(&one.idle, time.Now(), true)
	if p.Idle() != 1 {
		t.Error("not kept")
	}
	if p.Join(addr, "x") != Link(one) || p.Idle() != 0 || p.Join(addr, "x") != Link(one) {
		t.Error("not found again, or not shared again")
	}
	p.Leave(&one.idle, time.Now(), false)
	if p.Join(addr, "x") != nil || one.closed != 0 {
		t.Error("joined what is not to be kept, or closed under its last user")
	}
	p.Leave(&one.idle, time.Now(), true)
	if one.closed != 1 || p.Idle() != 0 {
		t.Errorf("closed %d times, %d idle", one.closed, p.Idle())
	}

	dead := &sharedLink{vacant: true}
	dead.idle.Init(p, dead, addr, "x")
	p.Share(&dead.idle)
	p.Leave(&dead.idle, time.Now(), true)
	if p.Join(addr, "x") != nil || dead.closed != 1 {
		t.Error("joined an idle link that has ended")
	}

	last := &sharedLink{vacant: true, quiet: true}
	last.idle.Init(p, last, addr, "x")
	p.Share(&last.idle)
	p.Close()
	p.Leave(&last.idle, time.Now(), true)
	if last.closed != 1 {
		t.Error("a closed pool keeps links")
	}
}

// One makes a link, so many others wait for it, and beyond them another one makes one
// as well.
func TestDialing(t *testing.T) {
	p := &Pool{Max: 1, Timeout: time.Hour}
	defer p.Close()
	first, own := p.Dialing(address(1), "x", 3)
	if !own {
		t.Fatal("there is nobody to wait for")
	}
	for range 2 {
		if d, own := p.Dialing(address(1), "x", 3); own || d != first {
			t.Error("the first is not waited for")
		}
	}
	second, own := p.Dialing(address(1), "x", 3)
	if !own || second == first {
		t.Error("too many wait for the first")
	}
	for _, other := range []struct {
		addr Addr
		tag  string
	}{{address(2), "x"}, {address(1), "y"}} {
		if _, own := p.Dialing(other.addr, other.tag, 3); !own {
			t.Error("what is made otherwise is waited for")
		}
	}
	p.Dialed(first, true)
	if <-first.Done(); !first.Failed() {
		t.Error("nobody hears of the failure")
	}
	if d, own := p.Dialing(address(1), "x", 3); own || d != second {
		t.Error("the second is not waited for")
	}
	p.Dialed(second, false)
	if <-second.Done(); second.Failed() {
		t.Error("a failure that was none")
	}
	if _, own := p.Dialing(address(1), "x", 3); !own {
		t.Error("what has been made is waited for")
	}
}
