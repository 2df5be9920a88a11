package packet

import (
	"fmt"
	"net/netip"
)

// Check is one of the checks that a received packet passes, in the order in which they are made.
type Check uint8

// The receive checks, in keepalived's order.
const (
	// CheckHeader: an IP header and a VRRP header are there.
	CheckHeader Check = iota
	// CheckVRID: about our virtual router. RFC 9568, 7.1: "It MUST verify that the VRID is configured on the receiving
	// interface".
	CheckVRID
	// CheckAHHeader: an AH header is there if, and only if, the instance uses AH.
	CheckAHHeader
	// CheckLength: the packet is as long as its address count demands. RFC 9568, 7.1: "It MUST verify that the received
	// packet contains the complete VRRP packet".
	CheckLength
	// CheckTTL: multicast arrived with TTL 255. RFC 9568, 5.1.1.3: "A VRRP Router receiving a packet with the TTL not
	// equal to 255 MUST discard the packet".
	CheckTTL
	// CheckVersion: our version. RFC 9568, 7.1: "It MUST verify that the VRRP version is 3."
	CheckVersion
	// CheckTrailerMissing: auth_hmac demands a trailer and there is none.
	CheckTrailerMissing
	// CheckTrailerSource: a unicast trailer from somebody who is not a peer.
	CheckTrailerSource
	// CheckTrailerFormat: an unknown scheme, or reserved bits set.
	CheckTrailerFormat
	// CheckTrailerStale: the time in the trailer is outside of the window.
	CheckTrailerStale
	// CheckTrailerKey: signed with a key that we do not have.
	CheckTrailerKey
	// CheckTrailerHMAC: the signature is wrong.
	CheckTrailerHMAC
	// CheckTrailerReplay: a sequence number that was seen already.
	CheckTrailerReplay
	// CheckAuthType: an authentication type that does not exist.
	CheckAuthType
	// CheckAuthMismatch: another authentication type than ours. RFC 3768, 7.1: "MUST verify that the Auth Type
	// matches the locally configured authentication method for the virtual router".
	CheckAuthMismatch
	// CheckPassword: another auth_pass than ours.
	CheckPassword
	// CheckAHProtocol: the AH header is in front of something else than VRRP.
	CheckAHProtocol
	// CheckAHValue: the integrity value is wrong.
	CheckAHValue
	// CheckAHIndex: the security parameter index is not the sender's address.
	CheckAHIndex
	// CheckAHReplay: an AH sequence number that was seen already.
	CheckAHReplay
	// CheckInterval: VRRPv2, another advert_int than ours. RFC 3768, 7.1: "MUST verify that the Adver Interval in the
	// packet is the same as the locally configured for this virtual router". VRRPv3, an interval of zero. RFC 9568, 7.1
	// (erratum 8301): "It MUST verify that the Max Advertise Interval is non zero."
	CheckInterval
	// CheckType: not an advertisement.
	CheckType
	// CheckTotalLength: the IPv4 total length is not what arrived.
	CheckTotalLength
	// CheckChecksum: the VRRP checksum is wrong. RFC 9568, 7.1: "It MUST verify the VRRP checksum."
	CheckChecksum
	// CheckDestination: multicast heard by a unicast instance, or the reverse.
	CheckDestination
	// CheckOwner: owner_ignore_adverts.
	CheckOwner
	// CheckSource: a unicast advert from somebody who is not a peer.
	CheckSource
	// CheckPeerTTL: a unicast advert whose TTL is outside of the peer's bounds.
	CheckPeerTTL

	// Checks is the number of checks, for arrays of counters.
	Checks
)

var checkNames = [Checks]string{
	CheckHeader:         "header",
	CheckVRID:           "vrid",
	CheckAHHeader:       "ah-header",
	CheckLength:         "length",
	CheckTTL:            "ttl",
	CheckVersion:        "version",
	CheckTrailerMissing: "hmac-missing",
	CheckTrailerSource:  "hmac-source",
	CheckTrailerFormat:  "hmac-format",
	CheckTrailerStale:   "hmac-stale",
	CheckTrailerKey:     "hmac-key",
	CheckTrailerHMAC:    "hmac-value",
	CheckTrailerReplay:  "hmac-replay",
	CheckAuthType:       "auth-type",
	CheckAuthMismatch:   "auth-mismatch",
	CheckPassword:       "auth-password",
	CheckAHProtocol:     "ah-protocol",
	CheckAHValue:        "ah-value",
	CheckAHIndex:        "ah-index",
	CheckAHReplay:       "ah-replay",
	CheckInterval:       "interval",
	CheckType:           "type",
	CheckTotalLength:    "total-length",
	CheckChecksum:       "checksum",
	CheckDestination:    "destination",
	CheckOwner:          "owner",
	CheckSource:         "source",
	CheckPeerTTL:        "peer-ttl",
}

// String returns the short name under which the drops of the check are counted.
func (c Check) String() string {
	if c < Checks {
		return checkNames[c]
	}
	return fmt.Sprintf("check %d", uint8(c))
}

// Silent says that failing the check is no fault of anybody: the packet is not for us.
func (c Check) Silent() bool { return c == CheckVRID || c == CheckAHProtocol || c == CheckOwner }

// Drop is the error of a received packet that failed a check.
type Drop struct {
	Check  Check
	Source netip.Addr // may be the zero Addr if there was no header to read it from
	// Text says what was found and what was expected, with units: "interval 1 s, ours 2 s".
	Text string
}

// Error returns "FROM: TEXT".
func (d *Drop) Error() string {
	if !d.Source.IsValid() {
		return d.Text
	}
	return d.Source.String() + ": " + d.Text
}

func drop(c Check, src netip.Addr, format string, args ...any) error {
	return &Drop{Check: c, Source: src, Text: fmt.Sprintf(format, args...)}
}
