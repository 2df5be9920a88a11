package packet

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"net/netip"
)

// ahState is the IPsec authentication header of an instance (RFC 2402 with HMAC-MD5-96, RFC 2403), in the way that
// keepalived uses it: the security parameter index is the sender's address, the key is auth_pass, and a new master
// continues the sequence numbers where it heard the old one stop.
type ahState struct {
	mac   hash.Hash
	seq   uint32 // of the last advert sent or heard
	heard uint32 // of the last advert heard: two that become master together both send the same next number
	icv   [md5.Size]byte
	ip    [60]byte // the received IP header with its mutable fields zeroed
}

func (a *ahState) init(key [8]byte) { a.mac = hmac.New(md5.New, key[:]) }

// next advances the sequence number. It stops at the end of its range instead of wrapping; at one advert a second
// that takes 136 years.
func (a *ahState) next() {
	if a.seq <= 0xfffffffd {
		a.seq++
	}
}

// put writes the AH header behind the IPv4 header of b and signs both and the message.
func (a *ahState) put(b []byte, unicast bool) {
	h := b[lenIPv4 : lenIPv4+lenAH]
	h[0] = Protocol
	h[1] = lenAH/4 - 2 // RFC 2402, 2.2: in 32-bit words minus 2
	h[2], h[3] = 0, 0
	copy(h[4:8], b[12:16])
	binary.BigEndian.PutUint32(h[8:], a.seq)
	clear(h[12:24])
	copy(h[12:24], a.value(b[:lenIPv4], b[lenIPv4:], unicast))
}

// value computes the integrity value over an IP header and what follows it, in which the value itself is zero. What
// may change on the way counts as zero: RFC 2402, 3.3.3.1.1.1. keepalived keeps the TTL of multicast in.
func (a *ahState) value(ip, rest []byte, unicast bool) []byte {
	h := a.ip[:copy(a.ip[:], ip)]
	h[1] = 0
	h[6], h[7] = 0, 0
	if unicast {
		h[8] = 0
	}
	h[10], h[11] = 0, 0
	a.mac.Reset()
	a.mac.Write(h)
	a.mac.Write(rest)
	return a.mac.Sum(a.icv[:0])[:12]
}

// check verifies the AH header at b[ipLen:]. b is changed and restored.
func (a *ahState) check(b []byte, ipLen int, unicast bool, src netip.Addr) error {
	h := b[ipLen : ipLen+lenAH]
	if h[0] != Protocol {
		return drop(CheckAHProtocol, src, "AH header in front of protocol %d, not VRRP", h[0])
	}
	var got [12]byte
	copy(got[:], h[12:24])
	clear(h[12:24])
	want := a.value(b[:ipLen], b[ipLen:], unicast)
	copy(h[12:24], got[:])
	if subtle.ConstantTimeCompare(got[:], want) != 1 {
		return drop(CheckAHValue, src, "AH integrity value is wrong: its auth_pass differs from ours, or it was changed on the way")
	}
	if [4]byte(h[4:8]) != [4]byte(b[12:16]) {
		return drop(CheckAHIndex, src, "AH security parameter index %d.%d.%d.%d is not the sender's address", h[4], h[5], h[6], h[7])
	}
	seq := binary.BigEndian.Uint32(h[8:])
	if seq <= a.heard {
		return drop(CheckAHReplay, src, "AH sequence number %d already seen, last %d", seq, a.heard)
	}
	a.heard, a.seq = seq, max(a.seq, seq)
	return nil
}
