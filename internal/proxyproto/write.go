package proxyproto

import (
	"encoding/binary"
	"net/netip"
	"strconv"
)

// AppendV1 appends a header of version 1 for a connection from source to dest;
// UNKNOWN unless both are addresses of the same family.
func AppendV1(dst []byte, source, dest netip.AddrPort) []byte {
	source, dest = unmap(source), unmap(dest)
	if !sameFamily(source, dest) {
		return append(dst, "PROXY UNKNOWN\r\n"...)
	}
	dst = append(dst, "PROXY TCP4 "...)
	if source.Addr().Is6() {
		dst[len(dst)-2] = '6'
	}
	dst = append(source.Addr().AppendTo(dst), ' ')
	dst = append(dest.Addr().AppendTo(dst), ' ')
	dst = append(strconv.AppendUint(dst, uint64(source.Port()), 10), ' ')
	return append(strconv.AppendUint(dst, uint64(dest.Port()), 10), '\r', '\n')
}

// Version 2, command PROXY; families and transports.
const (
	v2Proxy     = 0x21
	v2Inet      = 0x10
	v2Inet6     = 0x20
	v2Stream    = 1
	v2Datagrams = 2
)

// AppendV2 appends a header of version 2, with tlvs as they are; the family is
// unspecified unless both are addresses of the same one.
func AppendV2(dst []byte, source, dest netip.AddrPort, datagrams bool, tlvs []byte) []byte {
	source, dest = unmap(source), unmap(dest)
	transport := byte(v2Stream)
	if datagrams {
		transport = v2Datagrams
	}
	dst = append(append(dst, signature...), v2Proxy)
	size := len(dst) + 1
	switch {
	case !sameFamily(source, dest):
		dst = append(dst, 0, 0, 0)
	case source.Addr().Is4():
		dst = append(dst, v2Inet|transport, 0, 0)
	default:
		dst = append(dst, v2Inet6|transport, 0, 0)
	}
	start := len(dst)
	if sameFamily(source, dest) {
		dst = append(append(dst, source.Addr().AsSlice()...), dest.Addr().AsSlice()...)
		dst = binary.BigEndian.AppendUint16(dst, source.Port())
		dst = binary.BigEndian.AppendUint16(dst, dest.Port())
	}
	dst = append(dst, tlvs...)
	binary.BigEndian.PutUint16(dst[size:], uint16(len(dst)-start))
	return dst
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

func sameFamily(a, b netip.AddrPort) bool {
	return a.IsValid() && b.IsValid() && a.Addr().Is4() == b.Addr().Is4()
}
