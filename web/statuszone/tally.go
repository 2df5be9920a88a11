package statuszone

import (
	"runtime"
	"sync/atomic"
	"time"

	"tandem/internal/histogram"
)

// tally counts requests under one name. Its parts are for connections by their
// number, so that processors do not write to the same memory; they are added up by
// who asks.
type tally struct {
	parts      []part
	processing atomic.Int64
	tls        handshakes
}

// part is what some connections have counted.
type part struct {
	discarded      atomic.Uint64 // requests without a response
	received, sent atomic.Uint64 // bytes
	nanoseconds    atomic.Uint64
	buckets        [histogram.Buckets]atomic.Uint64
	statuses       [5]atomic.Pointer[[100]atomic.Uint64] // 100 to 599, by the first digit; nil: none yet
	_              [64]byte
}

// newTally returns a tally with so many parts, a power of two.
func newTally(parts int) *tally { return &tally{parts: make([]part, parts)} }

// processors is how many parts the tallies have that all connections use.
func processors() int {
	n := 1
	for n < runtime.GOMAXPROCS(0) {
		n *= 2
	}
	return min(n, 64)
}

// add counts a request of a connection. status 0 says that there was no response.
func (t *tally) add(connection uint64, status int, received, sent int64, took time.Duration) {
	p := &t.parts[connection&uint64(len(t.parts)-1)]
	if status >= 100 && status < 600 {
		p.status(status).Add(1)
	} else {
		p.discarded.Add(1)
	}
	p.received.Add(uint64(max(received, 0)))
	p.sent.Add(uint64(max(sent, 0)))
	p.nanoseconds.Add(uint64(max(took, 0)))
	p.buckets[histogram.Bucket(took)].Add(1)
}

func (p *part) status(code int) *atomic.Uint64 {
	at := &p.statuses[code/100-1]
	counts := at.Load()
	if counts == nil {
		at.CompareAndSwap(nil, new([100]atomic.Uint64))
		counts = at.Load()
	}
	return &counts[code%100]
}
