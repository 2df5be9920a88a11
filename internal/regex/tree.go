package regex

// node is a part of a parsed expression.
type node struct {
	kind kind
	subs []*node

	set  set  // of a nodeSet
	fold bool // of a nodeSet or nodeReference: without regard to case

	min, max int  // of a nodeRepeat; max -1: no bound
	lazy     bool // of a nodeRepeat: as few as possible

	index int // of a nodeCapture, nodeReference or nodeIf with a group as its condition

	negative, behind bool // of a nodeLook
}

type kind uint8

const (
	nodeEmpty     kind = iota
	nodeSet            // one character
	nodeConcat         // subs one after the other
	nodeAlternate      // one of subs, the first that leads to a match
	nodeRepeat         // subs[0] again and again
	nodeCapture        // subs[0], remembered as group index
	nodeAtomic         // subs[0], without going back into it
	nodeLook           // subs[0] ahead or behind, or not
	nodeReference      // what group index matched
	nodeIf             // subs[0] if group index took part, or if subs[2], a nodeLook, holds; else subs[1]
	nodeReset          // subs[0], whose groups may share numbers
	nodeKeep           // \K, which moves the beginning of the match: nobody asks for that
	nodeNever          // nothing matches

	nodeBegin     // the beginning of the subject
	nodeLineBegin // that, or behind a newline that is not the last character
	nodeEnd       // the end of the subject
	nodeDollar    // that, or before a newline that is the last character
	nodeLineEnd   // the end, or before any newline
	nodeBoundary  // between a word character and none
	nodeInside    // not so
)

// repeatable reports whether a quantifier may follow n.
func (n *node) repeatable() bool { return n.kind < nodeKeep }

// any reports whether f holds for a part of the tree.
func (n *node) any(f func(*node) bool) bool {
	if f(n) {
		return true
	}
	for _, s := range n.subs {
		if s.any(f) {
			return true
		}
	}
	return false
}

// backtracks reports whether only the backtracking engine can match n as PCRE
// does. Repeats of what may be empty are among that, since the engines differ
// in which empty round is the last.
func (n *node) backtracks() bool {
	return n.any(func(n *node) bool {
		switch n.kind {
		case nodeAtomic, nodeLook, nodeReference, nodeIf, nodeReset, nodeLineBegin:
			return true
		case nodeRepeat:
			return n.max != 0 && n.max != 1 && n.subs[0].shortest() == 0
		}
		return false
	})
}

// shortest returns the length of the shortest match in characters.
func (n *node) shortest() int {
	least, _ := n.lengths()
	return least
}

// unbounded is the length of what may be as long as it likes.
const unbounded = -1

// lengths returns the lengths of the shortest and the longest match.
func (n *node) lengths() (least, most int) {
	switch n.kind {
	case nodeSet:
		return 1, 1
	case nodeConcat:
		for _, s := range n.subs {
			a, b := s.lengths()
			least = limit(least + a)
			most = addLength(most, b)
		}
		return least, most
	case nodeAlternate:
		for i, s := range n.subs {
			a, b := s.lengths()
			if i == 0 {
				least, most = a, b
				continue
			}
			least = min(least, a)
			if most != unbounded {
				most = max(most, b)
			}
			if b == unbounded {
				most = unbounded
			}
		}
		return least, most
	case nodeRepeat:
		a, b := n.subs[0].lengths()
		least = limit(a * n.min)
		switch {
		case n.max == unbounded && b != 0, b == unbounded:
			return least, unbounded
		case n.max == unbounded:
			return least, 0
		}
		return least, limit(b * n.max)
	case nodeCapture, nodeAtomic, nodeReset:
		return n.subs[0].lengths()
	case nodeReference:
		return 0, unbounded
	case nodeIf:
		return (&node{kind: nodeAlternate, subs: n.subs[:2]}).lengths()
	}
	return 0, 0
}

// limit keeps lengths from overflowing.
func limit(n int) int { return min(n, 1<<30) }

func addLength(a, b int) int {
	if a == unbounded || b == unbounded {
		return unbounded
	}
	return limit(a + b)
}
