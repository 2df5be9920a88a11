package lab

import (
	"sync"
	"time"
)

// Stalls watches for how long this process at a time gets no processor. On a
// machine that has stalled the hosts of a lab have, too, and so have clients.
type Stalls struct {
	stop chan struct{}

	mu   sync.Mutex
	list []stall
}

type stall struct {
	until time.Time
	long  time.Duration
}

// stallFrom is from when on a stall is remembered.
const stallFrom = 20 * time.Millisecond

// WatchStalls begins to watch. Close ends it.
func WatchStalls() *Stalls {
	s := &Stalls{stop: make(chan struct{})}
	go func() {
		const pause = 5 * time.Millisecond
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for last := time.Now(); ; {
			select {
			case <-s.stop:
				return
			case <-tick.C:
			}
			now := time.Now()
			if late := now.Sub(last) - pause; late > stallFrom {
				s.mu.Lock()
				s.list = append(s.list, stall{now, late})
				s.mu.Unlock()
			}
			last = now
		}
	}()
	return s
}

// Since returns the longest stall of those of more than 20 ms that ended after
// a time, and how long they were together; 0: none.
func (s *Stalls) Since(from time.Time) (longest, total time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.list {
		if one.until.After(from) {
			longest = max(longest, one.long)
			total += one.long
		}
	}
	return longest, total
}

// Close ends the watch.
func (s *Stalls) Close() { close(s.stop) }
