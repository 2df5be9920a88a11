package keepalivedconf

import (
	"net/netip"
	"time"
)

// addressLine is an address while its line is read.
type addressLine struct {
	Address
	v6           bool
	hasBroadcast bool
	fill         byte // '+' or '-': the broadcast address is made of the prefix; 0: it is not
	hasLifetime  bool
}

// addressOptions are what may stand in a line of virtual_ipaddress, virtual_ipaddress_excluded and static_ipaddress.
var addressOptions = options[addressLine]{
	"dev":           addressDevice,
	"scope":         addressScope,
	"brd":           addressBroadcast,
	"broadcast":     addressBroadcast,
	"label":         addressLabel,
	"peer":          addressPeer,
	"preferred_lft": addressLifetime,
	"home":          func(w *words, a *addressLine) { a.Home = true },
	"-nodad":        func(w *words, a *addressLine) { a.DAD = true },
	"mngtmpaddr":    func(w *words, a *addressLine) { a.ManageTemporary = true },
	"noprefixroute": func(w *words, a *addressLine) { a.NoPrefixRoute = true },
	"autojoin":      func(w *words, a *addressLine) { a.AutoJoin = true },
	"no_track":      func(w *words, a *addressLine) { a.NoTrack = true },
}

func addressDevice(w *words, a *addressLine) {
	device, ok := w.value()
	switch {
	case !ok:
		return
	case a.Device != "":
		w.fail("Cannot specify ipaddress device more than once for %s", w.s.Name())
		return
	case !w.b.interfaceExists(device):
		w.b.err(w.s, "WARNING - interface %s for ip address %s doesn't exist", device, w.s.Name())
	}
	a.Device = device
}

func addressScope(w *words, a *addressLine) {
	word, ok := w.value()
	if !ok {
		return
	}
	if scope, known := w.b.find(scopeNames, word); known {
		a.Scope = Scope(scope)
	} else {
		w.b.err(w.s, "Invalid scope '%s' specified for %s - ignoring", word, w.s.Name())
	}
}

func addressBroadcast(w *words, a *addressLine) {
	option := w.word()
	word, ok := w.value()
	switch {
	case !ok:
	case a.v6:
		w.fail("VRRP is trying to assign a broadcast %s to the IPv6 address %s !!?? WTF... skipping VIP...", option, w.s.Name())
	case word == "-" || word == "+":
		a.hasBroadcast, a.fill = true, word[0]
	default:
		a.hasBroadcast = true
		if a.Broadcast, ok = address(word); !ok || !a.Broadcast.Is4() {
			w.fail("VRRP is trying to assign invalid broadcast %s. skipping VIP...", word)
		}
	}
}

func addressLabel(w *words, a *addressLine) {
	if a.Label = w.next(); len(a.Label) > maxInterfaceName {
		w.fail("Address label %s is longer than maximum length %d - removing address", a.Label, maxInterfaceName)
	}
}

func addressPeer(w *words, a *addressLine) {
	word, ok := w.value()
	if !ok {
		return
	}
	if a.Peer.IsValid() {
		w.b.err(w.s, "Peer %s - another peer has already been specified", word)
		return
	}
	peer, ok := w.b.prefix(w.s, word, false)
	switch {
	case !ok:
		w.b.err(w.s, "Invalid peer address %s", word)
	case peer.Addr().Is4() == a.v6:
		w.b.err(w.s, "Peer address %s does not match address family", word)
	default:
		if a.Prefix.Bits() != a.Prefix.Addr().BitLen() {
			w.b.err(w.s, "Cannot specify address prefix when specifying peer address - ignoring")
		}
		a.Peer = peer.Addr()
		a.Prefix = netip.PrefixFrom(a.Prefix.Addr(), peer.Bits())
	}
}

func addressLifetime(w *words, a *addressLine) {
	word, ok := w.value()
	if !ok {
		return
	}
	if word == "forever" {
		a.PreferredLifetime, a.hasLifetime = Forever, true
	} else if n, valid := w.b.number(w.s, word, 0, maxUint32); valid {
		a.PreferredLifetime, a.hasLifetime = time.Duration(n)*time.Second, true
	} else {
		w.b.err(w.s, "preferred_lft %s is invalid", word)
	}
}

// addressOther takes what only static addresses have, or only virtual ones.
func addressOther(w *words, a *addressLine) {
	switch {
	case w.trackGroup(&a.TrackGroup):
	case !w.static && w.word() == "use_vmac":
		a.UseVMAC = true
	default:
		w.b.err(w.s, "Unknown configuration entry '%s' for ip address - ignoring", w.word())
	}
}

// parseAddress reads one line of an address block; an address that cannot be read is reported and dropped.
func (b *builder) parseAddress(s *Statement, static bool) (Address, bool) {
	a := addressLine{Address: Address{Pos: s.Pos}}
	var ok bool
	if a.Prefix, ok = b.prefix(s, s.Name(), true); !ok {
		return a.Address, false
	}
	a.v6 = !a.Prefix.Addr().Is4()
	w := &words{b: b, s: s, static: static, at: 1, lacks: func(option string) {
		b.err(s, "No %s parameter specified for %s", option, s.Name())
	}}
	addressOptions.read(w, &a, addressOther)
	if w.broken {
		return a.Address, false
	}
	switch {
	case a.hasBroadcast && a.Peer.IsValid():
		b.err(s, "Cannot specify broadcast and peer addresses - ignoring broadcast address")
		a.Broadcast = netip.Addr{}
	case a.fill != 0 && a.Prefix.Bits() <= 30:
		a.Broadcast = fillHost(a.Prefix, a.fill)
	case a.fill != 0:
		b.err(s, "Address prefix length %d too long for broadcast", a.Prefix.Bits())
	}
	if a.v6 && a.Scope != ScopeGlobal {
		b.err(s, "Cannot specify scope for IPv6 addresses (%s) - ignoring scope", s.Name())
		a.Scope = ScopeGlobal
	}
	if a.v6 && a.Label != "" {
		b.err(s, "Cannot specify label for IPv6 addresses (%s) - ignoring label", s.Name())
		a.Label = ""
	}
	if !a.hasLifetime && (!a.v6 || a.Prefix.Bits() != 128) {
		a.PreferredLifetime = Forever
	}
	return a.Address, true
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
