package upstream

import (
	"sync"
	"time"
)

// Link is a connection to a peer, as the pool sees it.
type Link interface {
	Close() error
	// Quiet reports whether nothing has been received on the idle
	// connection, neither bytes nor its end.
	Quiet() bool
	// Watch has gone called, once and from another goroutine, when the peer
	// closes the connection; Unwatch ends that.
	Watch(gone func())
	Unwatch()
}

// Pool keeps idle connections to the peers of a group, the last used first.
type Pool struct {
	Max      int           // how many are kept
	Requests int           // after so many requests a connection is not kept
	Time     time.Duration // after so long a connection is not kept
	Timeout  time.Duration // how long a connection may be idle
	// Local: only connections of the same origin are reused. It is for those
	// who choose the tags.
	Local bool

	mu     sync.Mutex
	shared []*Idle // see Share
	dials  []*Dial // under way
	head   *Idle   // last used
	tail   *Idle
	count  int
	timer  *time.Timer
	closed bool
}

// Idle is a connection's place in a pool. It belongs to the connection and is
// used again and again.
type Idle struct {
	link Link
	addr Addr
	tag  any

	pool       *Pool
	users      int  // of a link that is shared
	kept       bool // in the list of pool
	since      time.Time
	prev, next *Idle
	gone       func() // made once
}

// Init prepares the place of a link to addr in p. A link is reused only by what
// has the same tag, which must be comparable.
func (i *Idle) Init(p *Pool, link Link, addr Addr, tag any) {
	i.pool, i.link, i.addr, i.tag = p, link, addr, tag
	i.gone = i.drop
}

// Take returns an idle connection to the address and removes it from the pool;
// nil: there is none.
func (p *Pool) Take(addr Addr, tag any) Link {
	if i := p.take(addr, tag); i != nil {
		return i.link
	}
	return nil
}

func (p *Pool) take(addr Addr, tag any) *Idle {
	for {
		p.mu.Lock()
		i := p.head
		for i != nil && (i.addr != addr || i.tag != tag) {
			i = i.next
		}
		if i == nil {
			p.mu.Unlock()
			return nil
		}
		p.unlink(i)
		p.mu.Unlock()
		i.link.Unwatch()
		if i.link.Quiet() {
			return i
		}
		// The peer closed it meanwhile, or sent what nobody asked for.
		_ = i.link.Close()
	}
}

// Put keeps a connection. Beyond Max the one idle for longest is closed.
func (p *Pool) Put(i *Idle, now time.Time) {
	// Before others can take it, because they may close it.
	i.link.Watch(i.gone)
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		_ = i.link.Close()
		return
	}
	var oldest *Idle
	if p.count >= p.Max {
		oldest = p.tail
		p.unlink(oldest)
	}
	i.kept, i.since = true, now
	i.next = p.head
	if p.head != nil {
		p.head.prev = i
	} else {
		p.tail = i
	}
	p.head = i
	p.count++
	if p.timer == nil {
		p.timer = time.AfterFunc(p.Timeout, p.expire)
	}
	p.mu.Unlock()
	if oldest != nil {
		oldest.link.Unwatch()
		_ = oldest.link.Close()
	}
}

// unlink takes i out of the list.
func (p *Pool) unlink(i *Idle) {
	if i.prev != nil {
		i.prev.next = i.next
	} else {
		p.head = i.next
	}
	if i.next != nil {
		i.next.prev = i.prev
	} else {
		p.tail = i.prev
	}
	i.prev, i.next, i.kept = nil, nil, false
	p.count--
}

// drop closes a connection that its peer closed while it was idle. Close may
// not be called by a watcher itself, hence the goroutine.
func (i *Idle) drop() {
	p := i.pool
	p.mu.Lock()
	kept := i.kept
	if kept {
		p.unlink(i)
	}
	p.mu.Unlock()
	if kept {
		go func() { _ = i.link.Close() }()
	}
}

// expire closes what has been idle for too long, and looks again when the
// next one may have been.
func (p *Pool) expire() {
	now := time.Now()
	var old []*Idle
	p.mu.Lock()
	for p.tail != nil && now.Sub(p.tail.since) >= p.Timeout {
		old = append(old, p.tail)
		p.unlink(p.tail)
	}
	if p.tail == nil || p.closed {
		p.timer = nil
	} else {
		p.timer.Reset(p.Timeout - now.Sub(p.tail.since))
	}
	p.mu.Unlock()
	for _, i := range old {
		i.link.Unwatch()
		_ = i.link.Close()
	}
}

// Close closes the idle connections, and those that are given back later.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	var all []*Idle
	for p.head != nil {
		all = append(all, p.head)
		p.unlink(p.head)
	}
	if p.timer != nil {
		p.timer.Stop()
	}
	p.mu.Unlock()
	for _, i := range all {
		i.link.Unwatch()
		_ = i.link.Close()
	}
}

// Idle returns how many connections are kept.
func (p *Pool) Idle() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}
