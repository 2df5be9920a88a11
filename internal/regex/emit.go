package regex

import (
	"fmt"
	"strconv"
	"strings"
)

// emitter writes a tree as an expression of one of the engines, without any
// construct whose meaning depends on the engine's options.
type emitter struct {
	b strings.Builder
	// backtracking: for regexp2; otherwise for Go's engine.
	backtracking bool
	word         set // what \b is about
}

func emit(n *node, backtracking bool, word set) string {
	e := &emitter{backtracking: backtracking, word: word}
	e.node(n)
	return e.b.String()
}

func (e *emitter) write(parts ...string) {
	for _, p := range parts {
		e.b.WriteString(p)
	}
}

func (e *emitter) node(n *node) {
	switch n.kind {
	case nodeEmpty, nodeKeep:
	case nodeSet:
		if n.fold {
			e.write("(?i:")
			e.set(n.set)
			e.write(")")
			return
		}
		e.set(n.set)
	case nodeConcat:
		for _, s := range n.subs {
			if s.kind == nodeAlternate {
				e.group("(?:", s)
				continue
			}
			e.node(s)
		}
	case nodeAlternate:
		for i, s := range n.subs {
			if i > 0 {
				e.write("|")
			}
			e.node(s)
		}
	case nodeRepeat:
		e.repeat(n)
	case nodeCapture:
		if e.backtracking {
			// Explicit numbers, because the engine would count named groups
			// last and knows no branch reset.
			e.group("(?<"+strconv.Itoa(n.index)+">", n.subs[0])
			return
		}
		e.group("(", n.subs[0])
	case nodeAtomic:
		e.group("(?>", n.subs[0])
	case nodeReset:
		e.group("(?:", n.subs[0])
	case nodeLook:
		e.group(map[[2]bool]string{{false, false}: "(?=", {true, false}: "(?!", {false, true}: "(?<=", {true, true}: "(?<!"}[[2]bool{n.negative, n.behind}], n.subs[0])
	case nodeReference:
		flag := ""
		if n.fold {
			flag = "i"
		}
		e.write("(?", flag, ":\\k<", strconv.Itoa(n.index), ">)")
	case nodeIf:
		e.conditional(n)
	case nodeNever:
		if e.backtracking {
			e.write("(?!)")
			return
		}
		e.write(`[^\x00-\x{10FFFF}]`)
	default:
		e.anchor(n.kind)
	}
}

func (e *emitter) group(open string, n *node) {
	e.write(open)
	e.node(n)
	e.write(")")
}

// maxCopies bounds the text that written-out repeats come to.
const maxCopies = 16

func (e *emitter) repeat(n *node) {
	if e.backtracking && n.subs[0].shortest() == 0 && (n.min > 1 || n.max > 1) && max(n.min, n.max) <= maxCopies {
		e.copies(n)
		return
	}
	e.group("(?:", n.subs[0])
	switch {
	case n.min == 0 && n.max == unbounded:
		e.write("*")
	case n.min == 1 && n.max == unbounded:
		e.write("+")
	case n.min == 0 && n.max == 1:
		e.write("?")
	case n.max == unbounded:
		e.write("{", strconv.Itoa(n.min), ",}")
	case n.min == n.max:
		e.write("{", strconv.Itoa(n.min), "}")
	default:
		e.write("{", strconv.Itoa(n.min), ",", strconv.Itoa(n.max), "}")
	}
	if n.lazy {
		e.write("?")
	}
}

// copies writes a counted repeat of what may be empty as PCRE takes it, one
// copy after the other: the engine would end with the first empty one.
func (e *emitter) copies(n *node) {
	must, optional := n.min, n.max-n.min
	if n.max == unbounded {
		must, optional = n.min-1, 0
	}
	for range must {
		e.group("(?:", n.subs[0])
	}
	if n.max == unbounded {
		e.repeat(&node{kind: nodeRepeat, subs: n.subs, min: 1, max: unbounded, lazy: n.lazy})
		return
	}
	end := ")?"
	if n.lazy {
		end = ")??"
	}
	for range optional {
		e.write("(?:")
		e.group("(?:", n.subs[0])
	}
	for range optional {
		e.write(end)
	}
}

func (e *emitter) conditional(n *node) {
	if n.index > 0 {
		e.write("(?(", strconv.Itoa(n.index), ")")
	} else {
		e.write("(?")
		e.node(n.subs[2])
	}
	for i, s := range n.subs[:2] {
		if i > 0 {
			e.write("|")
		}
		e.group("(?:", s)
	}
	e.write(")")
}

func (e *emitter) anchor(k kind) {
	switch {
	case k == nodeBegin:
		e.write(`\A`)
	case k == nodeEnd, k == nodeDollar && !e.backtracking:
		// Go's engine is not asked when there is a newline for the dollar to
		// stand before.
		e.write(`\z`)
	case k == nodeDollar:
		e.write(`(?=\x0a?\z)`)
	case k == nodeLineEnd && e.backtracking:
		e.write(`(?=\x0a|\z)`)
	case k == nodeLineEnd:
		e.write(`(?m:$)`)
	case k == nodeLineBegin:
		e.write(`(?:\A|(?<=\x0a)(?!\z))`)
	case !e.backtracking:
		e.write(map[kind]string{nodeBoundary: `\b`, nodeInside: `\B`}[k])
	default:
		word := &emitter{backtracking: true}
		word.set(e.word)
		w := word.b.String()
		if k == nodeBoundary {
			e.write("(?:(?<=", w, ")(?!", w, ")|(?<!", w, ")(?=", w, "))")
			return
		}
		e.write("(?:(?<=", w, ")(?=", w, ")|(?<!", w, ")(?!", w, "))")
	}
}

func (e *emitter) set(s set) {
	if c, ok := s.single(); ok {
		e.rune(c)
		return
	}
	switch {
	case len(s) == 0:
		e.node(&node{kind: nodeNever})
		return
	case len(s) == 1 && s[0].lo == 0 && s[0].hi >= maxByte:
		e.write("(?s:.)")
		return
	case len(s) == 2 && s[0] == span{0, '\n' - 1} && s[1].lo == '\n'+1 && s[1].hi >= maxByte:
		e.write(".")
		return
	}
	e.write("[")
	for _, x := range s {
		e.rune(x.lo)
		if x.hi > x.lo {
			e.write("-")
			e.rune(x.hi)
		}
	}
	e.write("]")
}

func (e *emitter) rune(c rune) {
	switch {
	case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
		e.b.WriteRune(c)
	case c <= maxByte:
		fmt.Fprintf(&e.b, `\x%02x`, c)
	case e.backtracking:
		e.b.WriteRune(c)
	default:
		fmt.Fprintf(&e.b, `\x{%x}`, c)
	}
}
