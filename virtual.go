package main

import "net/netip"

// isVirtual reports whether an address is one that keepalived.conf gives to
// the pair: it may be bound while the other node holds it.
func (c *configuration) isVirtual(ip netip.Addr) bool {
	if c.keepalived == nil {
		return false
	}
	for _, i := range c.keepalived.Instances {
		for _, a := range i.Addresses {
			if a.Prefix.Addr() == ip {
				return true
			}
		}
		for _, a := range i.ExcludedAddresses {
			if a.Prefix.Addr() == ip {
				return true
			}
		}
	}
	return false
}
