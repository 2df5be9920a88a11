package packet

import (
	"encoding/binary"
	"net/netip"
)

// ipv4Header is what is looked at in a received IPv4 header.
type ipv4Header struct {
	len      int // with options, bytes
	total    int // total length field, bytes
	ttl      uint8
	protocol uint8
	src, dst netip.Addr
}

// parseIPv4 reads an IPv4 header. ok is false if there is none, or if it does not fit into the packet.
func parseIPv4(b []byte) (h ipv4Header, ok bool) {
	if len(b) < lenIPv4 || b[0]>>4 != 4 {
		return h, false
	}
	h.len = int(b[0]&0xf) * 4
	if h.len < lenIPv4 || len(b) < h.len {
		return h, false
	}
	h.total = int(binary.BigEndian.Uint16(b[2:]))
	h.ttl = b[8]
	h.protocol = b[9]
	h.src = netip.AddrFrom4([4]byte(b[12:16]))
	h.dst = netip.AddrFrom4([4]byte(b[16:20]))
	return h, true
}

// putIPv4 writes a header without options into b[:20]. The header checksum is left at zero: the AH integrity value
// is computed over it like that, and sealIPv4 fills it in at the end.
func putIPv4(b []byte, total int, id uint16, ttl, protocol uint8, src, dst netip.Addr) {
	b[0] = 4<<4 | lenIPv4/4
	b[1] = tosInternetControl
	binary.BigEndian.PutUint16(b[2:], uint16(total))
	binary.BigEndian.PutUint16(b[4:], id)
	b[6], b[7] = 0, 0
	b[8] = ttl
	b[9] = protocol
	b[10], b[11] = 0, 0
	s, d := src.As4(), dst.As4()
	copy(b[12:16], s[:])
	copy(b[16:20], d[:])
}

// sealIPv4 writes the header checksum. The kernel would do it too; a packet that is complete by itself can be
// compared with a captured one.
func sealIPv4(b []byte) {
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], fold(sum(0, b[:lenIPv4])))
}

// VRID returns the virtual router that a received packet is about, so that the right instance can judge it. b begins
// with the IPv4 header, or with the VRRP header if the family is IPv6. ok is false if the packet is too short to say.
func VRID(family Family, b []byte) (vrid uint8, ok bool) {
	v, ok := vrrpPart(family, b)
	if !ok {
		return 0, false
	}
	return v[1], true
}

// vrrpPart returns the packet from the VRRP header on.
func vrrpPart(family Family, b []byte) ([]byte, bool) {
	if family == IPv4 {
		h, ok := parseIPv4(b)
		if !ok {
			return nil, false
		}
		b = b[h.len:]
		if h.protocol == ProtocolAH {
			if len(b) < lenAH {
				return nil, false
			}
			b = b[lenAH:]
		}
	}
	return b, len(b) >= lenVRRP
}
