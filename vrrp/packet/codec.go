package packet

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Codec encodes and decodes the adverts of one instance. It is not safe for use by several goroutines.
type Codec struct {
	Settings

	dst []netip.Addr // where each advert goes
	buf []byte       // the advert being sent

	src  netip.Addr
	kind byte // typeAdvert or typeIntroduction
	prio uint8
	id   uint16
	ah   ahState
	hmac *trailerState

	oldUnicast bool // ChecksumOldUnicast, configured or learned from a peer
	lastSource netip.Addr
}

// NewCodec returns a codec for an instance. The error is that of Settings.Validate.
func NewCodec(s Settings) (*Codec, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	c := &Codec{Settings: s, oldUnicast: s.Checksum == ChecksumOldUnicast}
	if s.unicast() {
		for _, p := range s.Peers {
			c.dst = append(c.dst, p.Addr)
		}
	} else {
		c.dst = []netip.Addr{s.group()}
	}
	if s.Auth == AuthAH {
		c.ah.init(s.Key)
	}
	if s.Trailer != nil {
		c.hmac = newTrailerState(s.Trailer)
	}
	return c, nil
}

// Inherit takes over the counters of the codec that the instance had before a reload, so that the peers do not
// take the next adverts for replayed ones.
func (c *Codec) Inherit(old *Codec) {
	c.id = old.id
	c.ah.seq, c.ah.heard = old.ah.seq, old.ah.heard
	c.oldUnicast = c.oldUnicast || old.oldUnicast && c.Checksum == ChecksumRFC
	if c.hmac != nil && old.hmac != nil {
		c.hmac.inherit(old.hmac)
	}
}

// Destinations returns where every advert goes: the multicast group, or each unicast peer. The slice is the codec's.
func (c *Codec) Destinations() []netip.Addr { return c.dst }

// Protocol returns the IP protocol number that the instance's packets travel under.
func (c *Codec) Protocol() int {
	if c.Auth == AuthAH {
		return ProtocolAH
	}
	return Protocol
}

// Begin starts a new advert with the given priority, from src. The copies for the destinations are then taken with
// Packet: they share one identification and one sequence number, as keepalived's do. now is the wall clock; only
// the auth_hmac trailer uses it.
func (c *Codec) Begin(src netip.Addr, priority uint8, now time.Time) {
	c.begins(typeAdvert, src, priority, now)
}

// Introduce starts an introduction in place of an advert: what a backup says of itself to nodes with tandem, in the
// form and with the authentication of its adverts. Everybody else discards it.
func (c *Codec) Introduce(src netip.Addr, priority uint8, now time.Time) {
	c.begins(typeIntroduction, src, priority, now)
}

func (c *Codec) begins(kind byte, src netip.Addr, priority uint8, now time.Time) {
	c.kind = kind
	c.src = src.Unmap()
	c.prio = priority
	if c.id++; c.id == 0 {
		c.id = 1 // 0 would let the kernel choose
	}
	if c.Auth == AuthAH {
		c.ah.next()
	}
	if c.hmac != nil {
		c.hmac.next(now)
	}
}

// Packet returns the current advert for one destination: with its IPv4 header, or from the VRRP header on if the
// family is IPv6. The bytes are valid until the next call.
func (c *Codec) Packet(dst netip.Addr) []byte {
	dst = dst.Unmap()
	head := 0
	if c.Family == IPv4 {
		head = lenIPv4
		if c.Auth == AuthAH {
			head += lenAH
		}
	}
	length := c.messageLen(len(c.Addresses))
	total := head + length
	if c.hmac != nil && c.hmac.signs() {
		total += lenTrailer
	}
	if cap(c.buf) < total {
		c.buf = make([]byte, total)
	}
	b := c.buf[:total]
	c.putMessage(b[head:head+length], dst)
	if total > head+length {
		c.hmac.sign(c, b[head:total])
		if c.Family == IPv6 {
			// The kernel sums up the whole payload of IPv6, the trailer with it.
			c.putChecksum(b[head:], dst)
		}
	}
	if c.Family == IPv4 {
		ttl := c.TTL
		if ttl == 0 {
			ttl = TTL
		}
		putIPv4(b, total, c.id, ttl, uint8(c.Protocol()), c.src, dst)
		if c.Auth == AuthAH {
			c.ah.put(b, c.unicast())
		}
		sealIPv4(b)
	}
	return b
}

// messageLen is the length of a VRRP message with n addresses.
func (c *Codec) messageLen(n int) int {
	length := lenVRRP + n*c.Family.addressLen()
	if c.Version == V2 && c.Family == IPv4 {
		length += lenAuth
	}
	return length
}

// putMessage writes the VRRP message.
func (c *Codec) putMessage(b []byte, dst netip.Addr) {
	b[0] = byte(c.Version)<<4 | c.kind
	b[1] = c.VRID
	b[2] = c.prio
	b[3] = byte(len(c.Addresses))
	if c.Version == V2 {
		b[4] = byte(c.Auth)
		b[5] = byte(c.Interval / time.Second)
	} else {
		// RFC 9568, 5.2.6: "The Reserve field MUST be set to zero on transmission".
		binary.BigEndian.PutUint16(b[4:], uint16(c.Interval/centisecond)&0xfff)
	}
	at := b[lenVRRP:]
	for _, a := range c.Addresses {
		if c.Family == IPv4 {
			x := a.As4()
			at = at[copy(at, x[:]):]
		} else {
			x := a.As16()
			at = at[copy(at, x[:]):]
		}
	}
	if len(at) > 0 {
		clear(at)
		if c.Auth == AuthPass {
			copy(at, c.Key[:])
		}
	}
	c.putChecksum(b, dst)
}

func (c *Codec) putChecksum(b []byte, dst netip.Addr) {
	b[6], b[7] = 0, 0
	binary.BigEndian.PutUint16(b[6:], fold(sum(c.begin(c.src, dst, len(b), c.oldUnicast), b)))
}

// begin is what the sum over a message starts from.
func (c *Codec) begin(src, dst netip.Addr, length int, oldUnicast bool) uint32 {
	switch {
	case c.Family == IPv6:
		return pseudo(src, dst, length)
	case c.Version == V2 || c.Checksum == ChecksumAsV2:
		return 0
	case oldUnicast && c.unicast():
		return pseudo(src, GroupIPv4, length)
	}
	return pseudo(src, dst, length)
}
