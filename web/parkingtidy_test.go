package web

import (
	"testing"
	"time"

	"tandem/internal/flow"
)

// Memory is given back once so many connections have been parked, when no more are.
func TestParkingGivesBack(t *testing.T) {
	given := make(chan struct{}, 10)
	real := giveBack
	giveBack = func() { given <- struct{}{} }
	t.Cleanup(func() { giveBack = real })
	l := &parkingLot{conns: map[uint64]*Conn{1: {parkedUntil: flow.Now() + int64(parkFor)}}}
	for _, step := range []struct {
		parked int
		gives  bool
	}{{tidyAfter - 1, false}, {0, false}, {1, false}, {0, true}, {0, false}, {tidyAfter, false}, {1, false}, {0, true}} {
		l.parked += step.parked
		l.sweep()
		if step.gives {
			select {
			case <-given:
			case <-time.After(10 * time.Second):
				t.Fatal("memory is not given back")
			}
		}
	}
	if len(given) > 0 {
		t.Error("memory is given back too often")
	}
	// It is looked after also where no connection has a time-out, until it is done.
	l.mu.Lock()
	l.conns[1].parkedUntil = 0
	l.mu.Unlock()
	sweeps := func(parked int) bool {
		l.mu.Lock()
		l.parked += parked
		l.mu.Unlock()
		l.sweep()
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.sweeping
	}
	if sweeps(0) || !sweeps(tidyAfter) {
		t.Error("it goes on sweeping for nothing, or does not for memory that is to be given back")
	}
	// No sweep is to come after the test.
	l.mu.Lock()
	l.tidied = l.parked
	clear(l.conns)
	l.mu.Unlock()
}
