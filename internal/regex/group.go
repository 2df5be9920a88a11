package regex

import (
	"slices"
	"strings"
)

// group reads what begins with "(".
func (p *parser) group() (*node, error) {
	start := p.pos
	if p.depth++; p.depth > maxDepth {
		return nil, p.fail("parentheses are too deeply nested", p.pos)
	}
	defer func() { p.depth-- }()
	p.pos++
	switch {
	case p.skip("*"):
		return p.verb(start)
	case !p.skip("?"):
		if p.opts.noCapture {
			return p.body(nodeConcat)
		}
		return p.capture("")
	}
	switch {
	case !p.more():
		return nil, p.fail("missing closing parenthesis", p.pos)
	case p.skip(":"):
		return p.body(nodeConcat)
	case p.skip("|"):
		return p.branchReset()
	case p.skip(">"):
		return p.body(nodeAtomic)
	case p.skip("="):
		return p.look(false, false)
	case p.skip("!"):
		return p.look(true, false)
	case p.skip("<="):
		return p.look(false, true)
	case p.skip("<!"):
		return p.look(true, true)
	case p.peek("#"):
		return nil, p.fail("missing ) after (?# comment", len(p.text))
	case p.skip("("):
		return p.conditional()
	case p.skip("P<"), p.skip("<"):
		return p.named('>')
	case p.skip("'"):
		return p.named('\'')
	case p.skip("P="):
		name, err := p.name(')')
		if err != nil {
			return nil, err
		}
		return p.reference(name)
	case p.peek("P>"), p.peek("&"), p.peek("R"), p.peek("C"):
		return nil, p.fail("recursion and callouts are not supported", p.pos)
	}
	if c := p.text[p.pos]; c >= '0' && c <= '9' || (c == '+' || c == '-') && p.pos+1 < len(p.text) && p.text[p.pos+1] >= '0' && p.text[p.pos+1] <= '9' {
		return nil, p.fail("recursion and callouts are not supported", p.pos)
	}
	if p.skip("+") {
		return nil, p.fail("digit expected after (?+ or (?-", p.pos)
	}
	if p.skip("P") {
		return nil, p.fail("unrecognized character after (?P", p.pos)
	}
	return p.switches()
}

// body reads the rest of a group with its closing parenthesis. Options that are
// switched within it end with it.
func (p *parser) body(k kind) (*node, error) {
	opts := p.opts
	n, err := p.alternatives()
	p.opts = opts
	if err != nil {
		return nil, err
	}
	if !p.skip(")") {
		return nil, p.fail("missing closing parenthesis", p.pos)
	}
	return &node{kind: k, subs: []*node{n}}, nil
}

// capture reads the rest of a capturing group.
func (p *parser) capture(name string) (*node, error) {
	p.groups++
	index := p.groups
	for len(p.names) <= index {
		p.names = append(p.names, "")
	}
	if name != "" {
		p.names[index] = name
	}
	n, err := p.body(nodeCapture)
	if err == nil {
		n.index = index
	}
	return n, err
}

func (p *parser) named(end byte) (*node, error) {
	name, err := p.name(end)
	if err != nil {
		return nil, err
	}
	for i, other := range p.names {
		if other == name && i != p.groups+1 && !p.opts.sameNames {
			return nil, p.fail("two named subpatterns have the same name (PCRE2_DUPNAMES not set)", p.pos-1)
		}
	}
	return p.capture(name)
}

// maxName is how long the name of a group may be.
const maxName = 32

// name reads the name of a group and the character that ends it.
func (p *parser) name(end byte) (string, error) {
	start := p.pos
	for p.more() && isWordByte(p.text[p.pos]) {
		p.pos++
	}
	name := p.text[start:p.pos]
	switch {
	case name == "":
		return "", p.fail("subpattern name expected", p.pos)
	case name[0] >= '0' && name[0] <= '9':
		return "", p.fail("subpattern name must start with a non-digit", start)
	case len(name) > maxName:
		return "", p.fail("subpattern name is too long (maximum 32 code units)", start+maxName+1)
	case !p.more() || p.text[p.pos] != end:
		return "", p.fail("syntax error in subpattern name (missing terminator?)", p.pos)
	}
	p.pos++
	return name, nil
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// look reads an assertion.
func (p *parser) look(negative, behind bool) (*node, error) {
	at := p.pos
	n, err := p.body(nodeLook)
	if err != nil {
		return nil, err
	}
	if n.any(func(n *node) bool { return n.kind == nodeKeep }) {
		return nil, p.fail(`\K is not allowed in lookarounds (but see PCRE2_EXTRA_ALLOW_LOOKAROUND_BSK)`, p.pos)
	}
	n.negative, n.behind = negative, behind
	if behind {
		p.later = append(p.later, func() error {
			if !fixed(n.subs[0], true) {
				return p.fail("lookbehind assertion is not fixed length", at-len("(?<="))
			}
			return nil
		})
	}
	return n, nil
}

// fixed reports whether all matches of n have one length; at the top of a
// lookbehind, the alternatives may differ.
func fixed(n *node, top bool) bool {
	if n.kind == nodeConcat && len(n.subs) == 1 {
		return fixed(n.subs[0], top)
	}
	if n.kind == nodeAlternate && top {
		for _, s := range n.subs {
			if !fixed(s, true) {
				return false
			}
		}
		return true
	}
	if n.kind == nodeSet || n.kind == nodeNever {
		return true
	}
	least, most := n.lengths()
	return least == most
}

// branchReset reads (?|...): the groups of each alternative get the same
// numbers.
func (p *parser) branchReset() (*node, error) {
	opts, first, most := p.opts, p.groups, p.groups
	alternate := &node{kind: nodeAlternate}
	for {
		p.groups = first
		n, err := p.sequence()
		if err != nil {
			return nil, err
		}
		alternate.subs = append(alternate.subs, n)
		most = max(most, p.groups)
		if !p.skip("|") {
			break
		}
	}
	p.opts, p.groups = opts, most
	if !p.skip(")") {
		return nil, p.fail("missing closing parenthesis", p.pos)
	}
	return &node{kind: nodeReset, subs: []*node{alternate}}, nil
}

// conditional reads (?(CONDITION)YES|NO) after its second parenthesis.
func (p *parser) conditional() (*node, error) {
	n := &node{kind: nodeIf}
	define := false
	switch {
	case p.skip("?="), p.skip("?!"), p.skip("?<="), p.skip("?<!"):
		behind := p.text[p.pos-2] == '<'
		cond, err := p.look(p.text[p.pos-1] == '!', behind)
		if err != nil {
			return nil, err
		}
		n.subs = []*node{nil, nil, cond}
	case p.peek("?"):
		return nil, p.fail("assertion expected after (?( or (?(?C)", p.pos)
	case p.skip("DEFINE)"):
		define = true
	default:
		if err := p.condition(n); err != nil {
			return nil, err
		}
	}
	opts := p.opts
	body, err := p.alternatives()
	p.opts = opts
	if err != nil {
		return nil, err
	}
	if !p.skip(")") {
		return nil, p.fail("missing closing parenthesis", p.pos)
	}
	if define {
		// What it defines could only be called from elsewhere.
		return &node{kind: nodeRepeat, subs: []*node{body}}, nil
	}
	yes, no := body, &node{kind: nodeEmpty}
	if body.kind == nodeAlternate {
		if at := p.pos - 1; len(body.subs) > 2 {
			p.later = append(p.later, func() error {
				return p.fail("conditional subpattern contains more than two branches", at)
			})
		}
		yes, no = body.subs[0], body.subs[1]
	}
	if n.subs == nil {
		n.subs = []*node{yes, no}
		return n, nil
	}
	n.subs[0], n.subs[1] = yes, no
	return n, nil
}

// condition reads a condition that is a group: its number or its name.
func (p *parser) condition(n *node) error {
	end := strings.IndexByte(p.text[p.pos:], ')')
	if end < 0 {
		return p.fail("missing closing parenthesis for condition", len(p.text))
	}
	at, word := p.pos, p.text[p.pos:p.pos+end]
	switch {
	case word == "":
		return p.fail("subpattern name expected", at)
	case word == "R" && !slices.Contains(p.names, word):
		return p.fail("recursion and callouts are not supported", at)
	}
	p.pos += end + 1
	switch {
	case isNumber(word):
		n.index = number(word)
		return p.mustExist(n, at+end)
	case len(word) > 1 && (word[0] == '+' || word[0] == '-') && isNumber(word[1:]):
		n.index = p.relative(word[0], number(word[1:]))
		return p.mustExist(n, at+end)
	case len(word) > 2 && (word[0] == '<' && word[len(word)-1] == '>' || word[0] == '\'' && word[len(word)-1] == '\''):
		word = word[1 : len(word)-1]
	}
	p.later = append(p.later, func() error {
		for i, name := range p.names {
			if name == word && i > 0 {
				n.index = i
				return nil
			}
		}
		return p.fail("reference to non-existent subpattern", at+end)
	})
	return nil
}

// switches reads (?imsxnUJ-imsxnUJ) and (?i-s:...).
func (p *parser) switches() (*node, error) {
	opts, on := p.opts, true
	if p.skip("^") {
		opts.fold, opts.multiline, opts.dotAll, opts.extended, opts.extendedMore, opts.noCapture = false, false, false, false, false, false
	}
	for p.more() {
		c := p.text[p.pos]
		p.pos++
		switch c {
		case 'i':
			opts.fold = on
		case 'm':
			opts.multiline = on
		case 's':
			opts.dotAll = on
		case 'n':
			opts.noCapture = on
		case 'U':
			opts.ungreedy = on
		case 'J':
			opts.sameNames = on
		case 'x':
			opts.extended = on
			opts.extendedMore = on && p.skip("x")
		case '-':
			if !on {
				return nil, p.fail("invalid hyphen in option setting", p.pos-1)
			}
			on = false
		case ')':
			p.opts = opts
			return nil, nil
		case ':':
			outer := p.opts
			p.opts = opts
			n, err := p.body(nodeConcat)
			p.opts = outer
			return n, err
		default:
			return nil, p.fail("unrecognized character after (? or (?-", p.pos-1)
		}
	}
	return nil, p.fail("missing closing parenthesis", p.pos)
}

// verb reads (*NAME), of which one is known within an expression.
func (p *parser) verb(start int) (*node, error) {
	if p.skip("F)") || p.skip("FAIL)") {
		return &node{kind: nodeNever}, nil
	}
	if !p.more() || !isWordByte(p.text[p.pos]) && p.text[p.pos] != ':' {
		return nil, p.fail("quantifier does not follow a repeatable item", p.pos-1)
	}
	at := start + 2
	for at < len(p.text) && isWordByte(p.text[at]) {
		at++
	}
	return nil, p.fail("(*VERB) not recognized or malformed", at)
}
