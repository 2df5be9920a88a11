// Package packet is the codec of VRRP advertisements: VRRPv2 (RFC 3768) and VRRPv3 (RFC 5798, RFC 9568) over
// IPv4 and IPv6, multicast and unicast, with the authentications that keepalived speaks: a password (PASS), an
// IPsec authentication header (AH), and the HMAC-SHA256 trailer of keepalived 2.4.
//
// The package does no I/O and reads no clock. A [Codec] belongs to one VRRP instance: it holds the counters that
// go into the packets (IP identification, AH sequence, trailer sequence) and judges what is received against the
// instance's own settings. Neither direction allocates in the steady state; only a refused packet does.
package packet

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Protocol numbers and addresses of VRRP.
const (
	// Protocol is the IP protocol number of VRRP. RFC 9568, 5.1.1.4.
	Protocol = 112
	// ProtocolAH is the IP protocol number of the IPsec authentication header that carries a VRRPv2 advert when
	// the instance authenticates with AH.
	ProtocolAH = 51
	// TTL is the time to live (hop limit in IPv6) of every advert that is multicast. RFC 9568, 5.1.1.3: "The TTL
	// MUST be set to 255."
	TTL = 255
	// PriorityOwner is the priority of the router that owns the virtual addresses. RFC 9568, 5.2.4.
	PriorityOwner = 255
	// PriorityStop is what a master sends that is giving up its role. RFC 9568, 5.2.4.
	PriorityStop = 0
	// MaxAddresses is how many addresses the eight-bit count of an advert can carry.
	MaxAddresses = 255

	// tosInternetControl is keepalived's type of service: precedence "internetwork control".
	tosInternetControl = 0xc0

	lenIPv4  = 20 // an IPv4 header without options
	lenAH    = 24 // an AH header with a 96-bit integrity value
	lenVRRP  = 8  // the fixed part of an advert
	lenAuth  = 8  // VRRPv2's authentication data, there even with authentication type 0
	lenIPv4A = 4
	lenIPv6A = 16

	typeAdvert = 1
	// typeIntroduction is not in any RFC. RFC 9568, 5.2.2: "A packet with unknown type MUST be discarded".
	typeIntroduction = 15
)

// GroupIPv4 and GroupIPv6 are the multicast destinations of adverts. RFC 9568, 5.1.1.2 and 5.1.2.2.
var (
	GroupIPv4 = netip.AddrFrom4([4]byte{224, 0, 0, 18})
	GroupIPv6 = netip.MustParseAddr("ff02::12")
)

// Version is a VRRP version.
type Version uint8

// The versions that are spoken.
const (
	V2 Version = 2 // RFC 3768
	V3 Version = 3 // RFC 5798, RFC 9568
)

// String returns "VRRPv2" or "VRRPv3".
func (v Version) String() string { return fmt.Sprintf("VRRPv%d", uint8(v)) }

// Family is an address family.
type Family uint8

// The address families.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// String returns "IPv4" or "IPv6".
func (f Family) String() string { return fmt.Sprintf("IPv%d", uint8(f)) }

// FamilyOf returns the family of an address.
func FamilyOf(a netip.Addr) Family {
	if a.Is4() || a.Is4In6() {
		return IPv4
	}
	return IPv6
}

func (f Family) addressLen() int {
	if f == IPv6 {
		return lenIPv6A
	}
	return lenIPv4A
}

// AuthType is VRRPv2's authentication type as it stands in the packet. RFC 2338, 5.3.6 (RFC 3768 keeps the
// numbers and takes the meaning away).
type AuthType uint8

// The authentication types.
const (
	AuthNone AuthType = 0
	AuthPass AuthType = 1 // an eight-byte password in clear text
	AuthAH   AuthType = 2 // HMAC-MD5-96 in an IPsec authentication header
)

// String returns keepalived's word for the type.
func (t AuthType) String() string {
	switch t {
	case AuthNone:
		return "none"
	case AuthPass:
		return "PASS"
	case AuthAH:
		return "AH"
	}
	return fmt.Sprintf("authentication type %d", uint8(t))
}

// Peer is a router that unicast adverts go to and come from.
type Peer struct {
	Addr netip.Addr
	// MinTTL and MaxTTL bound the TTL of what the peer sends; both 0: any TTL. Looked at only with
	// Settings.CheckSource.
	MinTTL, MaxTTL uint8
}

// Checksum says how the checksum of VRRPv3 over IPv4 is computed.
type Checksum uint8

// The ways to compute the checksum.
const (
	// ChecksumRFC covers a pseudo-header with the real destination. A unicast instance that hears the older form
	// from its peer changes to it, as keepalived does.
	ChecksumRFC Checksum = iota
	// ChecksumRFCOnly is ChecksumRFC without that change (keepalived's "old_unicast_checksum never").
	ChecksumRFCOnly
	// ChecksumOldUnicast puts the multicast group into the pseudo-header of unicast adverts, as keepalived did up
	// to 1.3.6 (keepalived's "old_unicast_checksum").
	ChecksumOldUnicast
	// ChecksumAsV2 leaves the pseudo-header out (keepalived's "v3_checksum_as_v2"); a received checksum is not
	// judged then.
	ChecksumAsV2
)

// Settings says what the adverts of one instance look like and what is demanded of those received.
type Settings struct {
	Version Version
	Family  Family
	VRID    uint8
	// Interval is advert_int. VRRPv2 carries whole seconds, VRRPv3 hundredths of a second.
	Interval time.Duration
	// Addresses are the virtual addresses in the order of virtual_ipaddress. Those of virtual_ipaddress_excluded
	// are not in here: adverts do not carry them.
	Addresses []netip.Addr

	Auth AuthType
	// Key is auth_pass, zero padded (see [Password]).
	Key [8]byte
	// Trailer, when not nil, adds and demands the auth_hmac trailer.
	Trailer *Trailer

	// Peers makes the instance a unicast one when it is not empty.
	Peers []Peer
	// Unicast makes the instance a unicast one even without peers.
	Unicast bool
	// CheckSource drops a unicast advert whose sender is not one of Peers.
	CheckSource bool
	// Group is the multicast destination; the zero Addr is GroupIPv4 or GroupIPv6.
	Group netip.Addr
	// TTL is the TTL of what is sent; 0 is 255.
	TTL      uint8
	Checksum Checksum
	// SkipAddressCheck leaves out the comparison of the address list when the sender is the one of the packet
	// before (keepalived's vrrp_skip_check_adv_addr).
	SkipAddressCheck bool
	// IgnoreAsOwner drops every advert received (keepalived's owner_ignore_adverts).
	IgnoreAsOwner bool
}

func (s *Settings) unicast() bool { return s.Unicast || len(s.Peers) > 0 }

func (s *Settings) group() netip.Addr {
	switch {
	case s.Group.IsValid():
		return s.Group
	case s.Family == IPv6:
		return GroupIPv6
	}
	return GroupIPv4
}

// Validate says what in the settings cannot be put on the wire.
func (s *Settings) Validate() error {
	switch {
	case s.Version != V2 && s.Version != V3:
		return fmt.Errorf("packet: VRRP version %d is not 2 or 3", s.Version)
	case s.Family != IPv4 && s.Family != IPv6:
		return fmt.Errorf("packet: address family %d is not 4 or 6", s.Family)
	case s.VRID == 0:
		return errors.New("packet: VRID 0 is not in 1 to 255")
	case len(s.Addresses) > MaxAddresses:
		return fmt.Errorf("packet: %d addresses do not fit into an advert, %d do", len(s.Addresses), MaxAddresses)
	case s.Version == V2 && (s.Interval < time.Second || s.Interval > 255*time.Second || s.Interval%time.Second != 0):
		return fmt.Errorf("packet: VRRPv2 interval %v is not a whole number of seconds in 1 to 255", s.Interval)
	case s.Version == V3 && (s.Interval < centisecond || s.Interval > 4095*centisecond || s.Interval%centisecond != 0):
		return fmt.Errorf("packet: VRRPv3 interval %v is not a multiple of 10ms in 10ms to 40.95s", s.Interval)
	case s.Auth != AuthNone && (s.Version != V2 || s.Family != IPv4):
		return fmt.Errorf("packet: %v authentication belongs to VRRPv2 over IPv4", s.Auth)
	case s.Auth != AuthNone && s.Trailer != nil:
		return fmt.Errorf("packet: %v authentication and auth_hmac exclude each other", s.Auth)
	}
	for _, a := range s.Addresses {
		if FamilyOf(a) != s.Family {
			return fmt.Errorf("packet: address %v is not of family %v", a, s.Family)
		}
	}
	if s.Trailer != nil {
		return s.Trailer.validate()
	}
	return nil
}

const centisecond = 10 * time.Millisecond

// Advert is a received and accepted advertisement.
type Advert struct {
	Source   netip.Addr
	VRID     uint8
	Priority uint8
	Version  Version
	// Interval is the sender's advert_int.
	Interval time.Duration
	// Count is how many addresses the advert carries.
	Count int
	// Differs tells where the advert differs from our settings in a way that does not drop it.
	Differs Difference
	// Introduction: it is no advert, and its sender no master; see Codec.Introduce.
	Introduction bool
}

// Difference is a set of differences that are worth a line in the log.
type Difference uint8

// The differences.
const (
	// DiffersInterval: VRRPv3, another interval than ours.
	DiffersInterval Difference = 1 << iota
	// DiffersCount: another number of addresses.
	DiffersCount
	// DiffersAddresses: one of our addresses is not in it.
	DiffersAddresses
	// DiffersClock: the sender's clock is more than half of the trailer's window away from ours.
	DiffersClock
)

// String names the differences, separated by commas; "none" for the empty set.
func (d Difference) String() string {
	if d == 0 {
		return "none"
	}
	s := ""
	for i, name := range [...]string{"interval", "address count", "addresses", "clock"} {
		if d&(1<<i) == 0 {
			continue
		}
		if s != "" {
			s += ", "
		}
		s += name
	}
	return s
}
