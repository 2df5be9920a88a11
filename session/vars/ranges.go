package vars

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strings"

	"tandem/internal/cidr"
)

// rangeTable holds the IPv4 ranges of a geo block with "ranges". Like nginx it
// keeps them by the upper half of the address: a range may lie inside another
// within one such piece, but not reach over its border.
type rangeTable struct {
	pieces     map[uint16][]addrRange // each in order and without overlap
	deflt      string
	hasDefault bool
}

// addrRange is a range of lower halves.
type addrRange struct {
	start, end uint16
	value      string
}

// parseRange reads "10.0.0.0-10.0.0.255".
func parseRange(text string) (start, end uint32, ok bool) {
	first, last, ok := strings.Cut(text, "-")
	if !ok {
		return 0, 0, false
	}
	if start, ok = parse32(first); !ok {
		return 0, 0, false
	}
	end, ok = parse32(last)
	return start, end, ok && start <= end
}

func parse32(text string) (uint32, bool) {
	addr, ok := cidr.ParseAddr(text)
	if !ok || !addr.Is4() {
		return 0, false
	}
	return to32(addr), true
}

func to32(addr netip.Addr) uint32 {
	b := addr.As4()
	return binary.BigEndian.Uint32(b[:])
}

// eachPiece calls f with the parts of a range by upper half, while it returns
// true.
func eachPiece(start, end uint32, f func(high, s, e uint16) bool) {
	for high := start >> 16; high <= end>>16; high++ {
		s, e := uint16(0), uint16(0xffff)
		if high == start>>16 {
			s = uint16(start)
		}
		if high == end>>16 {
			e = uint16(end)
		}
		if !f(uint16(high), s, e) {
			return
		}
	}
}

// add sets the value for a range. It returns the values of equal ranges that
// were there before, and the range that the new one overlaps, if any, which
// ends the adding.
func (t *rangeTable) add(start, end uint32, value string) (duplicates []string, overlap string) {
	if t.pieces == nil {
		t.pieces = make(map[uint16][]addrRange)
	}
	eachPiece(start, end, func(high, s, e uint16) bool {
		ranges := t.pieces[high]
		// The first range that does not end before the new one.
		i := sort.Search(len(ranges), func(i int) bool { return ranges[i].end >= s })
		fresh := addrRange{s, e, value}
		switch {
		case i == len(ranges) || e < ranges[i].start:
			ranges = slices.Insert(ranges, i, fresh)
		case s == ranges[i].start && e == ranges[i].end:
			duplicates = append(duplicates, ranges[i].value)
			ranges[i] = fresh
		case s >= ranges[i].start && e <= ranges[i].end:
			around := ranges[i]
			parts := make([]addrRange, 0, 3)
			if around.start < s {
				parts = append(parts, addrRange{around.start, s - 1, around.value})
			}
			parts = append(parts, fresh)
			if e < around.end {
				parts = append(parts, addrRange{e + 1, around.end, around.value})
			}
			ranges = slices.Replace(ranges, i, i+1, parts...)
		default:
			// nginx looks from the end, and so names the last one.
			for i+1 < len(ranges) && ranges[i+1].start <= e {
				i++
			}
			low := func(n uint16) string { return fmt.Sprintf("%d.%d.%d.%d", high>>8, high&0xff, n>>8, n&0xff) }
			overlap = low(ranges[i].start) + "-" + low(ranges[i].end)
			return false
		}
		t.pieces[high] = ranges
		return true
	})
	return duplicates, overlap
}

// remove removes a range; false if a piece of it is not there as such.
func (t *rangeTable) remove(start, end uint32) bool {
	found := true
	eachPiece(start, end, func(high, s, e uint16) bool {
		ranges := t.pieces[high]
		i := slices.IndexFunc(ranges, func(a addrRange) bool { return a.start == s && a.end == e })
		if i < 0 {
			found = false
			return true
		}
		t.pieces[high] = slices.Delete(ranges, i, i+1)
		return true
	})
	return found
}

// find returns the value for an address; IPv6 has none of its own.
func (t *rangeTable) find(addr netip.Addr) string {
	if !addr.Is4() {
		addr = noAddress
	}
	n := to32(addr)
	ranges, low := t.pieces[uint16(n>>16)], uint16(n)
	i := sort.Search(len(ranges), func(i int) bool { return ranges[i].end >= low })
	if i < len(ranges) && ranges[i].start <= low {
		return ranges[i].value
	}
	return t.deflt
}
