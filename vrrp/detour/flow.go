package detour

import (
	"encoding/binary"
	"net/netip"
)

// Flow is a TCP connection, as this node sees it.
type Flow struct {
	Local, Remote netip.AddrPort
}

// Lengths and offsets of headers, in bytes.
const (
	hardwareLen = 6
	ethernetLen = 14
	ipv4Len     = 20
	ipv6Len     = 40
	tcpLen      = 20
)

// TCP flags (RFC 9293, 3.1).
const (
	flagSYN = 1 << 1
	flagACK = 1 << 4
)

// parse reads the headers of an Ethernet frame that holds TCP over IPv4 or
// IPv6. begins says that it opens the connection. ok is false for everything
// else: other protocols, fragments without a TCP header, extension headers,
// frames that end too early.
func parse(frame []byte) (f Flow, begins, ok bool) {
	if len(frame) < ethernetLen {
		return Flow{}, false, false
	}
	packet := frame[ethernetLen:]
	var src, dst netip.Addr
	var segment []byte
	switch binary.BigEndian.Uint16(frame[12:]) {
	case 0x0800:
		// RFC 791, 3.1: version and length in words; flags and fragment
		// offset; protocol; addresses.
		if len(packet) < ipv4Len || packet[0]>>4 != 4 || packet[9] != 6 || binary.BigEndian.Uint16(packet[6:])&0x1fff != 0 {
			return Flow{}, false, false
		}
		n := int(packet[0]&15) * 4
		if n < ipv4Len || len(packet) < n {
			return Flow{}, false, false
		}
		src, dst, segment = netip.AddrFrom4([4]byte(packet[12:16])), netip.AddrFrom4([4]byte(packet[16:20])), packet[n:]
	case 0x86dd:
		// RFC 8200, 3: next header; addresses.
		if len(packet) < ipv6Len || packet[0]>>4 != 6 || packet[6] != 6 {
			return Flow{}, false, false
		}
		src, dst, segment = netip.AddrFrom16([16]byte(packet[8:24])), netip.AddrFrom16([16]byte(packet[24:40])), packet[ipv6Len:]
	default:
		return Flow{}, false, false
	}
	if len(segment) < tcpLen {
		return Flow{}, false, false
	}
	f.Remote = netip.AddrPortFrom(src, binary.BigEndian.Uint16(segment))
	f.Local = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(segment[2:]))
	return f, segment[13]&(flagSYN|flagACK) == flagSYN, true
}
