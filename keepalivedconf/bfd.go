package keepalivedconf

import (
	"net/netip"
	"slices"
	"time"
)

// BFDInstance is a bfd_instance. Times are whole microseconds.
type BFDInstance struct {
	Pos          Pos
	Name         string
	Neighbor     netip.Addr
	Source       netip.Addr // invalid: the kernel chooses
	MinRx, MinTx time.Duration
	IdleTx       time.Duration
	Multiplier   uint8
	Passive      bool
	TTL          int // what packets are sent with
	MaxHops      int // -1: the TTL of those that come is not looked at
	Multihop     bool

	// Weight and Reverse are what track_bfd goes by if it says nothing.
	Weight  int
	Reverse bool

	// VRRP and Checkers are who is told; if neither is named, both are.
	VRRP, Checkers bool

	neighborWord string // neighbor, or neighbour
	bad          bool   // it is not to be run, but may be tracked: it is down
}

// What keepalived takes (bfd.h), in microseconds.
const (
	bfdTimeMax      = 4294967 * 1000
	bfdIdleMin      = 1000 * 1000
	bfdSensible     = 10000 * 1000
	bfdTTLDefault   = 255
	bfdHopsDefault6 = 64
	maxBFDName      = 32
)

func newBFD(name string, pos Pos) *BFDInstance {
	return &BFDInstance{
		Pos: pos, Name: name, MinRx: 10 * time.Millisecond, MinTx: 10 * time.Millisecond, IdleTx: time.Second, Multiplier: 5,
		neighborWord: "neighbor",
	}
}

// bfdTime is the row of an interval, in milliseconds with up to three decimals.
func bfdTime(name string, low uint64, into func(*BFDInstance) *time.Duration) row[BFDInstance] {
	return row[BFDInstance]{name: name, set: func(b *builder, i *BFDInstance, s *Statement) {
		v, ok := b.decimal(s, s.Arg(1), low, bfdTimeMax, 3)
		if !ok {
			b.err(s, "Configuration error: BFD instance %s %s value %s is not valid (must be in range [%d-%d]), ignoring",
				i.Name, name, s.Arg(1), low/1000, uint64(bfdTimeMax/1000))
			return
		}
		*into(i) = time.Duration(v) * time.Microsecond
		if v > bfdSensible {
			b.note(s, "Configuration warning: BFD instance %s %s value %s is larger than max sensible (%d)", i.Name, name, s.Arg(1), bfdSensible/1000)
		}
	}}
}

// bfdRows are the keywords of bfd_instance.
var bfdRows = newRows(
	row[BFDInstance]{name: "neighbor_ip", set: setNeighbor},
	row[BFDInstance]{name: "neighbour_ip", set: setNeighbor},
	row[BFDInstance]{name: "source_ip", set: func(b *builder, i *BFDInstance, s *Statement) {
		a, ok := endpoint(s.Arg(1))
		if !ok {
			b.err(s, "Configuration error: BFD instance %s has malformed source address %s, ignoring", i.Name, s.Arg(1))
			return
		}
		i.Source = a
	}},
	bfdTime("min_rx", 1000, func(i *BFDInstance) *time.Duration { return &i.MinRx }),
	bfdTime("min_tx", 1000, func(i *BFDInstance) *time.Duration { return &i.MinTx }),
	bfdTime("idle_tx", bfdIdleMin, func(i *BFDInstance) *time.Duration { return &i.IdleTx }),
	row[BFDInstance]{name: "multiplier", set: func(b *builder, i *BFDInstance, s *Statement) {
		if n, ok := b.number(s, s.Arg(1), 1, 255); ok {
			i.Multiplier = uint8(n)
			return
		}
		b.err(s, "Configuration error: BFD instance %s multiplier value %s not valid (must be in range [1-255]), ignoring", i.Name, s.Arg(1))
	}},
	row[BFDInstance]{name: "passive", set: func(_ *builder, i *BFDInstance, _ *Statement) { i.Passive = true }},
	row[BFDInstance]{name: "ttl", set: setBFDTTL},
	row[BFDInstance]{name: "hoplimit", set: setBFDTTL},
	row[BFDInstance]{name: "max_hops", set: func(b *builder, i *BFDInstance, s *Statement) {
		if n, ok := b.signedNumber(s, s.Arg(1), -1, 255); ok {
			i.MaxHops = n
			return
		}
		b.err(s, "Configuration error: BFD instance %s max_hops value %s not valid (must be in range [-1-255]), ignoring", i.Name, s.Arg(1))
	}},
	row[BFDInstance]{name: "multihop", set: func(b *builder, i *BFDInstance, s *Statement) {
		if on, ok := b.toggle(s, "Configuration error: BFD instance "+escape(i.Name)+" multihop setting not valid - %s"); ok {
			i.Multihop = on
		}
	}},
	row[BFDInstance]{name: "weight", set: func(b *builder, i *BFDInstance, s *Statement) {
		if n, ok := b.signedNumber(s, s.Arg(1), -253, 253); ok {
			i.Weight = n
		} else {
			b.err(s, "Configuration error: BFD instance %s weight value %s not valid (must be in range [-253-253]), ignoring", i.Name, s.Arg(1))
		}
		switch s.Arg(2) {
		case "":
		case "reverse":
			i.Reverse = true
		default:
			b.err(s, "Configuration error: BFD instance %s unknown weight option %s", i.Name, s.Arg(2))
		}
	}},
	row[BFDInstance]{name: "vrrp", set: func(_ *builder, i *BFDInstance, _ *Statement) { i.VRRP = true }},
	row[BFDInstance]{name: "checker", set: func(_ *builder, i *BFDInstance, _ *Statement) { i.Checkers = true }},
)

func setNeighbor(b *builder, i *BFDInstance, s *Statement) {
	if s.Name() == "neighbour_ip" {
		i.neighborWord = "neighbour"
	}
	a, ok := endpoint(s.Arg(1))
	if !ok {
		b.err(s, "Configuration error: BFD instance %s has malformed %s address %s, ignoring instance", i.Name, i.neighborWord, s.Arg(1))
		i.bad = true
		return
	}
	i.Neighbor = a
}

func setBFDTTL(b *builder, i *BFDInstance, s *Statement) {
	if n, ok := b.number(s, s.Arg(1), 1, 255); ok {
		i.TTL = int(n)
		return
	}
	b.err(s, "Configuration error: BFD instance %s ttl/hoplimit value %s not valid (must be in range [1-255]), ignoring", i.Name, s.Arg(1))
}

// addBFD reads a bfd_instance.
func addBFD(b *builder, c *Config, s *Statement) {
	name := s.Arg(1)
	switch {
	case len(name) >= maxBFDName:
		b.err(s, "Configuration error: BFD instance %s name too long (maximum length is %d characters) - ignoring", name, maxBFDName-1)
		return
	case b.bfd[name] != nil:
		b.err(s, "Configuration error: BFD instance %s already configured - ignoring", name)
		return
	}
	i := newBFD(name, s.Pos)
	bfdRows.walk(b, i, s.Body, nil)
	if !i.VRRP && !i.Checkers {
		i.VRRP, i.Checkers = true, true
	}
	b.bfd[name] = i
	if !i.bad && b.endBFD(c, i, s) {
		c.BFD = append(c.BFD, i)
	}
}

// endBFD looks at a bfd_instance as a whole, and reports whether it can be run.
func (b *builder) endBFD(c *Config, i *BFDInstance, s *Statement) bool {
	say := func(format string, args ...any) bool {
		b.sayAtClose(s, format, args...)
		return false
	}
	word := i.neighborWord
	if !i.Neighbor.IsValid() {
		return say("Configuration error: BFD instance %s has no %s address set, disabling instance", i.Name, word)
	}
	if i.Source.IsValid() && i.Source.Is4() != i.Neighbor.Is4() {
		return say("Configuration error: BFD instance %s source address %s and %s address %s are not of the same family, disabling instance",
			i.Name, i.Source, word, i.Neighbor)
	}
	if slices.ContainsFunc(c.BFD, func(o *BFDInstance) bool {
		return o.Neighbor == i.Neighbor && o.Source == i.Source && o.Multihop == i.Multihop
	}) {
		if i.Source.IsValid() {
			return say("Configuration error: BFD instance %s has duplicate source/%s address %s/%s, ignoring instance", i.Name, word, i.Source, i.Neighbor)
		}
		return say("Configuration error: BFD instance %s has duplicate %s address %s, ignoring instance", i.Name, word, i.Neighbor)
	}
	if i.TTL == 0 {
		i.TTL = bfdTTLDefault
		if i.Neighbor.Is6() {
			i.TTL = bfdHopsDefault6
		}
	}
	if i.MaxHops > i.TTL {
		say("BFD instance %s: max_hops exceeds ttl/hoplimit - setting to ttl/hoplimit", i.Name)
		i.MaxHops = i.TTL
	}
	return true
}

// addTrackBFD reads a line of track_bfd; the bfd_instance must stand before it.
func addTrackBFD(b *builder, owner string, into *Tracking, s *Statement) {
	name := s.Words[0]
	i := b.bfd[name]
	if i == nil || !i.VRRP {
		b.err(s, "(%s) track bfd %s not found, ignoring...", owner, name)
		return
	}
	o, n := escape(owner), escape(name)
	b.addTrack(owner, "track_bfd", &into.TrackBFD, s, i.Weight, i.Reverse, trackWords{
		noValue:       "(" + o + ") weight without value specified for track bfd " + n + " - ignoring%.0s",
		unknownOption: "(" + o + ") unknown track bfd " + n + " option %s - ignoring",
		badWeight:     "(" + o + ") weight for track bfd " + n + " must be in [-253..253] inclusive. Ignoring...%.0s",
		badDirection:  "(" + o + ") unknown track bfd " + n + " weight option %s - ignoring",
		dropDirection: true, noreverse: true, narrow: true,
	})
}
