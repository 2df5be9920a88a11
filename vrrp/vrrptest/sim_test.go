package vrrptest

import (
	"flag"
	"os"
	"testing"
	"time"

	"tandem/internal/race"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "replay one simulation with a trace")
	seedsFlag = flag.Uint64("seeds", 0, "how many simulations to run; 0: as many as the time allows")
	fromFlag  = flag.Uint64("from", 1, "the first seed")
)

// stepsEach is how many steps one simulation makes.
const stepsEach = 4000

// TestSimulation runs random simulations. A failing one prints how to replay it, and its trace.
func TestSimulation(t *testing.T) {
	if *seedFlag != 0 {
		r := Random(*seedFlag, stepsEach, os.Stdout)
		t.Logf("%d steps", r.Steps)
		if r.Violation != "" {
			t.Error(r.Violation)
		}
		return
	}
	want := 1_200_000
	if testing.Short() || race.Enabled {
		want = 60_000
	}
	begin, steps, seed := time.Now(), 0, *fromFlag
	for ; steps < want || seed < *fromFlag+*seedsFlag; seed++ {
		r := Random(seed, stepsEach, nil)
		steps += r.Steps
		if r.Violation != "" {
			t.Errorf("seed %d: %s\nreplay: go test ./vrrp/vrrptest -run TestSimulation -seed %d", seed, r.Violation, seed)
			trace := &tail{max: 60}
			Random(seed, stepsEach, trace)
			t.Fatalf("the end of the trace:\n%s", trace)
		}
	}
	t.Logf("%d steps in %d simulations, %.1f s", steps, seed-*fromFlag, time.Since(begin).Seconds())
}

// tail keeps the last lines written to it, up to a violation.
type tail struct {
	max   int
	lines []string
}

func (w *tail) Write(b []byte) (int, error) {
	w.lines = append(w.lines, string(b))
	if len(w.lines) > w.max {
		w.lines = w.lines[1:]
	}
	return len(b), nil
}

func (w *tail) String() string {
	text := ""
	for _, l := range w.lines {
		text += l
	}
	return text
}
