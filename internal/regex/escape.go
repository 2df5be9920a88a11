package regex

import (
	"strconv"
	"strings"
	"unicode"
)

// escape reads what begins with a backslash outside of a class.
func (p *parser) escape() (*node, error) {
	p.pos++
	if !p.more() {
		return nil, p.fail(`\ at end of pattern`, p.pos)
	}
	switch c := p.text[p.pos]; c {
	case 'A', 'G':
		p.pos++
		return &node{kind: nodeBegin}, nil
	case 'Z':
		p.pos++
		return &node{kind: nodeDollar}, nil
	case 'z':
		p.pos++
		return &node{kind: nodeEnd}, nil
	case 'b', 'B':
		p.pos++
		if c == 'b' {
			return &node{kind: nodeBoundary}, nil
		}
		return &node{kind: nodeInside}, nil
	case 'K':
		p.pos++
		return &node{kind: nodeKeep}, nil
	case 'C':
		p.pos++
		return &node{kind: nodeSet, set: set{{0, p.top()}}}, nil
	case 'N':
		if p.peek("N{U+") {
			return nil, p.fail(`\N{U+dddd} is not supported`, p.pos)
		}
		p.pos++
		return &node{kind: nodeSet, set: newline.negate(p.top())}, nil
	case 'R':
		p.pos++
		return &node{kind: nodeAtomic, subs: []*node{{kind: nodeAlternate, subs: []*node{
			{kind: nodeConcat, subs: []*node{{kind: nodeSet, set: one('\r')}, {kind: nodeSet, set: one('\n')}}},
			{kind: nodeSet, set: vspaces.upTo(p.top())},
		}}}}, nil
	case 'X':
		return nil, p.fail(`\X is not supported`, p.pos)
	case 'g', 'k':
		return p.namedReference()
	}
	if c := p.text[p.pos]; c >= '1' && c <= '9' {
		if n, ok := p.numberedReference(); ok {
			return n, nil
		}
	}
	s, isClass, err := p.escapedSet()
	if err != nil {
		return nil, err
	}
	if isClass {
		return &node{kind: nodeSet, set: s}, nil
	}
	return p.setNode(s), nil
}

// numberedReference reads \1 and the like. Two digits and more are a reference
// only if there are that many groups, and otherwise an octal number.
func (p *parser) numberedReference() (*node, bool) {
	end := p.pos
	for end < len(p.text) && p.text[end] >= '0' && p.text[end] <= '9' {
		end++
	}
	n := number(p.text[p.pos:end])
	if n >= 10 && n > p.total && p.text[p.pos] < '8' {
		return nil, false
	}
	p.pos = end
	ref := &node{kind: nodeReference, index: n, fold: p.opts.fold}
	_ = p.mustExist(ref, end)
	return ref, true
}

// mustExist has the group of n looked for when all are known.
func (p *parser) mustExist(n *node, at int) error {
	p.later = append(p.later, func() error {
		if n.index < 1 || n.index >= len(p.names) {
			return p.fail("reference to non-existent subpattern", at)
		}
		return nil
	})
	return nil
}

// relative returns the group that -1 or +1 stand for here.
func (p *parser) relative(sign byte, n int) int {
	if sign == '-' {
		return p.groups - n + 1
	}
	return p.groups + n
}

// namedReference reads \g1, \g{1}, \g{-1}, \g{name}, \k<name>, \k'name' and
// \k{name}.
func (p *parser) namedReference() (*node, error) {
	letter := p.text[p.pos]
	p.pos++
	const badG = `\g is not followed by a braced, angle-bracketed, or quoted name/number or by a plain number`
	const badK = `\k is not followed by a braced, angle-bracketed, or quoted name`
	if !p.more() {
		if letter == 'g' {
			return nil, p.fail(badG, p.pos)
		}
		return nil, p.fail(badK, p.pos)
	}
	open := p.text[p.pos]
	if letter == 'g' && (open == '<' || open == '\'') {
		return nil, p.fail("recursion and callouts are not supported", p.pos)
	}
	if letter == 'g' && open != '{' {
		end := p.pos + 1
		for end < len(p.text) && p.text[end] >= '0' && p.text[end] <= '9' {
			end++
		}
		word := p.text[p.pos:end]
		if !isNumber(strings.TrimLeft(word, "+-")) {
			return nil, p.fail(badG, p.pos)
		}
		p.pos = end
		return p.groupByWord(word)
	}
	closing, ok := map[byte]byte{'{': '}', '<': '>', '\'': '\''}[open]
	if !ok {
		return nil, p.fail(badK, p.pos)
	}
	p.pos++
	if letter == 'g' {
		if end := strings.IndexByte(p.text[p.pos:], '}'); end >= 0 {
			if word := p.text[p.pos : p.pos+end]; word != "" && !isWordByte(word[0]) || isNumber(word) {
				p.pos += end + 1
				return p.groupByWord(word)
			}
		}
	}
	name, err := p.name(closing)
	if err != nil {
		return nil, err
	}
	return p.reference(name)
}

// groupByWord is the reference to a group by its number, perhaps relative.
func (p *parser) groupByWord(word string) (*node, error) {
	ref := &node{kind: nodeReference, fold: p.opts.fold}
	switch {
	case isNumber(word):
		ref.index = number(word)
	case len(word) > 1 && (word[0] == '-' || word[0] == '+') && isNumber(word[1:]):
		ref.index = p.relative(word[0], number(word[1:]))
	default:
		return nil, p.fail(`a numbered reference must not be zero`, p.pos)
	}
	return ref, p.mustExist(ref, p.pos)
}

// reference is the reference to a group by its name.
func (p *parser) reference(name string) (*node, error) {
	ref, at := &node{kind: nodeReference, fold: p.opts.fold}, p.pos-1
	p.later = append(p.later, func() error {
		for i, other := range p.names {
			if i > 0 && other == name {
				ref.index = i
				return nil
			}
		}
		return p.fail("reference to non-existent subpattern", at)
	})
	return ref, nil
}

// words returns the characters of \w.
func (p *parser) words() set {
	if p.ucp {
		return unicodeClasses["word"](p.top())
	}
	return wordChars
}

// unicodeClasses are what (*UCP) makes of \d, \s, \w and the classes of POSIX that it widens; "cased" is lower and upper
// where case does not matter.
var unicodeClasses = map[string]func(top rune) set{
	"alpha": func(top rune) set { return unicodeSet(top, unicode.L) },
	"lower": func(top rune) set { return unicodeSet(top, unicode.Ll) },
	"upper": func(top rune) set { return unicodeSet(top, unicode.Lu) },
	"cased": func(top rune) set { return unicodeSet(top, unicode.Lu, unicode.Ll, unicode.Lt) },
	"alnum": func(top rune) set { return unicodeSet(top, unicode.L, unicode.N) },
	"digit": func(top rune) set { return unicodeSet(top, unicode.Nd) },
	"space": func(top rune) set { return unicodeSet(top, unicode.Z).union(spaces).union(one(0x85)) },
	"word":  func(top rune) set { return unicodeSet(top, unicode.L, unicode.N).union(one('_')) },
}

// unicodeSet returns the characters of tables.
func unicodeSet(top rune, tables ...*unicode.RangeTable) set {
	var spans []span
	for _, t := range tables {
		for _, r := range t.R16 {
			for c := rune(r.Lo); c <= rune(r.Hi) && c <= top; c += rune(r.Stride) {
				spans = append(spans, span{c, c})
			}
		}
		for _, r := range t.R32 {
			for c := rune(r.Lo); c <= rune(r.Hi) && c <= top; c += rune(r.Stride) {
				spans = append(spans, span{c, c})
			}
		}
	}
	return makeSet(spans...)
}

// escapedSet reads the rest of an escape that stands for one character or for
// one of a class. isClass: case does not matter to it.
func (p *parser) escapedSet() (s set, isClass bool, err error) {
	c := p.text[p.pos]
	switch c {
	case 'd', 'D', 'w', 'W', 's', 'S', 'h', 'H', 'v', 'V':
		p.pos++
		lower := c | 0x20
		s = map[byte]set{'d': digits, 'w': wordChars, 's': spaces, 'h': hspaces, 'v': vspaces}[lower]
		if p.ucp {
			if widened := unicodeClasses[map[byte]string{'d': "digit", 'w': "word", 's': "space"}[lower]]; widened != nil {
				s = widened(p.top())
			}
		}
		if s = s.upTo(p.top()); c != lower {
			s = s.negate(p.top())
		}
		return s, true, nil
	case 'p', 'P':
		s, err = p.property()
		return s, true, err
	}
	ch, err := p.escapedChar()
	return one(ch), false, err
}

// property reads \pL, \p{Lu}, \p{^Lu} and \P.
func (p *parser) property() (set, error) {
	negative := p.text[p.pos] == 'P'
	p.pos++
	name := ""
	switch {
	case p.skip("{"):
		end := strings.IndexByte(p.text[p.pos:], '}')
		if end < 0 {
			return nil, p.fail(`malformed \P or \p sequence`, len(p.text))
		}
		name = p.text[p.pos : p.pos+end]
		p.pos += end + 1
	case p.more() && isWordByte(p.text[p.pos]):
		name = p.text[p.pos : p.pos+1]
		p.pos++
	default:
		return nil, p.fail(`malformed \P or \p sequence`, p.pos+1)
	}
	if rest, ok := strings.CutPrefix(name, "^"); ok {
		name, negative = rest, !negative
	}
	var s set
	switch {
	case name == "Any":
		s = set{{0, p.top()}}
	case name == "L&":
		s = unicodeClasses["cased"](p.top())
	case name == "Xan":
		s = unicodeClasses["alnum"](p.top())
	case name == "Xwd":
		s = unicodeClasses["word"](p.top())
	case name == "Xsp", name == "Xps":
		s = unicodeClasses["space"](p.top())
	case unicode.Categories[name] != nil:
		s = unicodeSet(p.top(), unicode.Categories[name])
	case unicode.Scripts[name] != nil:
		s = unicodeSet(p.top(), unicode.Scripts[name])
	default:
		return nil, p.fail(`unknown property after \P or \p`, p.pos)
	}
	if negative {
		s = s.negate(p.top())
	}
	return s, nil
}

// escapedChar reads the rest of an escape that stands for one character.
func (p *parser) escapedChar() (rune, error) {
	c := p.text[p.pos]
	p.pos++
	switch c {
	case 'a':
		return '\a', nil
	case 'e':
		return 0x1b, nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'c':
		if !p.more() {
			return 0, p.fail(`\c at end of pattern`, p.pos)
		}
		if p.text[p.pos] < ' ' || p.text[p.pos] > '~' {
			return 0, p.fail(`\c must be followed by a printable ASCII character`, min(p.pos+1, len(p.text)))
		}
		p.pos++
		return rune(upper(p.text[p.pos-1]) ^ 0x40), nil
	case 'o':
		if !p.skip("{") {
			at := p.pos
			if !p.more() {
				at--
			}
			return 0, p.fail(`missing opening brace after \o`, at)
		}
		return p.braced(8, "01234567", `non-octal character in \o{} (closing brace missing?)`)
	case 'x':
		if p.skip("{") {
			return p.braced(16, hexDigits, `non-hex character in \x{} (closing brace missing?)`)
		}
		return p.digits(16, hexDigits, 2)
	case '0':
		p.pos--
		return p.digits(8, "01234567", 3)
	}
	if c >= '1' && c <= '7' {
		p.pos--
		n, err := p.digits(8, "01234567", 3)
		if err == nil && n > p.top() {
			return 0, p.fail(`octal value is greater than \377 in 8-bit non-UTF-8 mode`, p.pos)
		}
		return n, err
	}
	if strings.IndexByte("FLlUu", c) >= 0 {
		return 0, p.fail(`PCRE2 does not support \F, \L, \l, \N{name}, \U, or \u`, p.pos-1)
	}
	if isWordByte(c) && c != '_' && c != '8' && c != '9' {
		return 0, p.fail(`unrecognized character follows \`, p.pos-1)
	}
	p.pos--
	return p.char(), nil
}

const hexDigits = "0123456789abcdefABCDEF"

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 0x20
	}
	return c
}

// digits reads up to most digits.
func (p *parser) digits(base int, allowed string, most int) (rune, error) {
	end := p.pos
	for end < len(p.text) && end < p.pos+most && strings.IndexByte(allowed, p.text[end]) >= 0 {
		end++
	}
	n, _ := strconv.ParseInt("0"+p.text[p.pos:end], base, 32)
	p.pos = end
	return rune(n), nil
}

// braced reads digits up to a closing brace.
func (p *parser) braced(base int, allowed, bad string) (rune, error) {
	end := p.pos
	for end < len(p.text) && strings.IndexByte(allowed, p.text[end]) >= 0 {
		end++
	}
	switch {
	case end == p.pos && (end == len(p.text) || p.text[end] == '}'):
		return 0, p.fail(`digits missing in \x{} or \o{} or \N{U+}`, min(end+1, len(p.text)))
	case end == len(p.text) || p.text[end] != '}':
		return 0, p.fail(bad, end)
	}
	n, err := strconv.ParseInt(p.text[p.pos:end], base, 32)
	if err != nil || rune(n) > p.top() {
		return 0, p.fail(`character code point value in \x{} or \o{} is too large`, end)
	}
	if p.utf && n >= 0xd800 && n <= 0xdfff {
		return 0, p.fail("disallowed Unicode code point (>= 0xd800 && <= 0xdfff)", end)
	}
	p.pos = end + 1
	return rune(n), nil
}
