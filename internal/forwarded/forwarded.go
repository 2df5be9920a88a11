// Package forwarded finds the address of a client behind trusted proxies in
// the header fields that these proxies add to, such as X-Forwarded-For.
package forwarded

import (
	"net/netip"

	"tandem/internal/cidr"
)

// Addr returns the address that values, the fields of one name in their order,
// tell of the client of peer: each is a list of addresses, the nearest last.
// Without recursive that is the last address, if peer is trusted; with it, the
// last one that is not trusted, or the first of all. changed is false if peer
// is all that can be said.
func Addr(peer netip.AddrPort, values [][]byte, trusted *cidr.Set, recursive bool) (addr netip.AddrPort, changed bool) {
	for i := len(values) - 1; i >= 0; i-- {
		var more bool
		var found bool
		peer, found, more = inField(peer, values[i], trusted, recursive)
		changed = changed || found
		if !recursive || !more {
			break
		}
	}
	return peer, changed
}

// inField is Addr for one field; more says that every address in it was that
// of a proxy to be trusted, so that an earlier field may tell more.
func inField(peer netip.AddrPort, list []byte, trusted *cidr.Set, recursive bool) (addr netip.AddrPort, found, more bool) {
	for {
		if !trusted.Contains(peer.Addr()) {
			return peer, found, false
		}
		// A separator at the very beginning counts as part of the first
		// address, which is then none, as in nginx.
		for len(list) > 1 && isSeparator(list[len(list)-1]) {
			list = list[:len(list)-1]
		}
		start := len(list)
		for start > 0 && (start == 1 || !isSeparator(list[start-1])) {
			start--
		}
		next, ok := cidr.ParseAddrPort(list[start:])
		if !ok {
			return peer, found, false
		}
		peer, found = next, true
		list = list[:start]
		if !recursive || start == 0 {
			return peer, true, true
		}
	}
}

func isSeparator(c byte) bool { return c == ' ' || c == ',' }
