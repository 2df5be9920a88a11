package errorlog

import (
	"sync"
	"time"
)

// Repeats finds lines that come again and again: the first few are written as they come, the others are counted. It is
// for lines that nobody counts; those about a request are each a line, because fail2ban and its like count them.
type Repeats struct {
	// Tell is called with how often a line was not written, at first after a second, then after twice as long each time.
	Tell func(line string, times int)

	mu   sync.Mutex
	seen map[string]*repeated
}

// repeated is what is known of a line.
type repeated struct {
	since   time.Time     // of the first of those that were written in a second
	written int           // of them
	missed  int           // not written since it was last told
	window  time.Duration // until it is told next; 0: it is written as it comes
}

const (
	repeatBurst  = 5 // lines of one text that are written in a second
	repeatWindow = time.Second
	repeatMost   = 64 * time.Second // the longest time in which repetitions are counted
	repeatLines  = 32               // different lines that are looked for
)

// Count notes a line and reports whether it is only counted.
func (r *Repeats) Count(line string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.seen[line]
	switch {
	case e == nil:
		if !r.room(now) {
			return false
		}
		r.seen[line] = &repeated{since: now, written: 1}
		return false
	case e.window > 0:
		e.missed++
		return true
	case now.Sub(e.since) > repeatWindow:
		e.since, e.written = now, 1
		return false
	}
	if e.written++; e.written <= repeatBurst {
		return false
	}
	e.missed, e.window = 1, repeatWindow
	time.AfterFunc(e.window, func() { r.tell(line, e) })
	return true
}

// tell says how often a line has come since it was last told, and forgets one that has not.
func (r *Repeats) tell(line string, e *repeated) {
	r.mu.Lock()
	n := e.missed
	e.missed = 0
	if n == 0 {
		delete(r.seen, line)
	} else {
		e.window = min(2*e.window, repeatMost)
		time.AfterFunc(e.window, func() { r.tell(line, e) })
	}
	r.mu.Unlock()
	if n > 0 {
		r.Tell(line, n)
	}
}

// room makes room for another line; there is none while all of those known are being counted.
func (r *Repeats) room(now time.Time) bool {
	if r.seen == nil {
		r.seen = make(map[string]*repeated)
	}
	if len(r.seen) < repeatLines {
		return true
	}
	for line, e := range r.seen {
		if e.window == 0 && now.Sub(e.since) > repeatWindow {
			delete(r.seen, line)
		}
	}
	for line, e := range r.seen {
		if len(r.seen) < repeatLines {
			break
		}
		if e.window == 0 {
			delete(r.seen, line)
		}
	}
	return len(r.seen) < repeatLines
}
