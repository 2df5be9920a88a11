package keepalivedconf

import "net/netip"

// addVIP adds a line of virtual_ipaddress to the instance.
func addVIP(b *builder, i *Instance, s *Statement) {
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
func addExcludedVIP(b *builder, i *Instance, s *Statement) {
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
