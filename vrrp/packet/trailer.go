package packet

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"net/netip"
	"time"
)

// The auth_hmac trailer of keepalived 2.4: 28 bytes behind the VRRP message. The message's own length fields do not
// count it, the IPv4 total length does.
//
//	byte 0      scheme, 1 = HMAC-SHA256 cut to 128 bits
//	byte 1      key id
//	bytes 2-3   zero
//	bytes 4-7   seconds since 1970
//	bytes 8-9   fraction of the second, in 1/65536
//	bytes 10-11 counter within one time
//	bytes 12-27 HMAC over a pseudo-header, the message with a zero checksum, and the trailer with a zero HMAC
const (
	lenTrailer       = 28
	lenTrailerHMAC   = 16
	trailerScheme    = 1
	lenTrailerPseudo = 20

	minTrailerKey = 32
	maxTrailerKey = 64

	// trailerSenders is how many multicast senders' last sequence numbers are kept. Several at once exist only
	// during an election.
	trailerSenders = 4
)

// TrailerMode says what is sent and demanded; the modes are the steps of moving a pair to auth_hmac.
type TrailerMode uint8

// The modes.
const (
	// TrailerEnforce signs, and demands a valid trailer.
	TrailerEnforce TrailerMode = iota
	// TrailerPermissive signs, verifies a trailer that is there, and accepts adverts without.
	TrailerPermissive
	// TrailerReceiveOnly is TrailerPermissive without signing.
	TrailerReceiveOnly
)

// String returns keepalived's word for the mode.
func (m TrailerMode) String() string {
	switch m {
	case TrailerEnforce:
		return "enforce"
	case TrailerPermissive:
		return "permissive"
	case TrailerReceiveOnly:
		return "receive-only"
	}
	return fmt.Sprintf("mode %d", uint8(m))
}

// TrailerKey is one signing key.
type TrailerKey struct {
	ID     uint8 // 1 to 255
	Secret []byte
}

// Trailer configures the auth_hmac trailer.
type Trailer struct {
	Keys []TrailerKey
	// Active is the id of the key that signs.
	Active uint8
	Mode   TrailerMode
	// Window is how far the sender's clock may be from ours; 0: the clocks do not matter, sequence numbers must
	// only grow (keepalived's "anti_replay monotonic").
	Window time.Duration
}

func (t *Trailer) validate() error {
	if len(t.Keys) == 0 {
		return errors.New("packet: auth_hmac without a key")
	}
	active := false
	for i, k := range t.Keys {
		if k.ID == 0 {
			return errors.New("packet: auth_hmac key id 0 is not in 1 to 255")
		}
		if len(k.Secret) < minTrailerKey || len(k.Secret) > maxTrailerKey {
			return fmt.Errorf("packet: auth_hmac key %d has %d bytes, not %d to %d", k.ID, len(k.Secret), minTrailerKey, maxTrailerKey)
		}
		for _, other := range t.Keys[:i] {
			if other.ID == k.ID {
				return fmt.Errorf("packet: auth_hmac key id %d is there twice", k.ID)
			}
		}
		active = active || k.ID == t.Active
	}
	if !active {
		return fmt.Errorf("packet: auth_hmac active_key %d is not one of the keys", t.Active)
	}
	return nil
}

// trailerState is a Trailer with its sequence numbers.
type trailerState struct {
	*Trailer
	macs    map[uint8]hash.Hash // by key id
	seq     uint64              // last sent
	senders [trailerSenders]trailerSender
	used    uint64 // counts up with every use of a sender's entry
	digest  [sha256.Size]byte
	pseudo  [lenTrailerPseudo]byte
}

// trailerSender is the last sequence number of one sender.
type trailerSender struct {
	addr netip.Addr
	seq  uint64
	used uint64
}

func newTrailerState(t *Trailer) *trailerState {
	s := &trailerState{Trailer: t, macs: make(map[uint8]hash.Hash, len(t.Keys))}
	for _, k := range t.Keys {
		s.macs[k.ID] = hmac.New(sha256.New, k.Secret)
	}
	return s
}

func (s *trailerState) inherit(old *trailerState) {
	s.seq, s.senders, s.used = old.seq, old.senders, old.used
}

func (s *trailerState) signs() bool { return s.Mode != TrailerReceiveOnly }

// after compares sequence numbers by RFC 1982, so that the order survives the end of the 32-bit seconds.
func after(a, b uint64) bool { return int64(a-b) > 0 }

// clockSequence is the sequence number of a moment with the counter at zero.
func clockSequence(now time.Time) uint64 {
	return uint64(uint32(now.Unix()))<<32 | uint64(now.Nanosecond())<<16/1e9<<16
}

// next advances the sequence number: the clock, or the last number plus one if the clock did not advance.
func (s *trailerState) next(now time.Time) {
	clock := clockSequence(now)
	if after(clock, s.seq) {
		s.seq = clock
		return
	}
	ahead := time.Duration(int32(uint32(s.seq>>32)-uint32(clock>>32))) * time.Second
	if s.Window > 0 && ahead > s.Window {
		// Our clock was set back. The receivers refuse the old times, and forget the mark that they keep of us
		// once it is outside of their window.
		s.seq = clock
		return
	}
	s.seq++
}

// sign writes the trailer at the end of b, which begins with the VRRP message.
func (s *trailerState) sign(c *Codec, b []byte) {
	t := b[len(b)-lenTrailer:]
	t[0], t[1], t[2], t[3] = trailerScheme, s.Active, 0, 0
	binary.BigEndian.PutUint64(t[4:], s.seq)
	copy(t[12:], s.value(s.macs[s.Active], c, c.src, b))
}

// value computes the HMAC over b, which ends with the trailer. IP header and destination are not in it: the copies
// for several peers are equal.
func (s *trailerState) value(mac hash.Hash, c *Codec, src netip.Addr, b []byte) []byte {
	p := &s.pseudo
	*p = [lenTrailerPseudo]byte{byte(c.Family), byte(c.Version), c.VRID}
	if c.Family == IPv4 {
		a := src.As4()
		copy(p[4:], a[:])
	} else {
		a := src.As16()
		copy(p[4:], a[:])
	}
	mac.Reset()
	mac.Write(p[:])
	mac.Write(b[:6])
	mac.Write(zeros[:2]) // the checksum
	mac.Write(b[8 : len(b)-lenTrailerHMAC])
	mac.Write(zeros[:])
	return mac.Sum(s.digest[:0])[:lenTrailerHMAC]
}

var zeros [lenTrailerHMAC]byte

// check verifies the trailer at the end of b, which begins with the VRRP message. skewed says that the sender's clock
// is more than half of the window away.
func (s *trailerState) check(c *Codec, src netip.Addr, b []byte, now time.Time) (skewed bool, err error) {
	t := b[len(b)-lenTrailer:]
	if t[0] != trailerScheme || t[2] != 0 || t[3] != 0 {
		return false, drop(CheckTrailerFormat, src, "auth_hmac trailer of scheme %d, reserved %#x: ours is scheme %d, reserved 0",
			t[0], binary.BigEndian.Uint16(t[2:]), trailerScheme)
	}
	seq := binary.BigEndian.Uint64(t[4:])
	// The time is judged first: a flood of old captures must not cost a digest each.
	if s.Window > 0 {
		skew := secondsFrom(seq, now)
		if skew.Abs() > s.Window {
			return false, drop(CheckTrailerStale, src, "auth_hmac trailer is %v away from our clock, window %v", skew.Abs(), s.Window)
		}
		skewed = skew.Abs() > s.Window/2
	}
	mac := s.macs[t[1]]
	if mac == nil {
		return false, drop(CheckTrailerKey, src, "auth_hmac key id %d is not one of ours", t[1])
	}
	if subtle.ConstantTimeCompare(t[12:], s.value(mac, c, src, b)) != 1 {
		return false, drop(CheckTrailerHMAC, src, "auth_hmac value is wrong: key %d differs from ours, or the packet was changed", t[1])
	}
	m := s.sender(src)
	if m.seq != 0 && s.Window > 0 && secondsFrom(m.seq, now).Abs() > s.Window {
		m.seq = 0
	}
	if m.seq != 0 && !after(seq, m.seq) {
		return false, drop(CheckTrailerReplay, src, "auth_hmac sequence %#x already seen, last %#x", seq, m.seq)
	}
	m.seq = seq
	return skewed, nil
}

// secondsFrom is how far the time in a sequence number is behind now, in whole seconds.
func secondsFrom(seq uint64, now time.Time) time.Duration {
	return time.Duration(int32(uint32(now.Unix())-uint32(seq>>32))) * time.Second
}

// sender returns the entry of a sender, taking over the one that was longest not used. It is reached only behind
// the HMAC: forged senders cannot push out the real ones.
func (s *trailerState) sender(src netip.Addr) *trailerSender {
	s.used++
	oldest := &s.senders[0]
	for i := range s.senders {
		e := &s.senders[i]
		if e.used > 0 && e.addr == src {
			e.used = s.used
			return e
		}
		if e.used < oldest.used {
			oldest = e
		}
	}
	*oldest = trailerSender{addr: src, used: s.used}
	return oldest
}
