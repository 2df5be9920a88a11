package netif

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"tandem/internal/privilege"
)

// The multicast groups of VRRP: RFC 9568, 5.1.1.2 and 5.1.2.2.
var (
	GroupIPv4 = netip.AddrFrom4([4]byte{224, 0, 0, 18})
	GroupIPv6 = netip.MustParseAddr("ff02::12")
)

const (
	// protocolVRRP is the IP protocol number of VRRP; protocolAH that of the
	// authentication header that VRRPv2 can travel in.
	protocolVRRP = 112
	protocolAH   = 51
	typeAdvert   = 1 // of VRRP packets, in the low half of their first byte

	// hopLimit is the TTL and hop limit that a receiver insists on: RFC
	// 9568, 5.1.1.3. The IPv4 header is the sender's own.
	hopLimit = 255

	// trafficClass is internetwork control, as keepalived marks its adverts.
	trafficClass = 0xc0

	// receiveBuffer is what is asked of the kernel, in bytes: at 400 bytes of
	// bookkeeping per advert, enough for a flood of some thousands between
	// two turns of the loop.
	receiveBuffer = 1 << 20
)

// Errors of a Socket's Send. ErrFull means that the kernel's buffer had no
// room; nothing was sent and nothing waits.
var (
	ErrNoInterface = errors.New("interface does not exist")
	ErrFull        = errors.New("send buffer is full")
)

// SocketConfig says what a Socket sends and hears.
type SocketConfig struct {
	// Interface is the name of the interface that the socket is bound to. It
	// need not exist yet. "" binds a socket for unicast to none.
	Interface string

	// IPv6 selects the family.
	IPv6 bool

	// Group is the multicast group to join; the zero Addr joins VRRP's own
	// (GroupIPv4, GroupIPv6).
	Group netip.Addr

	// Unicast leaves all groups alone: adverts come from unicast peers.
	Unicast bool

	// AH receives and sends IP protocol 51 instead of 112 (VRRPv2 with
	// auth_type AH; IPv4 only).
	AH bool

	// VRID lets only packets of that virtual router reach the program; 0
	// lets all of them. Too short packets pass, so that they can be counted.
	VRID uint8

	// TTL is the hop limit of IPv6 unicast adverts; 0 means 255, -1 the
	// kernel's own choice. Multicast is always sent with 255, and an IPv4
	// header carries its own.
	TTL int

	// ReceiveBuffer is the size of the kernel's receive buffer in bytes; 0
	// means 1 MiB. The kernel may give less (net.core.rmem_max).
	ReceiveBuffer int
}

func (c *SocketConfig) group() netip.Addr {
	switch {
	case c.Unicast:
		return netip.Addr{}
	case c.Group.IsValid():
		return c.Group
	case c.IPv6:
		return GroupIPv6
	}
	return GroupIPv4
}

// Datagram is what a Socket received.
type Datagram struct {
	// Data begins with the IPv4 header, or, with IPv6, with the VRRP header.
	Data []byte

	// Src and Dst are the packet's addresses, without a zone.
	Src, Dst netip.Addr

	// HopLimit is the TTL or hop limit that the packet arrived with, -1 if
	// the kernel did not tell.
	HopLimit int
}

// Counters count what became of a Socket's packets.
type Counters struct {
	Sent     uint64
	Received uint64
	Full     uint64 // not sent: the send buffer was full
	Failed   uint64 // not sent for any other reason
}

// Conn sends and receives VRRP packets.
type Conn interface {
	// Send sends a packet to dst. It never waits. data begins with the IPv4
	// header, which holds the source address, or, with IPv6, with the VRRP
	// header, and src is then the source address. data is not kept.
	Send(src, dst netip.Addr, data []byte) error

	// Receive waits for a packet and reads it into buffer, of which Data is
	// a part. The error is net.ErrClosed, wrapped, after Close; any other
	// is of this one packet or moment (the interface going down, for
	// instance), and Receive can be called again.
	Receive(buffer []byte) (Datagram, error)

	// Rebind binds to the interface that has the name now. The error is
	// ErrNoInterface, wrapped, if there is none.
	Rebind() error

	// Counters returns what was counted so far.
	Counters() Counters

	Close() error
}

// Socket is the Conn of one interface and family in the kernel. It
// is made in the network namespace of the thread that calls OpenSocket, and
// stays there. Its methods may be called by several goroutines.
//
// A socket outlives its interface: when the interface comes back, or appears
// for the first time, call Rebind.
type Socket struct {
	config SocketConfig
	conn   *net.IPConn
	raw    syscall.RawConn
	v4     *ipv4.PacketConn // nil if IPv6
	v6     *ipv6.PacketConn // nil if IPv4

	sent, received, full, failed atomic.Uint64

	mu    sync.Mutex
	index int // of the interface that it is bound to; 0 if none
	bound atomic.Int32
}

// OpenSocket makes a socket and binds it to the interface if that exists. It
// needs CAP_NET_RAW.
func OpenSocket(config SocketConfig) (*Socket, error) {
	network, local, protocol := "ip4", netip.IPv4Unspecified(), protocolVRRP
	if config.IPv6 {
		network, local = "ip6", netip.IPv6Unspecified()
	}
	if config.AH {
		protocol = protocolAH
	}
	// Until it is bound to its interface, a raw socket hears all of them:
	// the filter goes in before the first packet can.
	listen := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		ctlErr := c.Control(func(fd uintptr) { err = dropEverything(int(fd)) })
		return errors.Join(ctlErr, err)
	}}
	var conn net.PacketConn
	err := asRaw(func() (err error) {
		conn, err = listen.ListenPacket(context.Background(), fmt.Sprintf("%s:%d", network, protocol), local.String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("VRRP socket on %s: %w", config.Interface, privilege.Explain(err, privilege.NetRaw))
	}
	s := &Socket{config: config, conn: conn.(*net.IPConn)}
	if err := s.setUp(); err != nil {
		s.conn.Close()
		return nil, fmt.Errorf("VRRP socket on %s: %w", config.Interface, err)
	}
	if err := s.Rebind(); err != nil && !errors.Is(err, ErrNoInterface) {
		s.conn.Close()
		return nil, err
	}
	return s, nil
}

// setUp sets what does not depend on the interface.
func (s *Socket) setUp() (err error) {
	if s.raw, err = s.conn.SyscallConn(); err != nil {
		return err
	}
	size := s.config.ReceiveBuffer
	if size == 0 {
		size = receiveBuffer
	}
	// The kernel gives what its limit allows; less is not an error.
	if err := s.conn.SetReadBuffer(size); err != nil {
		return fmt.Errorf("receive buffer: %w", err)
	}
	if s.config.IPv6 {
		return s.setUpIPv6()
	}
	s.v4 = ipv4.NewPacketConn(s.conn)
	if err := s.option("header included", unix.IPPROTO_IP, unix.IP_HDRINCL, 1); err != nil {
		return err
	}
	// Only groups that this socket itself joined.
	if err := s.option("multicast of others off", unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0); err != nil {
		return err
	}
	// The TOS also gives the packet its priority in the interface's queue.
	if err := s.v4.SetTOS(trafficClass); err != nil {
		return fmt.Errorf("type of service: %w", err)
	}
	if err := s.v4.SetMulticastLoopback(false); err != nil {
		return fmt.Errorf("multicast loop: %w", err)
	}
	return nil
}

func (s *Socket) setUpIPv6() error {
	s.v6 = ipv6.NewPacketConn(s.conn)
	if err := s.option("multicast of others off", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL, 0); err != nil {
		return err
	}
	ttl := s.config.TTL
	if ttl == 0 {
		ttl = hopLimit
	}
	if err := s.v6.SetHopLimit(ttl); err != nil {
		return fmt.Errorf("hop limit: %w", err)
	}
	if err := s.v6.SetMulticastHopLimit(hopLimit); err != nil {
		return fmt.Errorf("multicast hop limit: %w", err)
	}
	if err := s.v6.SetTrafficClass(trafficClass); err != nil {
		return fmt.Errorf("traffic class: %w", err)
	}
	if err := s.v6.SetMulticastLoopback(false); err != nil {
		return fmt.Errorf("multicast loop: %w", err)
	}
	if err := s.v6.SetControlMessage(ipv6.FlagDst|ipv6.FlagHopLimit, true); err != nil {
		return fmt.Errorf("control messages: %w", err)
	}
	return nil
}

// option sets an integer option that x/net has no name for.
func (s *Socket) option(what string, level, name, value int) error {
	var err error
	ctlErr := s.raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, name, value) })
	if err := errors.Join(ctlErr, err); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Rebind binds the socket to the interface that has the configured name now,
// and joins the group there. It is cheap when nothing changed. The error is
// ErrNoInterface, wrapped, if there is no such interface; the socket then
// hears nothing until a later Rebind.
func (s *Socket) Rebind() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	index, err := s.interfaceIndex()
	if err == nil && index == s.index {
		return nil
	}
	s.leave()
	if err != nil {
		return fmt.Errorf("VRRP socket on %s: %w", s.config.Interface, err)
	}
	if err := s.join(index); err != nil {
		s.leave()
		return fmt.Errorf("VRRP socket on %s: %w", s.config.Interface, err)
	}
	s.index = index
	s.bound.Store(int32(index))
	return nil
}

// anyInterface is the index of a socket that is bound to none.
const anyInterface = -1

// interfaceIndex looks the interface up in the socket's own namespace.
func (s *Socket) interfaceIndex() (index int, err error) {
	if s.config.Interface == "" {
		return anyInterface, nil
	}
	ctlErr := s.raw.Control(func(fd uintptr) { index, err = indexOf(int(fd), s.config.Interface) })
	return index, errors.Join(ctlErr, err)
}

// indexOf returns the index of an interface in the namespace of the socket
// fd, or ErrNoInterface.
func indexOf(fd int, name string) (int, error) {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return 0, fmt.Errorf("interface name %q: %w", name, err)
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, request); err != nil {
		if errors.Is(err, unix.ENODEV) {
			return 0, ErrNoInterface
		}
		return 0, fmt.Errorf("interface index: %w", err)
	}
	return int(request.Uint32()), nil
}

// leave forgets the interface that the socket is bound to. Its errors mean
// that the interface is gone, and its membership with it.
func (s *Socket) leave() {
	s.raw.Control(func(fd uintptr) { _ = dropEverything(int(fd)) })
	if s.index == 0 {
		return
	}
	if group := s.config.group(); group.IsValid() {
		ifi, addr := &net.Interface{Index: s.index}, &net.IPAddr{IP: group.AsSlice()}
		if s.v6 != nil {
			_ = s.v6.LeaveGroup(ifi, addr)
		} else {
			_ = s.v4.LeaveGroup(ifi, addr)
		}
	}
	s.index = 0
	s.bound.Store(0)
}

// join binds the socket to the interface and opens the filter.
func (s *Socket) join(index int) error {
	if index == anyInterface {
		return s.openFilter()
	}
	var err error
	// A socket that was bound to another one before takes the right to raw packets.
	ctlErr := s.raw.Control(func(fd uintptr) {
		err = asRaw(func() error { return unix.BindToDevice(int(fd), s.config.Interface) })
	})
	if err := errors.Join(ctlErr, err); err != nil {
		return fmt.Errorf("bind to the interface: %w", err)
	}
	ifi := &net.Interface{Index: index}
	if s.v6 != nil {
		err = s.v6.SetMulticastInterface(ifi)
	} else {
		err = s.v4.SetMulticastInterface(ifi)
	}
	if err != nil {
		return fmt.Errorf("multicast interface: %w", err)
	}
	if group := s.config.group(); group.IsValid() {
		addr := &net.IPAddr{IP: group.AsSlice()}
		if s.v6 != nil {
			err = s.v6.JoinGroup(ifi, addr)
		} else {
			err = s.v4.JoinGroup(ifi, addr)
		}
		if err != nil {
			return fmt.Errorf("join %s: %w", group, err)
		}
	}
	return s.openFilter()
}

// Send sends a packet: data begins with the IPv4 header, which holds the
// source address, or, with IPv6, with the VRRP header. It never waits. The
// error is ErrNoInterface or ErrFull, wrapped, or the kernel's; each is also
// counted.
func (s *Socket) Send(src, dst netip.Addr, data []byte) error {
	index := int(s.bound.Load())
	if index == 0 {
		s.failed.Add(1)
		return fmt.Errorf("send to %s on %s: %w", dst, s.config.Interface, ErrNoInterface)
	}
	index = max(index, 0) // no zone, with anyInterface
	var to unix.Sockaddr
	var control []byte
	if s.v6 != nil {
		to = &unix.SockaddrInet6{Addr: dst.As16(), ZoneId: uint32(index)}
		if src.IsValid() {
			control = (&ipv6.ControlMessage{Src: src.AsSlice(), IfIndex: index}).Marshal()
		}
	} else {
		to = &unix.SockaddrInet4{Addr: dst.As4()}
	}
	var err error
	// Write's function returns true at once: no waiting for room.
	ctlErr := s.raw.Write(func(fd uintptr) bool {
		_, err = unix.SendmsgN(int(fd), data, control, to, unix.MSG_DONTWAIT)
		return true
	})
	switch err := errors.Join(ctlErr, err); {
	case err == nil:
		s.sent.Add(1)
		return nil
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOBUFS):
		s.full.Add(1)
		return fmt.Errorf("send to %s on %s: %w", dst, s.config.Interface, ErrFull)
	default:
		s.failed.Add(1)
		if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
			err = ErrNoInterface
		}
		return fmt.Errorf("send to %s on %s: %w", dst, s.config.Interface, err)
	}
}

// Receive waits for a packet and reads it into buffer, of which Data is a
// part. The error is net.ErrClosed, wrapped, after Close; other errors are of
// this one packet or moment (the interface going down, for instance), and
// Receive can be called again.
func (s *Socket) Receive(buffer []byte) (Datagram, error) {
	var oob [128]byte
	n, oobn, _, from, err := s.conn.ReadMsgIP(buffer, oob[:])
	if err != nil {
		return Datagram{}, fmt.Errorf("receive on %s: %w", s.config.Interface, err)
	}
	s.received.Add(1)
	d := Datagram{Data: buffer[:n], HopLimit: -1}
	d.Src, _ = netip.AddrFromSlice(from.IP)
	d.Src = d.Src.Unmap()
	if s.v6 != nil {
		var cm ipv6.ControlMessage
		if err := cm.Parse(oob[:oobn]); err != nil {
			return Datagram{}, fmt.Errorf("receive on %s: control message: %w", s.config.Interface, err)
		}
		d.Dst, _ = netip.AddrFromSlice(cm.Dst)
		d.HopLimit = cm.HopLimit
		return d, nil
	}
	// The kernel hands over whole IPv4 headers only.
	if n >= 20 {
		d.HopLimit = int(buffer[8])
		d.Dst = netip.AddrFrom4([4]byte(buffer[16:20]))
	}
	return d, nil
}

// Counters returns what was counted so far.
func (s *Socket) Counters() Counters {
	return Counters{Sent: s.sent.Load(), Received: s.received.Load(), Full: s.full.Load(), Failed: s.failed.Load()}
}

// Close closes the socket; a waiting Receive returns.
func (s *Socket) Close() error { return s.conn.Close() }
