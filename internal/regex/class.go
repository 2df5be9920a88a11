package regex

import "strings"

// class reads [...].
func (p *parser) class() (*node, error) {
	if kind, _, ok := p.posixName(); ok {
		if kind == ':' {
			return nil, p.fail("POSIX named classes are supported only within a class", p.pos)
		}
		return nil, p.fail("POSIX collating elements are not supported", p.pos)
	}
	p.pos++
	negative := p.beginClass()
	var s set
	folding := set(nil) // the part in which case may not matter
	for first := true; ; first = false {
		switch {
		case !p.more():
			return nil, p.fail("missing terminating ] for character class", p.pos)
		case p.skip(`\E`):
			continue
		case p.skip(`\Q`):
			for p.more() && !p.skip(`\E`) {
				folding = folding.union(one(p.char()))
			}
			continue
		case p.opts.extendedMore && (p.peek(" ") || p.peek("\t")):
			p.pos++
			continue
		case !first && p.skip("]"):
			return p.finishClass(s, folding, negative), nil
		}
		member, isClass, err := p.member()
		if err != nil {
			return nil, err
		}
		low, single := member.single()
		switch {
		case isClass && p.rangeFollows():
			return nil, p.fail("invalid range in character class", p.pos)
		case isClass:
			s = s.union(member)
			continue
		case !single || !p.rangeFollows():
			folding = folding.union(member)
			continue
		}
		p.pos++ // the hyphen
		at := p.pos
		other, isClass, err := p.member()
		if err != nil {
			return nil, err
		}
		high, single := other.single()
		switch {
		case isClass || !single:
			return nil, p.fail("invalid range in character class", p.pos)
		case high < low:
			return nil, p.fail("range out of order in character class", max(at, p.pos-1))
		}
		folding = folding.union(set{{low, high}})
	}
}

// beginClass reads what may stand before the first member, and reports whether the class is turned around.
func (p *parser) beginClass() (negative bool) {
	for {
		switch {
		case p.skip(`\E`), p.skip(`\Q\E`), p.opts.extendedMore && (p.skip(" ") || p.skip("\t")):
		case !negative && p.skip("^"):
			negative = true
		default:
			return negative
		}
	}
}

// rangeFollows reports whether a hyphen stands here that makes a range.
func (p *parser) rangeFollows() bool {
	return p.peek("-") && p.pos+1 < len(p.text) && p.text[p.pos+1] != ']'
}

func (p *parser) finishClass(s, folding set, negative bool) *node {
	n := &node{kind: nodeSet}
	switch {
	case p.opts.fold && p.utf:
		// The engine adds the other cases, and negates after that.
		n.fold = true
		n.set = s.union(folding)
		if negative {
			n.fold = false
			n.set = foldUnicode(n.set).negate(p.top())
		}
		return n
	case p.opts.fold:
		folding = folding.foldASCII()
	}
	n.set = s.union(folding)
	if negative {
		n.set = n.set.negate(p.top())
	}
	return n
}

// member reads one member of a class: a character, or a class of its own.
func (p *parser) member() (s set, isClass bool, err error) {
	if kind, name, ok := p.posixName(); ok {
		s, err := p.posix(kind, name)
		return s, true, err
	}
	if p.text[p.pos] != '\\' {
		return one(p.char()), false, nil
	}
	p.pos++
	if !p.more() {
		return nil, false, p.fail(`\ at end of pattern`, p.pos)
	}
	switch c := p.text[p.pos]; c {
	case 'b':
		p.pos++
		return one('\b'), false, nil
	case 'N':
		return nil, false, p.fail(`\N is not supported in a class`, p.pos)
	case 'B', 'R', 'X':
		return nil, false, p.fail("escape sequence is invalid in character class", p.pos)
	}
	return p.escapedSet()
}

// posixName returns what stands here if it looks like [:name:], [.name.] or [=name=].
func (p *parser) posixName() (kind byte, name string, ok bool) {
	if p.text[p.pos] != '[' || p.pos+1 == len(p.text) {
		return 0, "", false
	}
	kind = p.text[p.pos+1]
	rest := p.text[p.pos+2:]
	end := strings.Index(rest, string(kind)+"]")
	if kind != ':' && kind != '.' && kind != '=' || end < 0 || strings.Trim(rest[:end], "^abcdefghijklmnopqrstuvwxyz") != "" {
		return 0, "", false
	}
	return kind, rest[:end], true
}

// posix reads [:name:] and [:^name:].
func (p *parser) posix(kind byte, name string) (set, error) {
	if kind != ':' {
		return nil, p.fail("POSIX collating elements are not supported", p.pos)
	}
	size := len("[::]") + len(name)
	name, negative := strings.CutPrefix(name, "^")
	if p.opts.fold && (name == "lower" || name == "upper") {
		name = "alpha"
		if p.ucp {
			name = "cased"
		}
	}
	s, known := posixClasses[name]
	if p.ucp && unicodeClasses[name] != nil {
		s, known = unicodeClasses[name](p.top()), true
	}
	if !known {
		return nil, p.fail("unknown POSIX class name", p.pos+2)
	}
	if negative {
		s = s.negate(p.top())
	}
	p.pos += size
	return s, nil
}
