// Package lru keeps values in the order of their last use, so that the one
// unused for longest can make room.
package lru

import "container/list"

// Map is values by their keys. The zero Map is empty and ready to use; it is for
// one goroutine at a time.
type Map[K comparable, V any] struct {
	known map[K]*list.Element // of order
	order list.List           // of entry[K, V], the last used first
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

// Len returns how many values there are.
func (m *Map[K, V]) Len() int { return len(m.known) }

// Peek returns a value, and does not count as a use of it.
func (m *Map[K, V]) Peek(key K) (value V, ok bool) {
	e := m.known[key]
	if e == nil {
		return value, false
	}
	return e.Value.(*entry[K, V]).value, true
}

// Use notes that a value is used; it does nothing if there is none.
func (m *Map[K, V]) Use(key K) {
	if e := m.known[key]; e != nil {
		m.order.MoveToFront(e)
	}
}

// Put adds a value, in place of another of that key, as the one used last.
func (m *Map[K, V]) Put(key K, value V) {
	m.Remove(key)
	if m.known == nil {
		m.known = make(map[K]*list.Element)
	}
	m.known[key] = m.order.PushFront(&entry[K, V]{key, value})
}

// Remove forgets a value.
func (m *Map[K, V]) Remove(key K) {
	if e := m.known[key]; e != nil {
		m.order.Remove(e)
		delete(m.known, key)
	}
}

// Oldest returns the value unused for longest; ok is false if there is none.
func (m *Map[K, V]) Oldest() (key K, value V, ok bool) {
	e := m.order.Back()
	if e == nil {
		return key, value, false
	}
	oldest := e.Value.(*entry[K, V])
	return oldest.key, oldest.value, true
}
