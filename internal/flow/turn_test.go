package flow

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// alone brings TakeTurns to where it yields least often.
func alone(t *testing.T) {
	t.Helper()
	for range 1 << (2 * loneliest) {
		if TakeTurns(); turns.alone.Load() == loneliest {
			return
		}
	}
	t.Fatalf("nobody made use of a yield for long, yet it is %d", turns.alone.Load())
}

// Who is alone seldom yields, and yields again when there are others.
func TestTakeTurns(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	alone(t)
	var stop atomic.Bool
	var all sync.WaitGroup
	all.Go(func() {
		for !stop.Load() {
			TakeTurns()
		}
	})
	for turns.alone.Load() == loneliest {
		TakeTurns()
	}
	stop.Store(true)
	all.Wait()
	alone(t)
}

func TestTakeTurnsAllocates(t *testing.T) {
	if n := testing.AllocsPerRun(1000, TakeTurns); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
