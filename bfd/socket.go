package bfd

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"tandem/bfd/packet"
)

// Ports: RFC 5881 section 4, RFC 5883 section 5.
const (
	portSingleHop = 3784
	portMultihop  = 4784

	firstSourcePort = 49152
	lastSourcePort  = 65535
	sourceTries     = 50

	trafficClass = 0xc0 // internetwork control
)

// listenerOf returns the index in Speaker.in of the socket that hears an instance.
func listenerOf(ipv6, multihop bool) (index int) {
	if ipv6 {
		index = 1
	}
	if multihop {
		index += 2
	}
	return index
}

// listen opens the sockets that the instances need, and closes those that none needs.
func (s *Speaker) listen() {
	var wanted [len(s.in)]bool
	for _, p := range s.peers {
		wanted[listenerOf(p.Neighbor.Is6(), p.Multihop)] = true
	}
	for i, want := range wanted {
		if !want {
			s.closeListener(i)
			continue
		}
		if s.in[i] < 0 {
			fd, err := openListener(i&1 != 0, i&2 != 0)
			if err != nil {
				s.log(true, fmt.Sprintf("%v: no session of that kind comes up", err))
				continue
			}
			s.in[i] = fd
		}
	}
}

func (s *Speaker) closeListener(i int) {
	if s.in[i] >= 0 {
		_ = unix.Close(s.in[i])
		s.in[i] = -1
	}
}

// openListener opens a socket on which packets arrive with their TTL and destination.
func openListener(ipv6, multihop bool) (fd int, err error) {
	port := portSingleHop
	if multihop {
		port = portMultihop
	}
	family, name := unix.AF_INET, "udp4"
	var addr unix.Sockaddr = &unix.SockaddrInet4{Port: port}
	level, options := unix.IPPROTO_IP, []int{unix.IP_RECVTTL, unix.IP_PKTINFO}
	if ipv6 {
		family, name = unix.AF_INET6, "udp6"
		addr = &unix.SockaddrInet6{Port: port}
		level, options = unix.IPPROTO_IPV6, []int{unix.IPV6_V6ONLY, unix.IPV6_RECVHOPLIMIT, unix.IPV6_RECVPKTINFO}
	}
	fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("socket of %s: %w", name, err)
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, level, o, 1); err != nil {
			_ = unix.Close(fd)
			return -1, fmt.Errorf("setsockopt of %s: %w", name, err)
		}
	}
	if err := unix.Bind(fd, addr); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("bind to port %d of %s: %w", port, name, err)
	}
	return fd, nil
}

// openSender opens the socket that an instance's packets go out by: RFC 5881 section
// 4, the source port is in the range 49152 through 65535, and the same for all of a
// session.
func openSender(i *Instance) (fd int, err error) {
	family, level, hops, class := unix.AF_INET, unix.IPPROTO_IP, unix.IP_TTL, unix.IP_TOS
	if i.Neighbor.Is6() {
		family, level, hops, class = unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, unix.IPV6_TCLASS
	}
	fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	if err = unix.SetsockoptInt(fd, level, hops, i.TTL); err == nil {
		err = unix.SetsockoptInt(fd, level, class, trafficClass)
	}
	source := i.Source
	if !source.IsValid() {
		source = netip.IPv4Unspecified()
		if i.Neighbor.Is6() {
			source = netip.IPv6Unspecified()
		}
	}
	for range sourceTries {
		if err != nil && !errors.Is(err, unix.EADDRINUSE) {
			break
		}
		port := firstSourcePort + rand.N(lastSourcePort-firstSourcePort+1)
		if err = unix.Bind(fd, sockaddr(source, port)); err == nil {
			return fd, nil
		}
	}
	_ = unix.Close(fd)
	return -1, fmt.Errorf("from %s: %w", source, err)
}

// destination is where the instance's packets go.
func (i *Instance) destination() unix.Sockaddr {
	if i.Multihop {
		return sockaddr(i.Neighbor, portMultihop)
	}
	return sockaddr(i.Neighbor, portSingleHop)
}

func sockaddr(a netip.Addr, port int) unix.Sockaddr {
	if a.Is4() {
		return &unix.SockaddrInet4{Port: port, Addr: a.As4()}
	}
	return &unix.SockaddrInet6{Port: port, Addr: a.As16(), ZoneId: zone(a.Zone())}
}

// zone returns the number of an interface; 0: there is none.
func zone(name string) uint32 {
	if name == "" {
		return 0
	}
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		return uint32(n)
	}
	i, err := net.InterfaceByName(name)
	if err != nil {
		return 0
	}
	return uint32(i.Index)
}

// atOnce is how many packets are read before time is looked at.
const atOnce = 32

// receive reads what has come on a socket.
func (s *Speaker) receive(fd int) {
	multihop := fd == s.in[listenerOf(false, true)] || fd == s.in[listenerOf(true, true)]
	for range atOnce {
		n, controlled, flags, from, err := unix.Recvmsg(fd, s.buffer[:], s.control[:], 0)
		if err != nil {
			return // nothing more, or what a packet of ours has met: it says nothing
		}
		now := time.Now()
		pkt, err := packet.Parse(s.buffer[:n])
		if err != nil || flags&unix.MSG_TRUNC != 0 {
			s.discarded++
			continue
		}
		ttl, to := readControl(s.control[:controlled])
		p := s.find(&pkt, addrOf(from), to, multihop)
		if p == nil || p.out < 0 || p.MaxHops >= 0 && ttl+p.MaxHops < p.TTL {
			s.discarded++
			continue
		}
		p.received++
		s.carryOut(p, p.session.Receive(&pkt, now), now)
	}
}

// addrOf returns an address as instances have it.
func addrOf(from unix.Sockaddr) netip.Addr {
	switch a := from.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(a.Addr)
	case *unix.SockaddrInet6:
		addr := netip.AddrFrom16(a.Addr)
		if a.ZoneId != 0 {
			if i, err := net.InterfaceByIndex(int(a.ZoneId)); err == nil {
				addr = addr.WithZone(i.Name)
			}
		}
		return addr
	}
	return netip.Addr{}
}

// readControl returns what the kernel tells beside a packet: its TTL or hop limit, 0 if
// that is not there, and its destination.
func readControl(b []byte) (ttl int, to netip.Addr) {
	messages, err := unix.ParseSocketControlMessage(b)
	if err != nil {
		return 0, to
	}
	for _, m := range messages {
		level, kind := int(m.Header.Level), int(m.Header.Type)
		switch {
		case level == unix.IPPROTO_IP && kind == unix.IP_TTL && len(m.Data) >= 4,
			level == unix.IPPROTO_IPV6 && kind == unix.IPV6_HOPLIMIT && len(m.Data) >= 4:
			ttl = int(m.Data[0]) | int(m.Data[3]) // an int in either byte order
		case level == unix.IPPROTO_IP && kind == unix.IP_PKTINFO && len(m.Data) >= unix.SizeofInet4Pktinfo:
			to = netip.AddrFrom4([4]byte(m.Data[8:12]))
		case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_PKTINFO && len(m.Data) >= unix.SizeofInet6Pktinfo:
			to = netip.AddrFrom16([16]byte(m.Data[:16]))
		}
	}
	return ttl, to
}
