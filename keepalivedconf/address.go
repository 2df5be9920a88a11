package keepalivedconf

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Forever is a lifetime without an end.
const Forever = time.Duration(math.MaxInt64)

// Scope is the scope of an address or a route, as the kernel numbers them.
type Scope uint8

// The scopes of rtnetlink(7).
const (
	ScopeGlobal  Scope = 0
	ScopeSite    Scope = 200
	ScopeLink    Scope = 253
	ScopeHost    Scope = 254
	ScopeNowhere Scope = 255
)

func (s Scope) String() string {
	switch s {
	case ScopeGlobal:
		return "global"
	case ScopeSite:
		return "site"
	case ScopeLink:
		return "link"
	case ScopeHost:
		return "host"
	case ScopeNowhere:
		return "nowhere"
	}
	return strconv.Itoa(int(s))
}

// Address is an entry of virtual_ipaddress, virtual_ipaddress_excluded or static_ipaddress.
type Address struct {
	Pos Pos
	// Prefix is the address with its prefix length: /32 and /128 unless written otherwise, or the length of the peer.
	Prefix    netip.Prefix
	Device    string     // "": the interface of the instance
	Broadcast netip.Addr // invalid: none
	Scope     Scope
	Label     string
	Peer      netip.Addr // invalid: none
	// PreferredLifetime is Forever for IPv4; for IPv6 0 (deprecated) if the length is 128, unless it was given.
	PreferredLifetime time.Duration
	Home              bool
	// DAD asks for duplicate address detection (-nodad): IPv6 addresses are added without it otherwise.
	DAD             bool
	ManageTemporary bool // mngtmpaddr
	NoPrefixRoute   bool
	AutoJoin        bool
	UseVMAC         bool
	NoTrack         bool
	TrackGroup      string // of a static address
}

// Addr is the address alone.
func (a Address) Addr() netip.Addr { return a.Prefix.Addr() }

// Family is the address's family.
func (a Address) Family() Family { return familyOf(a.Prefix.Addr()) }

// prefix reads ADDRESS[/LENGTH]; a bad length is reported and replaced by the family's full length.
func (b *builder) prefix(s *Statement, word string, lengths bool) (netip.Prefix, bool) {
	text, length, slash := word, "", false
	if lengths {
		text, length, slash = strings.Cut(word, "/")
	}
	bits := 32
	if strings.Contains(word, ":") {
		bits = 128
	}
	n := bits
	if slash {
		if v, ok := b.number(s, length, 0, uint32(bits)); ok {
			n = int(v)
		} else {
			b.err(s, "Invalid address prefix len %s for address %s - using %d", length, word, bits)
		}
	}
	a, ok := address(text)
	if !ok || a.Is4() != (bits == 32) {
		b.err(s, "VRRP parsed invalid IP %s. skipping IP...", word)
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, n), true
}
