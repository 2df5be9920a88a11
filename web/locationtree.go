package web

import "bytes"

// locationTree finds the longest location that a path begins with. It is a
// radix tree: a lookup costs the length of the path, however many locations
// there are.
type locationTree struct{ root treeNode }

type treeNode struct {
	text      string // what this node adds to its parent's
	exact     *Location
	prefix    *Location
	redirect  *Location // prefix location that is text + "/", with AutoRedirect
	firsts    []byte    // first bytes of the children's text
	childrens []*treeNode
}

// insert adds l by its name; it returns the location that has the name
// already, if there is one.
func (t *locationTree) insert(l *Location) (clash *Location) {
	n := t.node(l.Name)
	slot := &n.prefix
	if l.Kind == ExactLocation {
		slot = &n.exact
	}
	if *slot != nil {
		return *slot
	}
	*slot = l
	if l.Kind != ExactLocation && len(l.Name) > 1 && l.Name[len(l.Name)-1] == '/' {
		t.node(l.Name[:len(l.Name)-1]).redirect = l
	}
	return nil
}

// node returns the node for name, made if needed.
func (t *locationTree) node(name string) *treeNode {
	n := &t.root
	for name != "" {
		i := bytes.IndexByte(n.firsts, name[0])
		if i < 0 {
			leaf := &treeNode{text: name}
			n.firsts = append(n.firsts, name[0])
			n.childrens = append(n.childrens, leaf)
			return leaf
		}
		child := n.childrens[i]
		common := commonPrefix(child.text, name)
		if common < len(child.text) {
			// Split the child: the common part becomes a node above it.
			upper := &treeNode{text: child.text[:common], firsts: []byte{child.text[common]}, childrens: []*treeNode{child}}
			child.text = child.text[common:]
			n.childrens[i] = upper
			child = upper
		}
		n, name = child, name[common:]
	}
	return n
}

func commonPrefix(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// lookup returns the location for path among those of the tree.
func (t *locationTree) lookup(path []byte) (*Location, findResult) {
	n, rest := &t.root, path
	var best *Location
	for {
		if n.prefix != nil {
			best = n.prefix
		}
		if len(rest) == 0 {
			if n.exact != nil {
				return n.exact, findFinal
			}
			if n.prefix == nil && n.redirect != nil && n.redirect.AutoRedirect {
				return n.redirect, findRedirect
			}
			if n.prefix != nil && n.prefix.Kind == PrefixNoRegexLocation {
				return n.prefix, findPrefix
			}
			break
		}
		i := bytes.IndexByte(n.firsts, rest[0])
		if i < 0 {
			break
		}
		child := n.childrens[i]
		if len(rest) < len(child.text) || string(rest[:len(child.text)]) != child.text {
			break
		}
		n, rest = child, rest[len(child.text):]
	}
	if best == nil {
		return nil, findNothing
	}
	return best, findPrefix
}
