package flow

import (
	"runtime"
	"sync/atomic"
)

// turns is how connections take turns on the processors, which are the
// process's, and so is this.
var turns struct {
	taken atomic.Uint64 // calls of TakeTurns
	alone atomic.Uint32 // how many of the latest yields nobody made use of
	_     [48]byte      // what comes next is in another cache line
}

// So many yields may be in vain before TakeTurns tries less often, in the end
// once in 1<<(loneliest-patience) calls.
const (
	patience  = 4
	loneliest = patience + 6
)

// TakeTurns lets the other connections that have something to do go first. Two
// things get cheaper by it: what a client sends next has come when it is looked
// for, and what many connections send goes out in a row, so that whoever
// receives it need not be woken up for each packet.
//
// Yielding wakes up a processor that has nothing to do, in case it can help.
// While it is seldom made use of, because there is no other connection, it is
// seldom done.
func TakeTurns() {
	n := turns.taken.Add(1)
	alone := turns.alone.Load()
	if alone > patience && n&(1<<(alone-patience)-1) != 0 {
		return
	}
	runtime.Gosched()
	switch {
	case turns.taken.Load() != n:
		if alone > 0 {
			turns.alone.Store(0)
		}
	case alone < loneliest:
		turns.alone.Store(alone + 1)
	}
}
