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

// parseAddress reads one line of an address block. static addresses know track_group, virtual ones use_vmac.
func (b *builder) parseAddress(s *Statement, static bool) (Address, bool) {
	w := s.Words
	a := Address{Pos: s.Pos}
	var ok bool
	if a.Prefix, ok = b.prefix(s, w[0], true); !ok {
		return a, false
	}
	v6 := !a.Prefix.Addr().Is4()
	hasBroadcast, fill := false, byte(0)
	lifetime := false
	// value fetches the word after an option; without one the whole address is dropped.
	lost := ""
	for i := 1; i < len(w) && lost == ""; i++ {
		option := w[i]
		value := func() string {
			if i+1 >= len(w) {
				lost = option
				return ""
			}
			i++
			return w[i]
		}
		switch option {
		case "dev":
			dev := value()
			if lost != "" {
				break
			}
			if a.Device != "" {
				b.err(s, "Cannot specify ipaddress device more than once for %s", w[0])
				return a, false
			}
			if !b.interfaceExists(dev) {
				b.err(s, "WARNING - interface %s for ip address %s doesn't exist", dev, w[0])
			}
			a.Device = dev
		case "scope":
			word := value()
			if lost != "" {
				break
			}
			scope, known := b.find(scopeNames, word)
			if !known {
				b.err(s, "Invalid scope '%s' specified for %s - ignoring", word, w[0])
				break
			}
			a.Scope = Scope(scope)
		case "brd", "broadcast":
			word := value()
			if lost != "" {
				break
			}
			if v6 {
				b.err(s, "VRRP is trying to assign a broadcast %s to the IPv6 address %s !!?? WTF... skipping VIP...", option, w[0])
				return a, false
			}
			hasBroadcast = true
			if word == "-" || word == "+" {
				fill = word[0]
				break
			}
			addr, valid := address(word)
			if !valid || !addr.Is4() {
				b.err(s, "VRRP is trying to assign invalid broadcast %s. skipping VIP...", word)
				return a, false
			}
			a.Broadcast = addr
		case "label":
			word := value()
			if len(word) > maxInterfaceName {
				b.err(s, "Address label %s is longer than maximum length %d - removing address", word, maxInterfaceName)
				return a, false
			}
			a.Label = word
		case "peer":
			word := value()
			if lost == "" {
				b.peerAddress(s, &a, word)
			}
		case "home":
			a.Home = true
		case "-nodad":
			a.DAD = true
		case "mngtmpaddr":
			a.ManageTemporary = true
		case "noprefixroute":
			a.NoPrefixRoute = true
		case "autojoin":
			a.AutoJoin = true
		case "no_track":
			a.NoTrack = true
		case "preferred_lft":
			word := value()
			if lost != "" {
				break
			}
			if word == "forever" {
				a.PreferredLifetime, lifetime = Forever, true
			} else if n, valid := b.number(s, word, 0, maxUint32); valid {
				a.PreferredLifetime, lifetime = time.Duration(n)*time.Second, true
			} else {
				b.err(s, "preferred_lft %s is invalid", word)
			}
		default:
			switch {
			case static && option == "track_group":
				word := value()
				if lost == "" {
					b.trackGroup(s, &a.TrackGroup, word)
				}
			case !static && option == "use_vmac":
				a.UseVMAC = true
			default:
				b.err(s, "Unknown configuration entry '%s' for ip address - ignoring", option)
			}
		}
	}
	if lost != "" {
		b.err(s, "No %s parameter specified for %s", lost, w[0])
		return a, false
	}
	if hasBroadcast && a.Peer.IsValid() {
		b.err(s, "Cannot specify broadcast and peer addresses - ignoring broadcast address")
		a.Broadcast = netip.Addr{}
	} else if fill != 0 && a.Prefix.Bits() <= 30 {
		a.Broadcast = fillHost(a.Prefix, fill)
	} else if fill != 0 {
		b.err(s, "Address prefix length %d too long for broadcast", a.Prefix.Bits())
	}
	if v6 {
		if a.Scope != ScopeGlobal {
			b.err(s, "Cannot specify scope for IPv6 addresses (%s) - ignoring scope", w[0])
			a.Scope = ScopeGlobal
		}
		if a.Label != "" {
			b.err(s, "Cannot specify label for IPv6 addresses (%s) - ignoring label", w[0])
			a.Label = ""
		}
	}
	if !lifetime && (!v6 || a.Prefix.Bits() != 128) {
		a.PreferredLifetime = Forever
	}
	return a, true
}

func (b *builder) peerAddress(s *Statement, a *Address, word string) {
	if a.Peer.IsValid() {
		b.err(s, "Peer %s - another peer has already been specified", word)
		return
	}
	peer, ok := b.prefix(s, word, false)
	switch {
	case !ok:
		b.err(s, "Invalid peer address %s", word)
	case peer.Addr().Is4() != a.Prefix.Addr().Is4():
		b.err(s, "Peer address %s does not match address family", word)
	default:
		if a.Prefix.Bits() != a.Prefix.Addr().BitLen() {
			b.err(s, "Cannot specify address prefix when specifying peer address - ignoring")
		}
		a.Peer = peer.Addr()
		a.Prefix = netip.PrefixFrom(a.Prefix.Addr(), peer.Bits())
	}
}

// fillHost sets ('+') or clears ('-') the host bits of an IPv4 address.
func fillHost(p netip.Prefix, with byte) netip.Addr {
	raw := p.Addr().As4()
	for i := range raw {
		host := byte(0xff)
		if used := p.Bits() - 8*i; used >= 8 {
			host = 0
		} else if used > 0 {
			host = 0xff >> used
		}
		if with == '+' {
			raw[i] |= host
		} else {
			raw[i] &^= host
		}
	}
	return netip.AddrFrom4(raw)
}

// trackGroup takes the name of a track_group, which must have been defined before.
func (b *builder) trackGroup(s *Statement, into *string, word string) {
	if *into != "" {
		b.err(s, "track_group %s is a duplicate", word)
		return
	}
	for _, g := range b.cfg.StaticGroups {
		if g.Name == word {
			*into = word
			return
		}
	}
	b.err(s, "track_group %s not found", word)
}

// addVIP adds a line of virtual_ipaddress to the instance.
func (b *builder) addVIP(i *Instance, s *Statement) {
	a, ok := b.parseAddress(s, false)
	if !ok {
		return
	}
	if i.Family == FamilyUnset {
		i.Family = a.Family()
	} else if a.Family() != i.Family {
		b.err(s, "(%s): address family must match VRRP instance [%s] - ignoring", i.Name, s.Words[0])
		return
	}
	b.duplicateVIP(i, a, false, s)
	i.Addresses = append(i.Addresses, a)
}

// addExcludedVIP adds a line of virtual_ipaddress_excluded to the instance.
func (b *builder) addExcludedVIP(i *Instance, s *Statement) {
	if a, ok := b.parseAddress(s, false); ok && !b.duplicateVIP(i, a, true, s) {
		i.ExcludedAddresses = append(i.ExcludedAddresses, a)
	}
}

// onDevice is an address on an interface, or on the instance's own if device is "".
type onDevice struct {
	addr   netip.Addr
	device string
}

// duplicateVIP advises about an address that the instance has already. The same address may be advertised on one interface
// and excluded on another. keepalived 2.4 drops the second; 2.2, which advertises both, says nothing.
func (b *builder) duplicateVIP(i *Instance, a Address, excluded bool, s *Statement) bool {
	if i.raw.vips == nil {
		i.raw.vips, i.raw.excluded, i.raw.anyVIP = map[onDevice]bool{}, map[onDevice]bool{}, map[netip.Addr]bool{}
	}
	here := onDevice{a.Addr(), a.Device}
	what, block := "", ""
	switch {
	case i.raw.vips[here] || !excluded && i.raw.anyVIP[a.Addr()]:
		block = "virtual_ipaddress"
	case i.raw.excluded[here]:
		block = "virtual_ipaddress_excluded"
	}
	if excluded {
		what = "Excluded "
		i.raw.excluded[here] = true
	} else {
		i.raw.vips[here], i.raw.anyVIP[a.Addr()] = true, true
	}
	if block == "" {
		return false
	}
	b.advice(s.Pos, "remove it on every node in the same step: nodes compare the addresses in each other's adverts",
		"(%s): %sVIP %s stands in %s already", i.Name, what, s.Words[0], block)
	return true
}
