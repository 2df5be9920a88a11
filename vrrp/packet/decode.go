package packet

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"net/netip"
	"time"
)

// Meta is what a socket tells about a received packet beside its bytes. With IPv4 all of it stands in the packet's
// own header, and the fields are not looked at.
type Meta struct {
	Src, Dst netip.Addr
	// HopLimit is -1 if the socket did not tell it.
	HopLimit int
}

// Ethernet pads short frames to 46 bytes of payload, and every VLAN tag that was taken off leaves 4 bytes more.
const (
	minEthernetPayload = 46
	lenVLANTag         = 4
)

// padded says whether got bytes can be a packet of want bytes in a padded Ethernet frame.
func padded(want, got int) bool {
	return want < minEthernetPayload && got > want && (got-want)%lenVLANTag == (lenVLANTag-minEthernetPayload%lenVLANTag)%lenVLANTag
}

// Parse judges a received packet: b begins with the IPv4 header, or with the VRRP header if the family is IPv6. now
// is the wall clock. The error is a *[Drop] that names the first failed check. b is not kept, and is unchanged when
// Parse returns.
//
// The caller finds the instance by the packet's [VRID], unless the socket has sorted the packets already.
func (c *Codec) Parse(b []byte, meta Meta, now time.Time) (Advert, error) {
	m := message{src: meta.Src.Unmap(), dst: meta.Dst.Unmap(), ttl: meta.HopLimit}
	if err := c.frame(b, &m); err != nil {
		return Advert{}, err
	}
	if m.body[1] != c.VRID {
		return Advert{}, drop(CheckVRID, m.src, "VRID %d, ours %d", m.body[1], c.VRID)
	}
	if !c.unicast() && m.ttl >= 0 && m.ttl != TTL {
		return Advert{}, drop(CheckTTL, m.src, "TTL %d, must be %d", m.ttl, TTL)
	}
	if v := Version(m.body[0] >> 4); v != c.Version {
		return Advert{}, drop(CheckVersion, m.src, "%v, ours %v", v, c.Version)
	}
	if c.hmac != nil {
		if err := c.checkTrailer(&m, now); err != nil {
			return Advert{}, err
		}
	}
	if c.Version == V2 {
		if err := c.checkV2(b, &m); err != nil {
			return Advert{}, err
		}
	}
	if c.Version == V3 && m.interval(V3) == 0 {
		return Advert{}, drop(CheckInterval, m.src, "interval 0 s")
	}
	kind := m.body[0] & 0xf
	if kind != typeAdvert && kind != typeIntroduction {
		return Advert{}, drop(CheckType, m.src, "VRRP type %d, must be %d (advertisement)", kind, typeAdvert)
	}
	if c.Family == IPv4 && m.total != len(b) && !(len(b) <= minEthernetPayload && padded(m.total, len(b))) {
		return Advert{}, drop(CheckTotalLength, m.src, "IPv4 total length %d, received %d bytes", m.total, len(b))
	}
	if err := c.checkSum(&m); err != nil {
		return Advert{}, err
	}
	if multicast := m.dst.IsMulticast(); m.dst.IsValid() && multicast == c.unicast() {
		return Advert{}, drop(CheckDestination, m.src, "sent to %v, ours is a %s instance", m.dst, castWord(c.unicast()))
	}
	if c.IgnoreAsOwner && kind == typeAdvert {
		return Advert{}, drop(CheckOwner, m.src, "ignored: ours is the owner of the addresses")
	}
	if err := c.checkSource(&m); err != nil {
		return Advert{}, err
	}
	adv := Advert{
		Source:   m.src,
		VRID:     m.body[1],
		Priority: m.body[2],
		Version:  c.Version,
		Interval: m.interval(c.Version),
		Count:    int(m.body[3]),
		Differs:  m.differs,

		Introduction: kind == typeIntroduction,
	}
	if c.Version == V3 && adv.Interval != c.Interval {
		adv.Differs |= DiffersInterval
	}
	adv.Differs |= c.compareAddresses(&m)
	c.lastSource = m.src
	return adv, nil
}

// message is a received packet on its way through the checks.
type message struct {
	src, dst netip.Addr
	ttl      int    // -1: not known
	ipLen    int    // IPv4 header with options
	total    int    // IPv4 total length field
	body     []byte // from the VRRP header to the end of the message, without trailer and padding
	trailer  []byte // body and the auth_hmac trailer; nil without one
	differs  Difference
}

func (m *message) interval(v Version) time.Duration {
	if v == V2 {
		return time.Duration(m.body[5]) * time.Second
	}
	// RFC 9568, 5.2.6: "The Reserve field MUST be set to zero on transmission and ignored on reception."
	return time.Duration(binary.BigEndian.Uint16(m.body[4:])&0xfff) * centisecond
}

func castWord(unicast bool) string {
	if unicast {
		return "unicast"
	}
	return "multicast"
}

// frame finds the message in the packet.
func (c *Codec) frame(b []byte, m *message) error {
	rest := b
	if c.Family == IPv4 {
		h, ok := parseIPv4(b)
		if !ok {
			return drop(CheckHeader, m.src, "%d bytes are not an IPv4 packet", len(b))
		}
		m.src, m.dst, m.ttl, m.ipLen, m.total = h.src, h.dst, int(h.ttl), h.len, h.total
		if ah := h.protocol == ProtocolAH; ah != (c.Auth == AuthAH) {
			if ah {
				return drop(CheckAHHeader, m.src, "has an AH header, our auth_type is %v", c.Auth)
			}
			return drop(CheckAHHeader, m.src, "has no AH header, our auth_type is AH")
		}
		rest = b[h.len:]
		if c.Auth == AuthAH {
			if len(rest) < lenAH {
				return drop(CheckHeader, m.src, "%d bytes are too short for IPv4 and AH headers", len(b))
			}
			rest = rest[lenAH:]
		}
	}
	if len(rest) < lenVRRP {
		return drop(CheckHeader, m.src, "%d bytes are too short for a VRRP header", len(b))
	}
	// What the packet itself says of its version and count decides how long it must be: keepalived's way, so that
	// a wrong version is reported as that and not as a wrong length.
	want := lenVRRP + int(rest[3])*c.Family.addressLen()
	if rest[0]>>4 == byte(V2) && c.Family == IPv4 {
		want += lenAuth
	}
	if c.hmac != nil && len(rest) == want+lenTrailer {
		m.body, m.trailer = rest[:want], rest
		return nil
	}
	if len(rest) != want {
		head := len(b) - len(rest)
		if !padded(head+want, len(b)) {
			return drop(CheckLength, m.src, "%d bytes, %d addresses need %d", len(b), rest[3], head+want)
		}
	}
	m.body = rest[:want]
	return nil
}

func (c *Codec) checkTrailer(m *message, now time.Time) error {
	if m.trailer == nil {
		if c.hmac.Mode != TrailerEnforce {
			return nil
		}
		return drop(CheckTrailerMissing, m.src, "no auth_hmac trailer, ours enforces one")
	}
	if c.unicast() && c.peer(m.src) == nil {
		return drop(CheckTrailerSource, m.src, "not one of the unicast peers")
	}
	skewed, err := c.hmac.check(c, m.src, m.trailer, now)
	if skewed {
		m.differs |= DiffersClock
	}
	return err
}

// checkV2 makes the checks that only VRRPv2 has: authentication and interval.
func (c *Codec) checkV2(b []byte, m *message) error {
	t := AuthType(m.body[4])
	if t > AuthAH {
		return drop(CheckAuthType, m.src, "unknown %v, ours %v", t, c.Auth)
	}
	if t != c.Auth {
		return drop(CheckAuthMismatch, m.src, "auth_type %v, ours %v", t, c.Auth)
	}
	switch c.Auth {
	case AuthPass:
		if subtle.ConstantTimeCompare(m.body[len(m.body)-lenAuth:], c.Key[:]) != 1 {
			return drop(CheckPassword, m.src, "auth_pass differs from ours")
		}
	case AuthAH:
		end := m.ipLen + lenAH + len(m.body)
		if err := c.ah.check(b[:end], m.ipLen, c.unicast(), m.src); err != nil {
			return err
		}
	}
	if got := m.interval(V2); got != c.Interval {
		return drop(CheckInterval, m.src, "interval %d s, ours %d s", got/time.Second, c.Interval/time.Second)
	}
	return nil
}

// checkSum verifies the checksum. That of IPv6 is verified by the kernel as well; here it is for sockets that did
// not ask for it.
func (c *Codec) checkSum(m *message) error {
	body := m.body
	if c.Family == IPv6 {
		if m.trailer != nil {
			body = m.trailer
		}
		if !m.dst.IsValid() || !m.src.IsValid() {
			return nil
		}
	}
	if fold(sum(c.begin(m.src, m.dst, len(body), c.oldUnicast), body)) == 0 {
		return nil
	}
	if c.Checksum == ChecksumAsV2 && c.Version == V3 && c.Family == IPv4 {
		return nil
	}
	if c.Checksum == ChecksumRFC && c.Version == V3 && c.Family == IPv4 && c.unicast() && !c.oldUnicast &&
		fold(sum(c.begin(m.src, m.dst, len(body), true), body)) == 0 {
		c.oldUnicast = true
		return nil
	}
	return drop(CheckChecksum, m.src, "checksum %#04x is wrong", binary.BigEndian.Uint16(body[6:]))
}

func (c *Codec) peer(src netip.Addr) *Peer {
	for i := range c.Peers {
		if c.Peers[i].Addr == src {
			return &c.Peers[i]
		}
	}
	return nil
}

func (c *Codec) checkSource(m *message) error {
	if !c.CheckSource || !c.unicast() {
		return nil
	}
	p := c.peer(m.src)
	if p == nil {
		return drop(CheckSource, m.src, "not one of the unicast peers")
	}
	if m.ttl >= 0 && (p.MinTTL != 0 || p.MaxTTL != 0) && (m.ttl < int(p.MinTTL) || m.ttl > int(p.MaxTTL)) {
		return drop(CheckPeerTTL, m.src, "TTL %d is not in %d to %d", m.ttl, p.MinTTL, p.MaxTTL)
	}
	return nil
}

// compareAddresses compares the address list with ours. A difference is reported, not a reason to drop: RFC 9568,
// 7.1 lets the check decide over a misconfiguration log entry only.
func (c *Codec) compareAddresses(m *message) Difference {
	if int(m.body[3]) != len(c.Addresses) {
		return DiffersCount
	}
	if c.SkipAddressCheck && m.src == c.lastSource {
		return 0
	}
	n := c.Family.addressLen()
	list := m.body[lenVRRP:]
	for i, a := range c.Addresses {
		var x [lenIPv6A]byte
		if n == lenIPv4A {
			v := a.As4()
			copy(x[:], v[:])
		} else {
			x = a.As16()
		}
		// Usually both nodes have the same order.
		if bytes.Equal(x[:n], list[i*n:i*n+n]) {
			continue
		}
		if !holds(list[:len(c.Addresses)*n], x[:n]) {
			return DiffersAddresses
		}
	}
	return 0
}

// holds says whether one of the addresses in list is a.
func holds(list, a []byte) bool {
	for len(list) >= len(a) {
		if bytes.Equal(list[:len(a)], a) {
			return true
		}
		list = list[len(a):]
	}
	return false
}

// Addresses returns the virtual addresses that a received packet carries, for a report about a difference. It
// allocates. b is as in Parse.
func Addresses(family Family, b []byte) []netip.Addr {
	v, ok := vrrpPart(family, b)
	if !ok {
		return nil
	}
	n := family.addressLen()
	list := v[lenVRRP:]
	var out []netip.Addr
	for i := 0; i < int(v[3]) && len(list) >= n; i++ {
		a, _ := netip.AddrFromSlice(list[:n])
		out = append(out, a)
		list = list[n:]
	}
	return out
}
