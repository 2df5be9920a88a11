package relay

import (
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"slices"

	"tandem/vserver/table"
)

// picker chooses a destination for a client among those that may have it; nil: none
// may. It is used under the lock of its service, and lives as long as the list of
// destinations.
type picker func(client netip.AddrPort, may func(*destination) bool) *destination

// maker makes the picker of a list.
type maker func(list []*destination, s *table.Service) picker

// pickers returns what makes the picker of one of the kernel's schedulers, and what
// is taken in its place if that one is not here.
func pickers(scheduler string) (m maker, instead string) {
	switch scheduler {
	case "rr":
		return roundRobin, ""
	case "wrr":
		return weightedRoundRobin, ""
	case "lc":
		return least(func(d *destination) uint64 { return d.overhead() }, false), ""
	case "wlc":
		return least(func(d *destination) uint64 { return d.overhead() }, true), ""
	case "sed":
		return least(func(d *destination) uint64 { return uint64(d.active + d.inactive + 1) }, true), ""
	case "nq":
		return neverQueue, ""
	case "sh":
		return sourceHash, ""
	case "dh":
		return destinationHash, ""
	case "mh":
		return maglev, ""
	case "fo":
		return failOver, ""
	case "ovf":
		return overflow, ""
	case "twos":
		return twoChoices, ""
	}
	// lblc and lblcr spread by the address that is asked for, of which there is one
	// here.
	m, _ = pickers("wlc")
	return m, "wlc"
}

// overhead is the kernel's measure: an established connection costs as much as 256
// others.
func (d *destination) overhead() uint64 { return uint64(d.active)<<8 + uint64(d.inactive) }

// roundRobin takes them in turn (rr).
func roundRobin(list []*destination, _ *table.Service) picker {
	next := 0
	return func(_ netip.AddrPort, may func(*destination) bool) *destination {
		for range list {
			d := list[next%len(list)]
			next++
			if may(d) {
				return d
			}
		}
		return nil
	}
}

// weightedRoundRobin takes them in turn, those of a greater weight more often (wrr):
// from the greatest weight down, in steps of what divides all weights.
func weightedRoundRobin(list []*destination, _ *table.Service) picker {
	step, most := uint32(0), uint32(0)
	for _, d := range list {
		step, most = divisor(step, d.Weight), max(most, d.Weight)
	}
	at, now := 0, most
	return func(_ netip.AddrPort, may func(*destination) bool) *destination {
		if most == 0 {
			return nil
		}
		// One round at each weight sees everybody.
		for range len(list) * int(most/step+1) {
			if at == len(list) {
				at = 0
				if now <= step {
					now = most
				} else {
					now -= step
				}
			}
			d := list[at]
			at++
			if d.Weight >= now && may(d) {
				return d
			}
			if at == len(list) && !slices.ContainsFunc(list, may) {
				return nil
			}
		}
		return nil
	}
}

// divisor is the greatest common one; 0 has all numbers.
func divisor(a, b uint32) uint32 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// least takes the one with the least load (lc), or the least for its weight (wlc,
// sed).
func least(load func(*destination) uint64, weighted bool) maker {
	return func(list []*destination, _ *table.Service) picker {
		return func(_ netip.AddrPort, may func(*destination) bool) (best *destination) {
			for _, d := range list {
				if may(d) && (best == nil || lighter(d, best, load, weighted)) {
					best = d
				}
			}
			return best
		}
	}
}

func lighter(a, b *destination, load func(*destination) uint64, weighted bool) bool {
	if !weighted {
		return load(a) < load(b)
	}
	return load(a)*uint64(b.Weight) < load(b)*uint64(a.Weight)
}

// neverQueue takes one that is idle, and else as sed (nq).
func neverQueue(list []*destination, s *table.Service) picker {
	m, _ := pickers("sed")
	busy := m(list, s)
	return func(client netip.AddrPort, may func(*destination) bool) *destination {
		for _, d := range list {
			if may(d) && d.active+d.inactive == 0 {
				return d
			}
		}
		return busy(client, may)
	}
}

// buckets is the size of the kernel's tables for sh and dh.
const buckets = 256

// bucket is the kernel's hash of an address and, if that counts, a port.
func bucket(a netip.Addr, port uint16) int {
	b := a.AsSlice()
	var folded uint32
	for ; len(b) >= 4; b = b[4:] {
		folded ^= binary.BigEndian.Uint32(b)
	}
	const golden = 0x61c88647 // hash_32
	return int((folded + uint32(port)) * golden >> 24)
}

// sourceHash takes the same one for the same client (sh): from a table that has
// each as often in a row as its weight says.
func sourceHash(list []*destination, s *table.Service) picker {
	var places [buckets]*destination
	at, times := 0, uint32(0)
	for i := range places {
		if len(list) == 0 {
			break
		}
		d := list[at%len(list)]
		places[i] = d
		if times++; times >= d.Weight {
			at, times = at+1, 0
		}
	}
	return func(client netip.AddrPort, may func(*destination) bool) *destination {
		port := uint16(0)
		if s.Flags&table.HashPort != 0 {
			port = client.Port()
		}
		first := bucket(client.Addr(), port)
		if d := places[first]; d == nil || may(d) {
			return d
		}
		if s.Flags&table.HashFallback == 0 {
			return nil
		}
		for i := range buckets {
			if d := places[(bucket(client.Addr(), port+uint16(i))+i)%buckets]; may(d) {
				return d
			}
		}
		return nil
	}
}

// destinationHash takes the same one for the same address that is asked for, which
// here is one (dh).
func destinationHash(list []*destination, s *table.Service) picker {
	return func(_ netip.AddrPort, may func(*destination) bool) *destination {
		if len(list) == 0 {
			return nil
		}
		if d := list[bucket(s.Address.Addr(), 0)%len(list)]; may(d) {
			return d
		}
		return nil
	}
}

// maglevSize is the size of the table for mh, a prime number: the kernel's.
const maglevSize = 4093

// maglev takes the same one for the same client, also when others come and go (mh):
// each destination has its own order of places in a table, and they take places in
// turn, as often as their weights say ("Maglev", NSDI 2016, section 3.4).
func maglev(list []*destination, s *table.Service) picker {
	places := maglevPlaces(list)
	return func(client netip.AddrPort, may func(*destination) bool) *destination {
		if places == nil {
			return nil
		}
		port := uint16(0)
		if s.Flags&table.HashPort != 0 {
			port = client.Port()
		}
		tries := 1
		if s.Flags&table.HashFallback != 0 {
			tries = maglevSize
		}
		at := int(hash(netip.AddrPortFrom(client.Addr(), port), "client") % maglevSize)
		for i := range tries {
			if d := places[(at+i)%maglevSize]; may(d) {
				return d
			}
		}
		return nil
	}
}

func maglevPlaces(list []*destination) []*destination {
	step := uint32(0)
	for _, d := range list {
		step = divisor(step, d.Weight)
	}
	if step == 0 {
		return nil
	}
	places := make([]*destination, maglevSize)
	offsets, skips := make([]uint64, len(list)), make([]uint64, len(list))
	for i, d := range list {
		offsets[i] = hash(d.Address, "offset") % maglevSize
		skips[i] = hash(d.Address, "skip")%(maglevSize-1) + 1
	}
	for taken := 0; ; {
		for i, d := range list {
			for range d.Weight / step {
				for places[offsets[i]] != nil {
					offsets[i] = (offsets[i] + skips[i]) % maglevSize
				}
				places[offsets[i]] = d
				if taken++; taken == maglevSize {
					return places
				}
			}
		}
	}
}

func hash(a netip.AddrPort, salt string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(salt)) // never fails
	b := a.Addr().As16()
	_, _ = h.Write(binary.BigEndian.AppendUint16(b[:], a.Port()))
	// The last bytes of FNV hardly reach the upper bits.
	x := h.Sum64()
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	return x ^ x>>32
}

// failOver takes the one of the greatest weight (fo).
func failOver(list []*destination, _ *table.Service) picker {
	return func(_ netip.AddrPort, may func(*destination) bool) *destination {
		return heaviest(list, may)
	}
}

// overflow takes the one of the greatest weight that has fewer connections than its
// weight (ovf).
func overflow(list []*destination, _ *table.Service) picker {
	return func(_ netip.AddrPort, may func(*destination) bool) *destination {
		return heaviest(list, func(d *destination) bool { return may(d) && d.active+d.inactive < int(d.Weight) })
	}
}

func heaviest(list []*destination, may func(*destination) bool) (best *destination) {
	for _, d := range list {
		if may(d) && (best == nil || d.Weight > best.Weight) {
			best = d
		}
	}
	return best
}

// twoChoices takes the less loaded one of two that chance takes by their weights
// (twos).
func twoChoices(list []*destination, _ *table.Service) picker {
	return func(_ netip.AddrPort, may func(*destination) bool) *destination {
		a, b := byChance(list, may), byChance(list, may)
		if a != b && lighter(b, a, (*destination).overhead, true) {
			return b
		}
		return a
	}
}

func byChance(list []*destination, may func(*destination) bool) *destination {
	total := uint64(0)
	for _, d := range list {
		if may(d) {
			total += uint64(d.Weight)
		}
	}
	if total == 0 {
		return nil
	}
	n := rand.Uint64N(total)
	for _, d := range list {
		if !may(d) {
			continue
		}
		if n < uint64(d.Weight) {
			return d
		}
		n -= uint64(d.Weight)
	}
	return nil
}
