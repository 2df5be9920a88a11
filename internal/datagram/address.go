package datagram

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"tandem/internal/sock"
)

// nameOf writes an address as the kernel has it, and returns its length. An address
// of IPv4 in one of IPv6 is for a socket of both.
func nameOf(name *unix.RawSockaddrInet6, a netip.AddrPort) uint32 {
	port := [2]byte{byte(a.Port() >> 8), byte(a.Port())}
	if ip := a.Addr(); !ip.Is4() {
		*name = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: *(*uint16)(unsafe.Pointer(&port)), Addr: ip.As16(), Scope_id: zoneIndex(ip.Zone())}
		return unix.SizeofSockaddrInet6
	}
	*(*unix.RawSockaddrInet4)(unsafe.Pointer(name)) = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: *(*uint16)(unsafe.Pointer(&port)), Addr: a.Addr().As4()}
	return unix.SizeofSockaddrInet4
}

// appendLocal appends what has the kernel send a datagram from an address.
func appendLocal(b []byte, local netip.Addr) []byte {
	switch ip := local.Unmap(); {
	case !ip.IsValid():
		return b
	case ip.Is4():
		info := unix.Inet4Pktinfo{Spec_dst: ip.As4()}
		return appendControl(b, unix.IPPROTO_IP, unix.IP_PKTINFO, unsafe.Slice((*byte)(unsafe.Pointer(&info)), unix.SizeofInet4Pktinfo))
	default:
		info := unix.Inet6Pktinfo{Addr: ip.As16()}
		return appendControl(b, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unsafe.Slice((*byte)(unsafe.Pointer(&info)), unix.SizeofInet6Pktinfo))
	}
}

// appendSegment appends what has the kernel cut a message into datagrams.
func appendSegment(b []byte, size int) []byte {
	n := uint16(size)
	return appendControl(b, unix.SOL_UDP, unix.UDP_SEGMENT, unsafe.Slice((*byte)(unsafe.Pointer(&n)), 2))
}

func appendControl(b []byte, level, kind int32, data []byte) []byte {
	h := unix.Cmsghdr{Level: level, Type: kind}
	h.SetLen(unix.CmsgLen(len(data)))
	at := len(b)
	b = append(b, unsafe.Slice((*byte)(unsafe.Pointer(&h)), unix.SizeofCmsghdr)...)
	b = append(b, data...)
	for len(b) < at+unix.CmsgSpace(len(data)) {
		b = append(b, 0)
	}
	return b
}

// zoneIndex returns the number of a zone, 0 for none that is known.
func zoneIndex(zone string) uint32 {
	if zone == "" {
		return 0
	}
	index, _ := sock.ZoneID(zone) // the kernel then looks for the way by itself
	return index
}
