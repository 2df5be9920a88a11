package netif

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
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
	file  *os.File // of fd: who waits for it needs no thread
	err   error    // why there is no socket

	closing atomic.Bool
	mu      sync.Mutex // held while it listens
	closed  bool
}

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
		return e
	}
	e.file = os.NewFile(uintptr(e.fd), "packet socket")
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
	for err == nil { // what arrived when the last Listen ended
		_, _, err = e.read(c)
	}
	if err := bind(protocol); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", c.Interface, err)
	}
	defer func() { err = errors.Join(err, bind(nothing)) }()
	raw, err := e.file.SyscallConn()
	if err != nil {
		return nil, err
	}
	if err := e.file.SetReadDeadline(time.Now().Add(d)); err != nil {
		return nil, err
	}
	if e.closing.Load() { // it may not have seen the deadline
		return nil, nil
	}
	for err == nil {
		err = raw.Read(func(uintptr) (arrived bool) {
			source, ok, err := e.read(c)
			if ok && !slices.Contains(sources, source) {
				sources = append(sources, source)
			}
			return err == nil // what is wrong with the interface shows elsewhere
		})
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return sources, err
}

// read reads a packet and returns its sender; ok: it is another node's of the
// same virtual router.
func (e *ear) read(c SocketConfig) (source netip.Addr, ok bool, err error) {
	var data [128]byte
	n, from, err := unix.Recvfrom(e.fd, data[:], unix.MSG_DONTWAIT)
	if err != nil {
		return netip.Addr{}, false, err
	}
	source, ok = senderOf(data[:n], from, c)
	return source, ok, nil
}

// senderOf returns who has sent a packet, of which data is the beginning.
func senderOf(data []byte, from unix.Sockaddr, c SocketConfig) (source netip.Addr, ok bool) {
	link, is := from.(*unix.SockaddrLinklayer)
	if !is || len(data) == 0 || link.Pkttype == unix.PACKET_OUTGOING || link.Pkttype == unix.PACKET_OTHERHOST {
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
	if len(data) <= vrid || c.VRID != 0 && data[vrid] != c.VRID {
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
	if e.err != nil {
		return nil
	}
	e.closing.Store(true)
	_ = e.file.SetReadDeadline(time.Unix(1, 0))
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil
	}
	e.closed = true
	return e.file.Close()
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
