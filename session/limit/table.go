package limit

import "sync"

// table holds a T for each key, the least recently used last, in a bounded
// amount of memory. Its methods are called with mu held.
type table[T any] struct {
	mu     sync.Mutex
	nodes  map[string]*node[T]
	root   node[T] // of the ring: root.next was used last
	budget int64   // bytes that are left
}

// node is one key's place in the table.
type node[T any] struct {
	next, prev *node[T]
	key        string
	value      T
}

// nodeSize is what a node takes besides its key: about what it takes in nginx's
// shared memory too, so that a zone of 1m holds some 8000 addresses.
const nodeSize = 96

func cost(key int) int64 {
	// The allocator, like nginx's, hands out powers of two.
	size := int64(64)
	for size < int64(nodeSize+key) {
		size *= 2
	}
	return size
}

func newTable[T any](size int64) *table[T] {
	t := &table[T]{nodes: make(map[string]*node[T]), budget: size}
	t.root.next, t.root.prev = &t.root, &t.root
	return t
}

// lookup returns the node of a key and makes it the one used last; nil if the
// key is not there.
func (t *table[T]) lookup(key []byte) *node[T] {
	n := t.nodes[string(key)]
	if n != nil {
		n.unlink()
		t.link(n)
	}
	return n
}

// insert adds a key that is not there. It fails when there is no room.
func (t *table[T]) insert(key []byte) *node[T] {
	need := cost(len(key))
	if t.budget < need {
		return nil
	}
	t.budget -= need
	n := &node[T]{key: string(key)}
	t.nodes[n.key] = n
	t.link(n)
	return n
}

// oldest returns the node that has not been used for the longest time, nil if
// the table is empty.
func (t *table[T]) oldest() *node[T] {
	if t.root.prev == &t.root {
		return nil
	}
	return t.root.prev
}

func (t *table[T]) remove(n *node[T]) {
	n.unlink()
	delete(t.nodes, n.key)
	t.budget += cost(len(n.key))
}

func (t *table[T]) link(n *node[T]) {
	n.next, n.prev = t.root.next, &t.root
	n.next.prev, n.prev.next = n, n
}

func (n *node[T]) unlink() { n.prev.next, n.next.prev = n.next, n.prev }
