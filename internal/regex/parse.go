package regex

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// syntaxError is a mistake in an expression, in the words of PCRE2.
type syntaxError struct {
	message string
	at      int // bytes of the text before the place that PCRE2 complains of
}

func (e *syntaxError) Error() string { return e.message }

// options are what (?imsxnUJ) switch.
type options struct {
	fold, multiline, dotAll, extended, extendedMore, noCapture, ungreedy, sameNames bool
}

// parser reads an expression.
type parser struct {
	text   string
	pos    int
	opts   options
	groups int      // numbers given so far
	total  int      // groups in the whole expression
	names  []string // by number
	utf    bool     // (*UTF): characters are not bytes
	ucp    bool     // (*UCP): \w and the like know all of Unicode
	depth  int
	// later checks references to groups that may yet come.
	later []func() error
}

// maxDepth is how deep groups may nest.
const maxDepth = 250

// parsed is the outcome of parse.
type parsed struct {
	tree  *node
	names []string // by group number; names[0] is ""
	utf   bool
	word  set // what \b is about
}

// parse reads a whole expression.
func parse(text string, caseless bool) (*parsed, error) {
	p := &parser{text: text, opts: options{fold: caseless}, names: []string{""}}
	if err := p.verbs(); err != nil {
		return nil, err
	}
	p.total = p.countGroups()
	tree, err := p.alternatives()
	if err != nil {
		return nil, err
	}
	if p.pos < len(p.text) {
		return nil, p.fail("unmatched closing parenthesis", p.pos)
	}
	for _, check := range p.later {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return &parsed{tree, p.names, p.utf, p.words()}, nil
}

func (p *parser) fail(message string, at int) error {
	return &syntaxError{message, min(at, len(p.text))}
}

func (p *parser) more() bool { return p.pos < len(p.text) }

func (p *parser) peek(s string) bool { return strings.HasPrefix(p.text[p.pos:], s) }

func (p *parser) skip(s string) bool {
	if !p.peek(s) {
		return false
	}
	p.pos += len(s)
	return true
}

// char takes the next character.
func (p *parser) char() rune {
	if p.utf {
		c, n := utf8.DecodeRuneInString(p.text[p.pos:])
		p.pos += n
		return c
	}
	p.pos++
	return rune(p.text[p.pos-1])
}

// top is the largest character.
func (p *parser) top() rune {
	if p.utf {
		return maxRune
	}
	return maxByte
}

// verbs reads what may stand at the very beginning: (*UTF) and settings of
// PCRE's inner workings.
func (p *parser) verbs() error {
	for p.peek("(*") {
		end := strings.IndexByte(p.text[p.pos:], ')')
		if end < 0 {
			break
		}
		name, _, _ := strings.Cut(p.text[p.pos+2:p.pos+end], "=")
		switch name {
		case "UTF8", "UTF":
			p.utf = true
		case "UCP":
			p.ucp = true
		case "LF", "BSR_UNICODE", "NO_START_OPT", "NO_AUTO_POSSESS", "NO_DOTSTAR_ANCHOR", "NO_JIT", "LIMIT_MATCH", "LIMIT_DEPTH", "LIMIT_HEAP", "LIMIT_RECURSION":
		default:
			return nil
		}
		p.pos += end + 1
	}
	return nil
}

// countGroups returns how many groups there are, for \10 and the like, which
// mean one if there are that many. It counts every "(" that opens one.
func (p *parser) countGroups() int {
	n, class := 0, false
	for i := p.pos; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '\\':
			if strings.HasPrefix(p.text[i:], `\Q`) {
				if end := strings.Index(p.text[i:], `\E`); end >= 0 {
					i += end
				} else {
					return n
				}
			}
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
			if i+1 < len(p.text) && p.text[i+1] == '^' {
				i++
			}
			if i+1 < len(p.text) && p.text[i+1] == ']' {
				i++
			}
		case c == '(':
			rest := p.text[i+1:]
			if !strings.HasPrefix(rest, "?") && !strings.HasPrefix(rest, "*") || strings.HasPrefix(rest, "?P<") || strings.HasPrefix(rest, "?'") ||
				strings.HasPrefix(rest, "?<") && !strings.HasPrefix(rest, "?<=") && !strings.HasPrefix(rest, "?<!") {
				n++
			}
		}
	}
	return n
}

// alternatives reads up to the end or a closing parenthesis, which it leaves.
func (p *parser) alternatives() (*node, error) {
	alternate := &node{kind: nodeAlternate}
	for {
		n, err := p.sequence()
		if err != nil {
			return nil, err
		}
		alternate.subs = append(alternate.subs, n)
		if !p.skip("|") {
			break
		}
	}
	if len(alternate.subs) == 1 {
		return alternate.subs[0], nil
	}
	return alternate, nil
}

// sequence reads one alternative.
func (p *parser) sequence() (*node, error) {
	concat := &node{kind: nodeConcat}
	for p.more() {
		if p.skipIgnored() {
			continue
		}
		if c := p.text[p.pos]; c == '|' || c == ')' {
			break
		}
		if p.skip(`\Q`) {
			if err := p.quoted(concat); err != nil {
				return nil, err
			}
			continue
		}
		n, err := p.atom()
		if err != nil {
			return nil, err
		}
		if n == nil { // options
			continue
		}
		if n, err = p.quantifiers(n); err != nil {
			return nil, err
		}
		concat.subs = append(concat.subs, n)
	}
	return concat, nil
}

// quoted reads the literal text after \Q, up to \E or the end; a quantifier
// behind it is about its last character.
func (p *parser) quoted(concat *node) (err error) {
	for p.more() && !p.skip(`\E`) {
		concat.subs = append(concat.subs, p.literal(p.char()))
	}
	if n := len(concat.subs); n > 0 {
		concat.subs[n-1], err = p.quantifiers(concat.subs[n-1])
	}
	return err
}

// skipIgnored skips a comment (?#...), a \E without \Q, or white space and comments of the
// extended syntax.
func (p *parser) skipIgnored() bool {
	if p.skip(`\E`) {
		return true
	}
	if p.peek("(?#") {
		end := strings.IndexByte(p.text[p.pos:], ')')
		p.pos += end + 1
		return end >= 0
	}
	if !p.opts.extended {
		return false
	}
	switch c := p.text[p.pos]; {
	case c == ' ' || c >= '\t' && c <= '\r':
		p.pos++
		return true
	case c == '#':
		if i := strings.IndexByte(p.text[p.pos:], '\n'); i >= 0 {
			p.pos += i + 1
		} else {
			p.pos = len(p.text)
		}
		return true
	}
	return false
}

// literal is the node of one character.
func (p *parser) literal(c rune) *node { return p.setNode(one(c)) }

// setNode is the node of a set, in both cases where case does not matter.
// Without UTF that concerns ASCII letters only.
func (p *parser) setNode(s set) *node {
	switch {
	case !p.opts.fold:
		return &node{kind: nodeSet, set: s}
	case p.utf:
		return &node{kind: nodeSet, set: s, fold: true}
	}
	return &node{kind: nodeSet, set: s.foldASCII()}
}

// atom reads one thing that a quantifier may follow; nil for what is none.
func (p *parser) atom() (*node, error) {
	switch c := p.text[p.pos]; c {
	case '(':
		return p.group()
	case '[':
		return p.class()
	case '\\':
		return p.escape()
	case '.':
		p.pos++
		if p.opts.dotAll {
			return &node{kind: nodeSet, set: set{{0, p.top()}}}, nil
		}
		return &node{kind: nodeSet, set: newline.negate(p.top())}, nil
	case '^':
		p.pos++
		if p.opts.multiline {
			return &node{kind: nodeLineBegin}, nil
		}
		return &node{kind: nodeBegin}, nil
	case '$':
		p.pos++
		if p.opts.multiline {
			return &node{kind: nodeLineEnd}, nil
		}
		return &node{kind: nodeDollar}, nil
	case '*', '+', '?':
		return nil, p.fail("quantifier does not follow a repeatable item", p.pos)
	case '{':
		_, _, n, err := p.count()
		if err != nil {
			return nil, err
		}
		if n > 0 {
			return nil, p.fail("quantifier does not follow a repeatable item", p.pos+n-1)
		}
	}
	return p.literal(p.char()), nil
}

// quantifiers reads what says how often n is repeated.
func (p *parser) quantifiers(n *node) (*node, error) {
	for first := true; ; first = false {
		for p.more() && p.skipIgnored() {
		}
		if !p.more() {
			return n, nil
		}
		low, high := 0, 0
		switch p.text[p.pos] {
		case '*':
			low, high = 0, unbounded
			p.pos++
		case '+':
			low, high = 1, unbounded
			p.pos++
		case '?':
			low, high = 0, 1
			p.pos++
		case '{':
			a, b, size, err := p.count()
			if err != nil || size == 0 {
				return n, err
			}
			low, high = a, b
			p.pos += size
		default:
			return n, nil
		}
		if !first || !n.repeatable() {
			return nil, p.fail("quantifier does not follow a repeatable item", p.pos-1)
		}
		r := &node{kind: nodeRepeat, subs: []*node{n}, min: low, max: high, lazy: p.opts.ungreedy}
		n = r
		for p.more() && p.skipIgnored() {
		}
		switch {
		case p.skip("?"):
			r.lazy = !r.lazy
		case p.skip("+"):
			r.lazy = false
			n = &node{kind: nodeAtomic, subs: []*node{r}}
		}
	}
}

// maxCount is the largest number of repeats.
const maxCount = 65535

// count reads {n}, {n,} and {n,m}; size is 0 if that is not what stands here.
func (p *parser) count() (low, high, size int, err error) {
	end := strings.IndexByte(p.text[p.pos:], '}')
	if end < 0 {
		return 0, 0, 0, nil
	}
	a, b, hasComma := strings.Cut(p.text[p.pos+1:p.pos+end], ",")
	if !isNumber(a) || hasComma && b != "" && !isNumber(b) {
		return 0, 0, 0, nil
	}
	low = number(a)
	switch {
	case !hasComma:
		high = low
	case b == "":
		high = unbounded
	default:
		high = number(b)
	}
	switch {
	case low > maxCount:
		err = p.fail("number too big in {} quantifier", p.pos+1+len(a))
	case high > maxCount:
		err = p.fail("number too big in {} quantifier", p.pos+end)
	case high != unbounded && high < low:
		err = p.fail("numbers out of order in {} quantifier", p.pos+end)
	}
	return low, high, end + 1, err
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// number returns a number, a very large one if there are too many digits.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 1 << 30
	}
	return n
}

// describe puts an error in nginx's words for it.
func describe(err error, text string) error {
	e, ok := err.(*syntaxError)
	if !ok {
		return fmt.Errorf("pcre2_compile() failed: %w in \"%s\"", err, text)
	}
	if e.at >= len(text) {
		return fmt.Errorf("pcre2_compile() failed: %s in \"%s\"", e.message, text)
	}
	return fmt.Errorf("pcre2_compile() failed: %s in \"%s\" at \"%s\"", e.message, text, text[e.at:])
}
