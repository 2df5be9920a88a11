package upstream

import (
	"net/netip"
	"sync"
	"testing"
	"time"
)

// link is a connection that counts.
type link struct {
	Idle
	mu     sync.Mutex
	gone   func()
	quiet  bool
	closed chan struct{}
}

func newLink(p *Pool, port uint16, tag any) *link {
	l := &link{quiet: true, closed: make(chan struct{})}
	l.Init(p, l, address(port), tag)
	return l
}

func address(port uint16) Addr {
	return TCPAddr(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port))
}

func (l *link) Close() error { close(l.closed); return nil }
func (l *link) Quiet() bool  { return l.quiet }
func (l *link) Unwatch()     { l.Watch(nil) }
func (l *link) Watch(gone func()) {
	l.mu.Lock()
	l.gone = gone
	l.mu.Unlock()
}

func (l *link) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

func TestPoolGivesTheLastUsed(t *testing.T) {
	p := &Pool{Max: 3, Timeout: time.Hour}
	defer p.Close()
	a, b, other := newLink(p, 1, nil), newLink(p, 1, nil), newLink(p, 2, nil)
	for _, l := range []*link{a, b, other} {
		p.Put(&l.Idle, t0)
	}
	if got := p.Take(address(1), nil); got != b {
		t.Error("not the last used one")
	}
	if got := p.Take(address(1), nil); got != a {
		t.Error("not the other one to that address")
	}
	if got := p.Take(address(1), nil); got != nil {
		t.Error("a connection to another address")
	}
}

func TestPoolIsBounded(t *testing.T) {
	p := &Pool{Max: 2, Timeout: time.Hour}
	defer p.Close()
	links := []*link{newLink(p, 1, nil), newLink(p, 1, nil), newLink(p, 1, nil)}
	for _, l := range links {
		p.Put(&l.Idle, t0)
	}
	if !links[0].isClosed() || links[1].isClosed() || links[2].isClosed() || p.Idle() != 2 {
		t.Error("want the oldest closed, the others kept")
	}
}

func TestPoolTags(t *testing.T) {
	p := &Pool{Max: 2, Timeout: time.Hour, Local: true}
	defer p.Close()
	l := newLink(p, 1, "x")
	p.Put(&l.Idle, t0)
	if p.Take(address(1), "y") != nil {
		t.Error("a connection of another tag")
	}
	if p.Take(address(1), "x") != l {
		t.Error("no connection of the same tag")
	}
}

func TestPoolDropsStaleConnections(t *testing.T) {
	p := &Pool{Max: 4, Timeout: time.Hour}
	defer p.Close()
	stale, gone, good := newLink(p, 1, nil), newLink(p, 1, nil), newLink(p, 1, nil)
	p.Put(&good.Idle, t0)
	p.Put(&stale.Idle, t0)
	p.Put(&gone.Idle, t0)
	stale.quiet = false
	gone.gone()
	<-gone.closed
	if got := p.Take(address(1), nil); got != good || !stale.isClosed() {
		t.Error("want the good connection, and the stale one closed")
	}
}

func TestPoolExpires(t *testing.T) {
	p := &Pool{Max: 4, Timeout: time.Millisecond}
	l := newLink(p, 1, nil)
	p.Put(&l.Idle, time.Now())
	select {
	case <-l.closed:
	case <-time.After(10 * time.Second):
		t.Fatal("not closed after its time")
	}
	p.Close()
	late := newLink(p, 1, nil)
	p.Put(&late.Idle, time.Now())
	if !late.isClosed() {
		t.Error("a closed pool keeps a connection")
	}
}
