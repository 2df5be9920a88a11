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
	// No sweep is to come after the test.
	l.mu.Lock()
	clear(l.conns)
	l.mu.Unlock()
}
