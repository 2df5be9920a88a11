package main

import (
	"sync"
	"time"
)

// stalls watches how long this process at a time gets no processor. On a machine
// that has stalled the nodes have, too, and so has the client.
type stalls struct {
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

func watchStalls() *stalls {
	s := &stalls{stop: make(chan struct{})}
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

// since returns the longest stall that ended after a time; 0: none.
func (s *stalls) since(from time.Time) (longest time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.list {
		if one.until.After(from) {
			longest = max(longest, one.long)
		}
	}
	return longest
}

func (s *stalls) end() { close(s.stop) }
