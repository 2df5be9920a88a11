package regex

import "strings"

// class reads [...].
func (p *parser) class() (*node, error) {
	p.pos++
	negative := p.skip("^")
	var s set
	folding := set(nil) // the part in which case may not matter
	for first := true; ; first = false {
		switch {
		case !p.more():
			return nil, p.fail("missing terminating ] for character class", p.pos)
		case p.skip(`\E`):
			first = false
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
		if isClass || !single || !p.rangeFollows() {
			if isClass {
				s = s.union(member)
			} else {
				folding = folding.union(member)
			}
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
	if p.text[p.pos] == '[' && p.pos+1 < len(p.text) {
		if s, ok, err := p.posix(); ok || err != nil {
			return s, true, err
		}
	}
	if p.text[p.pos] != '\\' {
		return one(p.char()), false, nil
	}
	start := p.pos
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
	return p.escapedSet(start)
}

// posix reads [:name:] and [:^name:].
func (p *parser) posix() (s set, ok bool, err error) {
	rest := p.text[p.pos+1:]
	kind := rest[0]
	if kind != ':' && kind != '.' && kind != '=' {
		return nil, false, nil
	}
	end := strings.Index(rest[1:], string(kind)+"]")
	if end < 0 || strings.ContainsAny(rest[1:1+end], `]\`) {
		return nil, false, nil
	}
	name := rest[1 : 1+end]
	if strings.Trim(name, "^abcdefghijklmnopqrstuvwxyz") != "" {
		return nil, false, nil
	}
	if kind != ':' {
		return nil, false, p.fail("POSIX collating elements are not supported", p.pos)
	}
	name, negative := strings.CutPrefix(name, "^")
	s, known := posixClasses[name]
	if !known {
		return nil, false, p.fail("unknown POSIX class name", p.pos+2)
	}
	if p.opts.fold && (name == "lower" || name == "upper") {
		s = posixClasses["alpha"]
	}
	if negative {
		s = s.negate(p.top())
	}
	p.pos += end + len("[::]")
	return s, true, nil
}
