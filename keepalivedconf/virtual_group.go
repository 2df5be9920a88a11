package keepalivedconf

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"tandem/keepalivedconf/text"
)

// addVirtualGroup reads a virtual_server_group block:
//
//	virtual_server_group NAME {
//	    ADDRESS[-LAST|/BITS] PORT
//	    fwmark MARK [inet|inet6]
//	}
func addVirtualGroup(b *builder, c *Config, s *Statement) {
	g := &VirtualServerGroup{Name: s.Arg(1), Pos: s.Pos}
	if s.Args() > 1 {
		b.err(s, "Block %s has extra parameters %s ...", s.Name(), s.Arg(2))
	}
	for _, line := range s.Body {
		if line.Words[0] == "fwmark" {
			g.addMark(b, line)
		} else {
			g.addRange(b, line)
		}
	}
	switch {
	case len(g.Marks) == 0 && len(g.Ranges) == 0:
		b.say(text.KindGeneral, s.Close, "virtual server group %s has no entries - removing", g.Name)
	case g.ipv4 && g.ipv6 && g.markSansFamily:
		b.say(text.KindGeneral, s.Close, "virtual server group %s cannot have IPv4, IPv6 and fwmark without family - removing", g.Name)
	default:
		c.VirtualServerGroups = append(c.VirtualServerGroups, g)
	}
}

func (g *VirtualServerGroup) addMark(b *builder, s *Statement) {
	if s.Args() < 1 {
		b.missing(s, len(s.Words))
		return
	}
	mark, ok := b.number(s, s.Arg(1), 0, maxUint32)
	if !ok {
		b.err(s, "(%s): fwmark '%s' must be in [0, %d] - ignoring", g.Name, s.Arg(1), uint32(maxUint32))
		return
	}
	if mark == 0 {
		b.err(s, noMark, "("+g.Name+"): fwmark")
		return
	}
	m := GroupMark{Pos: s.Pos, Mark: mark}
	switch family := s.Arg(2); family {
	case "inet":
		m.Family, g.ipv4 = IPv4, true
	case "inet6":
		m.Family, g.ipv6 = IPv6, true
	case "":
		g.markSansFamily = true
	default:
		b.err(s, "(%s): fwmark '%d' family %s unknown - ignoring", g.Name, mark, family)
		return
	}
	g.Marks = append(g.Marks, m)
}

func (g *VirtualServerGroup) addRange(b *builder, s *Statement) {
	word, port := s.Words[0], portWord(s.Arg(1))
	first, ok := b.server(s, word, port)
	if !ok {
		of := ""
		if port != "" {
			of = "/port"
			port = "/" + port
		}
		b.err(s, "Invalid virtual server group IP address %s %s%s - skipping", word, of, port)
		return
	}
	r := AddressRange{Pos: s.Pos, First: first.Addr(), Last: first.Addr(), Port: first.Port()}
	if _, bits, is := strings.Cut(word, "/"); is {
		ok = r.network(b, s, bits)
	} else if _, last, is := strings.Cut(word, "-"); is {
		ok = r.until(b, s, last)
	}
	if !ok {
		return
	}
	g.Ranges = append(g.Ranges, r)
	if r.First.Is4() {
		g.ipv4 = true
	} else {
		g.ipv6 = true
	}
}

// network makes the range of a prefix.
func (r *AddressRange) network(b *builder, s *Statement, word string) bool {
	n, err := strconv.ParseUint(word, 10, 32)
	if err != nil || n == 0 || int(min(n, 1000)) > r.First.BitLen() {
		b.err(s, "Invalid netmask - %s - skipping", s.Words[0])
		return false
	}
	p := netip.PrefixFrom(r.First, int(n))
	if p.Masked().Addr() != r.First {
		b.err(s, "Address mask bits not empty - %s - skipping", s.Words[0])
		return false
	}
	last := r.First.AsSlice()
	for bit := int(n); bit < len(last)*8; bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	r.Last, _ = netip.AddrFromSlice(last)
	return true
}

// until makes the range that ends with an address, or with another last octet (IPv4) or group of digits (IPv6).
func (r *AddressRange) until(b *builder, s *Statement, word string) bool {
	whole := s.Words[0]
	if strings.ContainsAny(word, ".:") {
		last, ok := address(word)
		switch {
		case !ok:
			b.err(s, "Invalid range end %s - skipping", whole)
		case last.Is4() != r.First.Is4():
			b.err(s, "Range address families do not match %s - skipping", whole)
		case last.Less(r.First):
			b.err(s, "Address range end is less than address range start - %s - skipping", whole)
		default:
			r.Last = last
			return true
		}
		return false
	}
	base, high := 16, uint64(0xffff)
	last := r.First.AsSlice()
	start := uint64(last[len(last)-2])<<8 | uint64(last[len(last)-1])
	if r.First.Is4() {
		base, high = 10, 255
		start &= 255
	}
	end, err := strconv.ParseUint(word, base, 64)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		digits := strings.TrimLeft(strings.ToLower(word), "0123456789abcdef"[:base])
		b.say(text.KindNumber, s.Pos, "Virtual server group range '%s' has extra characters at end '%s'", whole, digits)
		return false
	case err != nil || end > high:
		b.say(text.KindNumber, s.Pos, "Virtual server group range '%s' end '%s' too large", whole, word)
		return false
	case start >= end:
		b.err(s, "Address range end is not greater than address range start - %s - skipping", whole)
		return false
	}
	last[len(last)-1] = byte(end)
	if !r.First.Is4() {
		last[len(last)-2] = byte(end >> 8)
	}
	r.Last, _ = netip.AddrFromSlice(last)
	return true
}
