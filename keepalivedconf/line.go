package keepalivedconf

import "net/netip"

// words walks over the words of a line that is one address, route or rule.
type words struct {
	b      *builder
	s      *Statement
	static bool // it is one of the machine's own, and may have a track_group
	// lacks, if not nil, reports an option whose own word is missing in another way than builder.missing.
	lacks  func(option string)
	at     int  // of the word looked at
	broken bool // the line is dropped
	lost   bool // because a word is missing
}

// option takes a word of such a line, and those after it that belong to it, into a T.
type option[T any] func(w *words, t *T)

// options are what may stand in a kind of lines, by name.
type options[T any] map[string]option[T]

// read takes the words from the one looked at to the end of the line, or until the line is dropped. other takes a word
// that is no option.
func (o options[T]) read(w *words, into *T, other option[T]) {
	for ; w.at < len(w.s.Words) && !w.broken; w.at++ {
		if set, known := o[w.word()]; known {
			set(w, into)
		} else {
			other(w, into)
		}
	}
}

// word is the word looked at.
func (w *words) word() string { return w.s.Words[w.at] }

// end leaves the rest of the line alone.
func (w *words) end() { w.at = len(w.s.Words) }

// next is the word after this one; without one the line is reported and dropped.
func (w *words) next() string {
	if w.at+1 < len(w.s.Words) {
		w.at++
		return w.word()
	}
	switch {
	case w.broken:
	case w.lacks != nil:
		w.lacks(w.word())
	default:
		w.b.missing(w.s, len(w.s.Words))
	}
	w.broken, w.lost = true, true
	w.end()
	return ""
}

// value is next; ok is false if there is none.
func (w *words) value() (word string, ok bool) {
	word = w.next()
	return word, !w.broken
}

// fail reports why the line is dropped, unless it is already.
func (w *words) fail(format string, args ...any) bool {
	if !w.broken {
		w.b.err(w.s, format, args...)
		w.broken = true
	}
	return false
}

// number reads a number up to high; format has one %s for the word.
func (w *words) number(into *uint32, high uint32, format string) bool {
	word, ok := w.value()
	if !ok {
		return false
	}
	v, ok := w.b.unsigned(w.s, word, 0, high)
	if !ok {
		return w.fail(format, word)
	}
	*into = v
	return true
}

// named reads a name of one of iproute2's tables, or a number; format has one %s for the word.
func (w *words) named(t nameTable, format string) (v uint32, ok bool) {
	word := w.next()
	if v, ok = w.b.find(t, word); !ok {
		return 0, w.fail(format, word)
	}
	return v, true
}

// tos reads a type of service.
func (w *words) tos(into *uint8) {
	if v, ok := w.named(dsfieldNames, "TOS value %s is invalid"); ok {
		*into = uint8(v)
	}
}

// realms reads "TO" or "FROM/TO", which are IPv4's. Both formats are for what is wrong: the word, and the family.
func (w *words) realms(into *uint32, f *Family, format, mixed string) bool {
	word := w.next()
	v, ok := w.b.realms(word)
	if !ok {
		return w.fail(format, word)
	}
	if !w.family(f, IPv4, "%s", mixed) {
		return false
	}
	*into = v
	return true
}

// addr reads an address without a length.
func (w *words) addr(word, format string) (netip.Addr, bool) {
	if w.broken {
		return netip.Addr{}, false
	}
	p, ok := w.b.prefix(w.s, word, false)
	if !ok {
		return netip.Addr{}, w.fail(format, word)
	}
	return p.Addr(), true
}

// network reads a destination: a prefix, or default, any and all, whose family is open.
func (w *words) network(word, format string) (p netip.Prefix, any, ok bool) {
	if w.broken {
		return p, false, false
	}
	switch word {
	case "default", "any", "all":
		return p, true, true
	case "default6":
		w.b.note(w.s, "'default6' is deprecated - please replace with 'inet6 default'")
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0), false, true
	}
	if p, ok = w.b.prefix(w.s, word, true); !ok {
		return p, false, w.fail(format, word)
	}
	return p, false, true
}

// family takes a family for the whole line.
func (w *words) family(into *Family, f Family, format string, args ...any) bool {
	if *into == FamilyUnset {
		*into = f
	} else if *into != f {
		return w.fail(format, args...)
	}
	return true
}

// gateway reads "[inet|inet6] ADDRESS".
func (w *words) gateway(format string) (netip.Addr, bool) {
	word := w.next()
	var want Family
	switch word {
	case "inet":
		want, word = IPv4, w.next()
	case "inet6":
		want, word = IPv6, w.next()
	}
	a, ok := w.addr(word, format)
	if ok && want != FamilyUnset && familyOf(a) != want {
		return a, w.fail(mixedRoute)
	}
	return a, ok
}

// device reads the name of an interface. One that does not exist is reported and waited for.
func (w *words) device(format string) string {
	name := w.next()
	if !w.broken && !w.b.interfaceExists(name) {
		w.b.err(w.s, format, name)
	}
	return name
}

// trackGroup takes a track_group, which must have been defined before; false if the line may not have one.
func (w *words) trackGroup(into *string) bool {
	if !w.static || w.word() != "track_group" {
		return false
	}
	name, ok := w.value()
	switch {
	case !ok:
	case *into != "":
		w.b.err(w.s, "track_group %s is a duplicate", name)
	case w.b.cfg.staticGroup(name) == nil:
		w.b.err(w.s, "track_group %s not found", name)
	default:
		*into = name
	}
	return true
}

// tracked settles whose a route or rule is: keepalived's, whatever protocol was written, unless it has no_track.
func (w *words) tracked(what string, noTrack, written bool, protocol *uint8) {
	if noTrack {
		return
	}
	if written && *protocol != protocolKeepalived {
		w.b.err(w.s, "%s cannot be tracked if protocol is not RTPROT_KEEPALIVED(%d), resetting protocol", what, protocolKeepalived)
	}
	*protocol = protocolKeepalived
}

func anyOf(f Family) netip.Prefix {
	if f == IPv6 {
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
}
