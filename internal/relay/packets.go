package relay

import (
	"net"
	"net/netip"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"tandem/internal/datagram"
)

// Outlet is a socket through which datagrams are sent to many clients, those of all
// that come at about the same time at once.
type Outlet struct {
	raw    syscall.RawConn
	failed func(error)

	mu     sync.Mutex
	sender datagram.Sender
	write  func(fd uintptr)
	err    error
}

// NewOutlet returns the Outlet of a socket. failed is told of datagrams that could
// not be sent.
func NewOutlet(raw syscall.RawConn, failed func(error)) *Outlet {
	o := &Outlet{raw: raw, failed: failed}
	o.write = func(fd uintptr) { o.err = o.sender.Flush(int(fd)) }
	return o
}

// Add has a datagram be sent with the next Flush, from a local address or any; what
// it consists of is not to be changed before that.
func (o *Outlet) Add(b []byte, to netip.AddrPort, from netip.Addr) {
	o.mu.Lock()
	full := o.sender.Add(b, to, from)
	o.mu.Unlock()
	if full {
		o.Flush()
	}
}

// Flush sends what has been added.
func (o *Outlet) Flush() {
	o.mu.Lock()
	if o.sender.Len() == 0 {
		o.mu.Unlock()
		return
	}
	o.err = nil
	err := o.raw.Control(o.write)
	if err == nil {
		err = o.err
	}
	o.mu.Unlock()
	if err != nil {
		o.failed(err)
	}
}

// Receiver is told what a peer sends, by whoever notices, whom it must not keep
// waiting.
type Receiver interface {
	// Receive tells of a datagram. What it consists of holds until the Outlet of the
	// Peer is flushed, which it is soon, and by itself.
	Receive(b []byte)
	// Failed tells that a datagram has not reached the peer, as the kernel was told.
	Failed(error)
}

// Peer is a socket of datagrams that is connected to who answers them.
type Peer struct {
	loop   *loop
	token  uint64
	to     Receiver
	outlet *Outlet
	single bool // one datagram at a time

	expect int // how many may have come

	mu     sync.Mutex // held while the descriptor is used
	fd     int        // -1 when it has been closed
	paused bool
}

// mostExpected is how many messages are received at once.
const mostExpected = 16

// NewPeer has a Receiver be told what comes from a socket, which is the Peer's from
// then on, also when it fails. The outlet is where the Receiver sends it. single: no
// datagram is received before the one before it has been told.
func NewPeer(fd int, to Receiver, outlet *Outlet, single bool) (*Peer, error) {
	l, err := pick()
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	datagram.Join(fd)
	return &Peer{loop: l, fd: fd, to: to, outlet: outlet, single: single, expect: 1}, nil
}

// Begin has the Receiver be told from now on.
func (p *Peer) Begin() error {
	p.token = p.loop.add(p)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fd < 0 {
		return net.ErrClosed
	}
	// Nothing is overlooked if not all is received at once.
	return p.loop.epoll.Control(unix.EPOLL_CTL_ADD, uintptr(p.fd), unix.EPOLLIN, p.token)
}

// Send sends the peer datagrams. The error is the kernel's: it may be of one that was
// sent earlier, as an ICMP message has told.
func (p *Peer) Send(list [][]byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fd < 0 {
		return net.ErrClosed
	}
	return datagram.Send(p.fd, list)
}

// Pause has nothing be received until it is called with false.
func (p *Peer) Pause(pause bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = pause
	events := uint32(unix.EPOLLIN)
	if pause {
		events = 0
	}
	if p.fd >= 0 {
		_ = p.loop.epoll.Control(unix.EPOLL_CTL_MOD, uintptr(p.fd), events, p.token) // it is there
	}
}

// Close closes the socket. Something may still be told that has come before.
func (p *Peer) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fd < 0 {
		return
	}
	p.loop.remove(p.token)
	_ = unix.Close(p.fd)
	p.fd = -1
}

// event implements waiter.
func (p *Peer) event(int, uint32) {
	l := p.loop
	if l.packets == nil {
		l.packets = datagram.NewReader(2 * mostExpected)
	}
	if l.packets.Left() < mostExpected {
		l.flush()
	}
	most := p.expect
	if p.single {
		most = 1
	}
	n, err := p.receive(most)
	switch {
	case err != nil:
		p.to.Failed(err)
		return
	case n == most:
		p.expect = min(2*p.expect, mostExpected)
	case n < most/2:
		p.expect = max(p.expect/2, 1)
	}
	for d, ok := l.packets.Next(); ok; d, ok = l.packets.Next() {
		p.to.Receive(d.Data)
	}
	l.later(p.outlet)
}

func (p *Peer) receive(most int) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fd < 0 || p.paused {
		return 0, nil
	}
	return p.loop.packets.Receive(p.fd, most)
}
