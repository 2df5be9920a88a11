package index

import (
	"iter"
	"time"

	"tandem/proxy/cache/entry"
)

// Victim is an entry whose file is to be removed; Removed is to be called then.
type Victim struct {
	Key  entry.Key
	node *node
}

// Removal is what came of looking for an entry to be removed.
type Removal uint8

// The removals.
const (
	Nothing Removal = iota // none is to be removed now
	Dropped                // one went that had no file
	Removed                // there is a Victim
	Busy                   // those that are next are in use
)

// forcedTries is how many entries in use are passed over when one must go.
const forcedTries = 20

// Expire looks for an entry that nobody has asked for since its time was over. With
// Nothing, wait says when the next one's will be, 0 when there is none.
func (x *Index) Expire(now time.Time, inactive time.Duration) (v Victim, r Removal, wait time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := x.root.prev
	switch {
	case n == &x.root:
		return v, Nothing, 0
	case n.expires > now.Unix():
		return v, Nothing, time.Duration(n.expires-now.Unix()) * time.Second
	case n.removing:
		return v, Busy, 0
	case n.holds > 0:
		x.touch(n, now, inactive)
		return v, Dropped, 0
	}
	v, r = x.take(n)
	return v, r, 0
}

// Force looks for the entry that nobody has asked for the longest, because there
// is no room for all.
func (x *Index) Force(now time.Time, inactive time.Duration) (v Victim, r Removal) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for range forcedTries {
		n := x.root.prev
		switch {
		case n == &x.root:
			return v, Nothing
		case n.removing:
			return v, Busy
		case n.holds == 0:
			return x.take(n)
		}
		x.touch(n, now, inactive)
	}
	return v, Busy
}

// Purge has an entry removed although it may be in use: who uses it has its file
// open, and who is making it will not store it. ok is false if it is not known.
func (x *Index) Purge(k entry.Key) (v Victim, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := x.nodes[k]
	if n == nil {
		return v, false
	}
	n.purges++
	n.failure, n.validUntil = 0, 0
	exists := n.exists
	x.lost(n)
	if !exists {
		if n.holds == 0 {
			x.remove(n)
		}
		return v, false
	}
	n.holds++
	n.removing = true
	return Victim{k, n}, true
}

// take begins the removal of an entry that nobody uses.
func (x *Index) take(n *node) (Victim, Removal) {
	if !n.exists {
		x.remove(n)
		return Victim{}, Dropped
	}
	x.lost(n)
	n.holds++
	n.removing = true
	return Victim{n.key, n}, Removed
}

// Removed ends the removal of an entry, whose file is not there any more.
func (x *Index) Removed(v Victim) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := v.node
	n.holds--
	n.removing = false
	if n.holds == 0 && !n.exists {
		x.remove(n)
	}
}

// Keys returns the keys of all entries that have a file, as they are now.
func (x *Index) Keys() iter.Seq[entry.Key] {
	x.mu.Lock()
	keys := make([]entry.Key, 0, len(x.nodes))
	for k, n := range x.nodes {
		if n.exists {
			keys = append(keys, k)
		}
	}
	x.mu.Unlock()
	return func(yield func(entry.Key) bool) {
		for _, k := range keys {
			if !yield(k) {
				return
			}
		}
	}
}
