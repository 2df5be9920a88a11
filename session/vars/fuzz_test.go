package vars

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
)

// FuzzNetworks holds the table of networks against a look at each of them.
func FuzzNetworks(f *testing.F) {
	f.Add([]byte{10, 0, 0, 0, 8, 10, 1, 0, 0, 16, 10, 255, 255, 255, 32, 0, 0, 0, 0, 0}, uint32(0x0a010001))
	f.Add([]byte{255, 255, 255, 255, 32, 128, 0, 0, 0, 1}, uint32(0xffffffff))
	f.Fuzz(func(t *testing.T, entries []byte, ask uint32) {
		var b networkBuilder
		var all []netip.Prefix
		for ; len(entries) >= 5 && len(all) < 64; entries = entries[5:] {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte(entries)), int(entries[4]%33)).Masked()
			b.add(p, p.String())
			all = append(all, p)
		}
		table := b.table()
		check := func(addr netip.Addr) {
			want, bits := "", -1
			for _, p := range all {
				if p.Contains(addr) && p.Bits() > bits {
					want, bits = p.String(), p.Bits()
				}
			}
			if got := table.find(addr); got != want {
				t.Fatalf("%v among %v: %q, want %q", addr, all, got, want)
			}
		}
		check(fromUint32(ask))
		for _, p := range all {
			check(p.Addr())
			check(lastAddr(p))
			if after := lastAddr(p).Next(); after.IsValid() {
				check(after)
			}
		}
	})
}

// FuzzRanges holds the table of ranges against the latest one around an
// address, as long as no range reaches over the border of another.
func FuzzRanges(f *testing.F) {
	f.Add("10.0.0.0-10.0.0.255 10.0.0.16-10.0.0.31 10.0.0.0-10.0.0.3", uint32(0x0a000010))
	f.Add("10.0.255.0-10.2.0.9 10.1.0.0-10.1.255.255 10.1.0.7-10.1.0.7", uint32(0x0a010007))
	f.Add("1.2.3.4 5.6.7.8- -1.1.1.1 9.9.9.9-1.1.1.1 255.255.255.255-255.255.255.255", uint32(0))
	f.Fuzz(func(t *testing.T, text string, ask uint32) {
		type span struct {
			start, end uint32
			value      string
		}
		var table rangeTable
		var all []span
		for _, word := range strings.Fields(text) {
			start, end, ok := parseRange(word)
			if !ok {
				continue
			}
			if start > end {
				t.Fatalf("%q was accepted", word)
			}
			if (end-start)>>16 > 16 || len(all) == 64 {
				return // not worth the time
			}
			if _, overlap := table.add(start, end, word); overlap != "" {
				return // an error of the configuration
			}
			all = append(all, span{start, end, word})
		}
		check := func(n uint32) {
			want := ""
			for _, s := range all {
				if s.start <= n && n <= s.end {
					want = s.value
				}
			}
			if got := table.find(fromUint32(n)); got != want {
				t.Fatalf("%v of %q: %q, want %q", fromUint32(n), text, got, want)
			}
		}
		check(ask)
		for _, s := range all {
			check(s.start)
			check(s.end)
			check(s.start - 1)
			check(s.end + 1)
		}
	})
}

func fromUint32(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n)))
}
