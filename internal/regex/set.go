package regex

import (
	"sort"
	"unicode"
)

// span is a range of characters, both ends included. Without UTF a character
// is a byte.
type span struct{ lo, hi rune }

// set is a set of characters: spans in order that do not touch.
type set []span

// The largest characters.
const (
	maxByte = 0xff
	maxRune = 0x10ffff
)

// makeSet puts spans in order and joins them.
func makeSet(spans ...span) set {
	s := append(set(nil), spans...)
	sort.Slice(s, func(i, j int) bool { return s[i].lo < s[j].lo })
	out := s[:0]
	for _, x := range s {
		if n := len(out); n > 0 && x.lo <= out[n-1].hi+1 {
			out[n-1].hi = max(out[n-1].hi, x.hi)
			continue
		}
		out = append(out, x)
	}
	return out
}

func (s set) union(t set) set { return makeSet(append(append([]span(nil), s...), t...)...) }

// negate returns the characters up to top that are not in s.
func (s set) negate(top rune) set {
	var out set
	next := rune(0)
	for _, x := range s {
		if x.lo > next {
			out = append(out, span{next, x.lo - 1})
		}
		next = x.hi + 1
	}
	if next <= top {
		out = append(out, span{next, top})
	}
	return out
}

// foldASCII adds the other case of each ASCII letter.
func (s set) foldASCII() set {
	var more []span
	add := func(x span, lo, hi, shift rune) {
		if a, b := max(x.lo, lo), min(x.hi, hi); a <= b {
			more = append(more, span{a + shift, b + shift})
		}
	}
	for _, x := range s {
		add(x, 'a', 'z', -32)
		add(x, 'A', 'Z', 32)
	}
	if more == nil {
		return s
	}
	return s.union(more)
}

// single returns the one character of a set that has just one.
func (s set) single() (rune, bool) {
	if len(s) == 1 && s[0].lo == s[0].hi {
		return s[0].lo, true
	}
	return 0, false
}

func one(c rune) set { return set{{c, c}} }

// The classes of the C locale.
var (
	digits    = makeSet(span{'0', '9'})
	wordChars = makeSet(span{'0', '9'}, span{'A', 'Z'}, span{'_', '_'}, span{'a', 'z'})
	spaces    = makeSet(span{'\t', '\r'}, span{' ', ' '})
	newline   = one('\n')
	// hspaces and vspaces are \h and \v; those above the bytes count with UTF
	// only.
	hspaces = makeSet(span{'\t', '\t'}, span{' ', ' '}, span{0xa0, 0xa0}, span{0x1680, 0x1680}, span{0x180e, 0x180e},
		span{0x2000, 0x200a}, span{0x202f, 0x202f}, span{0x205f, 0x205f}, span{0x3000, 0x3000})
	vspaces = makeSet(span{'\n', '\r'}, span{0x85, 0x85}, span{0x2028, 0x2029})
)

// upTo returns the part of s that is not above top.
func (s set) upTo(top rune) set {
	var out set
	for _, x := range s {
		if x.lo <= top {
			out = append(out, span{x.lo, min(x.hi, top)})
		}
	}
	return out
}

var posixClasses = map[string]set{
	"alpha":  makeSet(span{'A', 'Z'}, span{'a', 'z'}),
	"lower":  makeSet(span{'a', 'z'}),
	"upper":  makeSet(span{'A', 'Z'}),
	"alnum":  makeSet(span{'0', '9'}, span{'A', 'Z'}, span{'a', 'z'}),
	"ascii":  makeSet(span{0, 0x7f}),
	"blank":  makeSet(span{'\t', '\t'}, span{' ', ' '}),
	"cntrl":  makeSet(span{0, 0x1f}, span{0x7f, 0x7f}),
	"digit":  digits,
	"graph":  makeSet(span{'!', '~'}),
	"print":  makeSet(span{' ', '~'}),
	"punct":  makeSet(span{'!', '/'}, span{':', '@'}, span{'[', '`'}, span{'{', '~'}),
	"space":  spaces,
	"word":   wordChars,
	"xdigit": makeSet(span{'0', '9'}, span{'A', 'F'}, span{'a', 'f'}),
}

// foldUnicode adds the other cases of each character.
func foldUnicode(s set) set {
	var more []span
	for _, x := range s {
		for c := x.lo; c <= min(x.hi, 0x1ffff); c++ {
			for f := unicode.SimpleFold(c); f != c; f = unicode.SimpleFold(f) {
				more = append(more, span{f, f})
			}
		}
	}
	if more == nil {
		return s
	}
	return s.union(more)
}
