package index

import (
	"time"

	"tandem/proxy/cache/entry"
)

// Hold is a request's part in an entry, which is not removed meanwhile. The zero
// Hold is none.
type Hold struct {
	node   *node
	update *updating // the request brings it up to date
	purges uint32    // of the node, when the request began
}

// Held reports whether there is an entry.
func (h *Hold) Held() bool { return h.node != nil }

// Finding is what is known of an entry that is asked for.
type Finding uint8

// The findings.
const (
	Full    Finding = iota // there is no room to remember it
	Absent                 // it has not been asked for before, or that was forgotten
	Scarce                 // it has not been asked for often enough to be kept
	Present                // it is to be used, or made
)

// State is what the index says of an entry.
type State struct {
	Exists    bool // there is a file
	Failure   int  // the status that is remembered in place of a file; 0: none
	BodyStart int  // in the file; 0: not known
}

// Rules are how entries of a cache are kept.
type Rules struct {
	MinUses  int           // how often one is asked for until it is kept
	Inactive time.Duration // how long one is kept that nobody asks for
}

// Acquire asks for an entry. Unless it is Full, h holds it afterwards, until
// Release or Store; asking again with the same Hold is not another use.
func (x *Index) Acquire(h *Hold, k entry.Key, now time.Time, r Rules) (Finding, State) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := h.node
	found := Present
	if n == nil {
		n = x.nodes[k]
	}
	switch {
	case n == nil:
		if n = x.insert(k); n == nil {
			return Full, State{}
		}
		found = Absent
	case n.failure != 0:
		if n.validUntil < now.Unix() {
			n.failure, n.validUntil = 0, 0
			x.lost(n)
			found = Absent
		}
	}
	if h.node == nil {
		h.node, h.purges = n, n.purges
		n.holds++
		n.uses = min(n.uses+1, 1<<15)
	}
	if found == Present && n.failure == 0 && !n.exists && int(n.uses) < r.MinUses {
		found = Scarce
	}
	x.touch(n, now, r.Inactive)
	return found, State{n.exists, int(n.failure), int(n.bodyStart)}
}

// Found tells of the file of an entry that the index did not know of, because not
// all files were known when it was asked. They may be by now: what was being asked
// for meanwhile was not added.
func (x *Index) Found(h *Hold, bodyStart int, bytes int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := h.node
	if n.exists || n.purges != h.purges {
		return
	}
	n.uses = 1
	n.found(bodyStart)
	x.resize(n, bytes)
}

// Lock has the request make the entry, unless another one does. That one may be
// taken over from after age.
func (x *Index) Lock(h *Hold, now time.Time, age time.Duration) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := h.node
	if n.update != nil && now.Before(n.update.until) {
		return false
	}
	n.ended()
	n.update = &updating{until: now.Add(age), done: make(chan struct{})}
	h.update = n.update
	return true
}

// Update has the request bring a stale entry up to date, unless another one does.
func (x *Index) Update(h *Hold) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := h.node
	if n.update != nil {
		return false
	}
	n.update = &updating{done: make(chan struct{})}
	h.update = n.update
	return true
}

// Awaited returns what is closed when the update that another request has begun
// is over, and when it may be taken over; nil if there is none.
func (x *Index) Awaited(h *Hold) (done <-chan struct{}, until time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if u := h.node.update; u != nil {
		return u.done, u.until
	}
	return nil, time.Time{}
}

// yield gives up bringing the entry up to date.
func (x *Index) yield(h *Hold) {
	if h.update != nil && h.update == h.node.update {
		h.node.ended()
	}
	h.update = nil
}

// Wanted reports whether a file that the request has made may still become the
// entry: not if that was purged since the request began.
func (x *Index) Wanted(h *Hold) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return h.node.purges == h.purges
}

// Store ends the hold of a request that has made the entry's file.
func (x *Index) Store(h *Hold, bodyStart int, bytes int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := h.node
	n.holds--
	n.failure, n.validUntil = 0, 0
	n.found(bodyStart)
	x.resize(n, bytes)
	n.ended()
	*h = Hold{}
}

// Failure is a status that is answered for a while without asking the back end.
// The zero Failure is none.
type Failure struct {
	Status     int
	ValidUntil int64 // Unix seconds
}

// Release ends a hold. An entry that has no file is forgotten with its last user,
// unless it counts how often it is asked for, or has failed.
func (x *Index) Release(h *Hold, r Rules, f Failure) {
	if h.node == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	n := h.node
	n.holds--
	x.yield(h)
	switch {
	case f.Status != 0:
		n.failure, n.validUntil = uint16(f.Status), f.ValidUntil
	case !n.exists && n.failure == 0 && n.holds == 0 && r.MinUses == 1:
		x.remove(n)
	}
	*h = Hold{}
}
