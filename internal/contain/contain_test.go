package contain

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// told collects what is reported meanwhile.
func told(t *testing.T) *[]*Panic {
	var list []*Panic
	Report(func(p *Panic) { list = append(list, p) })
	t.Cleanup(func() { report.Store(nil) })
	return &list
}

func broken(index int) int {
	var list []int
	return list[index]
}

func TestRun(t *testing.T) {
	list := told(t)
	before := Count()
	err := Run("a test", func() { broken(3) })
	var p *Panic
	if !errors.As(err, &p) || len(*list) != 1 || (*list)[0] != p || Count() != before+1 {
		t.Fatalf("%v, told %v, %d counted", err, *list, Count()-before)
	}
	text := p.Error()
	if !strings.HasPrefix(text, "panic in a test: runtime error: index out of range [3] with length 0, stack: tandem/internal/contain.broken (contain/contain_test.go:") ||
		!strings.Contains(text, " < tandem/internal/contain.TestRun.func") || strings.Contains(text, "\n") || strings.Contains(text, "runtime.") {
		t.Errorf("%q", text)
	}
	if err := Run("nothing", func() {}); err != nil {
		t.Errorf("without a panic: %v", err)
	}
	func() {
		defer Recover("a function")
		panic("two\nlines")
	}()
	if got := (*list)[1].Error(); !strings.HasPrefix(got, "panic in a function: two lines, stack: ") {
		t.Errorf("%q", got)
	}
}

func TestLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := told(t)
		begun := time.Now()
		calls := 0
		Loop(context.Background(), "a loop", func() {
			if calls++; calls < 3 {
				panic(calls)
			}
		})
		if calls != 3 || len(*list) != 2 || time.Since(begun) != 2*again {
			t.Errorf("%d calls, %d told, in %v", calls, len(*list), time.Since(begun))
		}
		ctx, cancel := context.WithCancel(context.Background())
		Loop(ctx, "a loop that ends", func() { cancel(); panic("last") })
	})
}

func TestTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told(t)
		time.Sleep(time.Hour) // away from what other tests do
		for range tolerated {
			_ = Run("a test", func() { panic(1) })
			time.Sleep(time.Second)
		}
		if err := TooMany(); err != nil {
			t.Errorf("after %d: %v", tolerated, err)
		}
		_ = Run("a test", func() { panic(1) })
		if err := TooMany(); err == nil || err.Error() != "5 panics within 1m0s" {
			t.Errorf("after one more: %v", err)
		}
		time.Sleep(within - tolerated*time.Second)
		if err := TooMany(); err != nil {
			t.Errorf("a minute after the first: %v", err)
		}
	})
}
