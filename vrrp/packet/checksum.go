package packet

import (
	"encoding/binary"
	"net/netip"
)

// sum adds data to a running one's complement sum (RFC 1071). An odd last byte counts as the high half of a word, so
// only the last piece of a message may be odd.
func sum(acc uint32, data []byte) uint32 {
	for len(data) >= 2 {
		acc += uint32(binary.BigEndian.Uint16(data))
		data = data[2:]
	}
	if len(data) == 1 {
		acc += uint32(data[0]) << 8
	}
	return acc
}

// fold turns a running sum into the checksum.
func fold(acc uint32) uint16 {
	for acc > 0xffff {
		acc = acc>>16 + acc&0xffff
	}
	return ^uint16(acc)
}

// pseudo begins a sum with the pseudo-header that RFC 9568, 5.2.8 puts in front of the message. Both families have the
// same words in it: addresses, length, protocol.
func pseudo(src, dst netip.Addr, length int) uint32 {
	acc := uint32(length) + Protocol
	if src.Is4() {
		a, b := src.As4(), dst.As4()
		return sum(sum(acc, a[:]), b[:])
	}
	a, b := src.As16(), dst.As16()
	return sum(sum(acc, a[:]), b[:])
}
