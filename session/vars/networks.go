package vars

import (
	"net/netip"
	"sort"
)

// networkBuilder collects the networks of a geo block.
type networkBuilder struct {
	values map[netip.Prefix]string
}

func (b *networkBuilder) empty() bool { return b.values == nil }

// add sets the value for a network and returns the old one, if there was one.
func (b *networkBuilder) add(p netip.Prefix, value string) (old string, had bool) {
	if b.values == nil {
		b.values = make(map[netip.Prefix]string)
	}
	old, had = b.values[p]
	b.values[p] = value
	return old, had
}

func (b *networkBuilder) remove(p netip.Prefix) bool {
	_, had := b.values[p]
	delete(b.values, p)
	return had
}

// networkTable finds the value of the smallest network around an address:
// stretches of addresses that have the same smallest network, in order.
type networkTable struct {
	v4, v6 []stretch
}

// stretch begins at an address and ends where the next one begins.
type stretch struct {
	start netip.Addr
	value string
}

func (b *networkBuilder) table() *networkTable {
	var v4, v6 []netip.Prefix
	for p := range b.values {
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	return &networkTable{
		v4: b.flatten(v4, netip.IPv4Unspecified()),
		v6: b.flatten(v6, netip.IPv6Unspecified()),
	}
}

// flatten lays networks, each of which is inside of, around or beside any
// other, side by side.
func (b *networkBuilder) flatten(ps []netip.Prefix, first netip.Addr) []stretch {
	sort.Slice(ps, func(i, j int) bool {
		if c := ps[i].Addr().Compare(ps[j].Addr()); c != 0 {
			return c < 0
		}
		return ps[i].Bits() < ps[j].Bits()
	})
	var out []stretch
	begin := func(at netip.Addr, value string) {
		if n := len(out); n > 0 && out[n-1].start == at {
			out[n-1].value = value
			return
		}
		out = append(out, stretch{at, value})
	}
	var around []netip.Prefix // the networks that are open, outermost first
	outer := func() string {
		if n := len(around); n > 0 {
			return b.values[around[n-1]]
		}
		return ""
	}
	closeOne := func() {
		last := around[len(around)-1]
		around = around[:len(around)-1]
		if after := lastAddr(last).Next(); after.IsValid() {
			begin(after, outer())
		}
	}
	begin(first, "")
	for _, p := range ps {
		for len(around) > 0 && !around[len(around)-1].Contains(p.Addr()) {
			closeOne()
		}
		begin(p.Addr(), b.values[p])
		around = append(around, p)
	}
	for len(around) > 0 {
		closeOne()
	}
	return out
}

// lastAddr returns the highest address of a network.
func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	addr, _ := netip.AddrFromSlice(b)
	return addr
}

func (t *networkTable) find(addr netip.Addr) string {
	table := t.v4
	if addr.Is6() {
		table = t.v6
	}
	// The first stretch begins at the lowest address.
	low, high := 0, len(table)
	for high-low > 1 {
		mid := int(uint(low+high) / 2)
		if table[mid].start.Compare(addr) <= 0 {
			low = mid
		} else {
			high = mid
		}
	}
	return table[low].value
}
