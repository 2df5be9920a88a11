package netif

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"tandem/internal/privilege"
)

// Ear hears adverts before a firewall can drop them, which a Conn does not: it
// tells that one does.
type Ear interface {
	// Listen returns, after d, who has sent packets of the socket's virtual
	// router that arrived on its interface meanwhile, whether or not they got
	// any further. nil can also mean that the interface is down. It is not for
	// several goroutines at a time. The error is ErrNoInterface or the
	// kernel's.
	Listen(c SocketConfig, d time.Duration) (sources []netip.Addr, err error)

	Close() error
}

// ear is the Ear of the kernel: a packet socket, which takes part in receiving
// only while it listens.
type ear struct {
	stack *Stack
	fd    int
	err   error // why there is no socket

	closing atomic.Bool
	mu      sync.Mutex // held while it listens
	closed  bool
}

// earTurn is how long the end of a Listen may take that Close asks for.
const earTurn = 20 * time.Millisecond

// nothing is the number of an Ethernet protocol that does not come: loopback
// tests of the first Ethernet.
const nothing = 0x9000

// newEar makes an Ear in the calling thread's namespace.
func (s *Stack) newEar() *ear {
	e := &ear{stack: s, fd: -1}
	e.err = asRaw(func() (err error) {
		e.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		return err
	})
	if e.err != nil {
		e.err = fmt.Errorf("packet socket: %w", privilege.Explain(e.err, privilege.NetRaw))
	}
	return e
}

// Listen implements Ear.
func (e *ear) Listen(c SocketConfig, d time.Duration) (sources []netip.Addr, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.err != nil:
		return nil, e.err
	case e.closed:
		return nil, errors.New("closed")
	}
	index, err := e.stack.indexOf(c.Interface)
	if err != nil {
		return nil, err
	}
	protocol, nextHeader := uint16(unix.ETH_P_IP), uint32(9)
	if c.IPv6 {
		protocol, nextHeader = unix.ETH_P_IPV6, 6
	}
	carried := uint32(protocolVRRP)
	if c.AH {
		carried = protocolAH
	}
	if err := attachFilter(e.fd, []bpf.Instruction{
		bpf.LoadAbsolute{Off: nextHeader, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: carried, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
		bpf.RetConstant{Val: 1 << 16},
	}); err != nil {
		return nil, err
	}
	bind := func(protocol uint16) error {
		return unix.Bind(e.fd, &unix.SockaddrLinklayer{Protocol: protocol<<8 | protocol>>8, Ifindex: index})
	}
	if err := bind(protocol); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", c.Interface, err)
	}
	defer func() { err = errors.Join(err, bind(nothing)) }()
	for end := time.Now().Add(d); ; {
		left := time.Until(end)
		if left <= 0 || e.closing.Load() {
			return sources, nil
		}
		fds := []unix.PollFd{{Fd: int32(e.fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, int(min(left, earTurn).Milliseconds())+1); err != nil && !errors.Is(err, unix.EINTR) {
			return sources, err
		}
		if source, ok := e.read(c); ok && !slices.Contains(sources, source) {
			sources = append(sources, source)
		}
	}
}

// read reads a packet and returns its sender if it is another node's of the
// same virtual router.
func (e *ear) read(c SocketConfig) (source netip.Addr, ok bool) {
	var data [128]byte
	n, from, err := unix.Recvfrom(e.fd, data[:], unix.MSG_DONTWAIT)
	link, is := from.(*unix.SockaddrLinklayer)
	if err != nil || !is || link.Pkttype == unix.PACKET_OUTGOING || link.Pkttype == unix.PACKET_OTHERHOST {
		return netip.Addr{}, false
	}
	header := 40
	if !c.IPv6 {
		header = int(data[0]&0xf) * 4
	}
	vrid := header + 1
	if c.AH {
		vrid += 24
	}
	if n <= vrid || c.VRID != 0 && data[vrid] != c.VRID {
		return netip.Addr{}, false
	}
	if data[vrid-1]&0xf != typeAdvert {
		return netip.Addr{}, false // a backup's introduction claims nothing
	}
	if c.IPv6 {
		return netip.AddrFrom16([16]byte(data[8:24])), true
	}
	return netip.AddrFrom4([4]byte(data[12:16])), true
}

// Close implements Ear. It ends a Listen under way.
func (e *ear) Close() error {
	e.closing.Store(true)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || e.err != nil {
		return nil
	}
	e.closed = true
	return unix.Close(e.fd)
}

// attachFilter lets a socket hear only what a program accepts.
func attachFilter(fd int, program []bpf.Instruction) error {
	raw, err := bpf.Assemble(program)
	if err != nil {
		return fmt.Errorf("packet filter: %w", err)
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}); err != nil {
		return fmt.Errorf("packet filter: %w", err)
	}
	return nil
}
