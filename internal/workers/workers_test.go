package workers

import (
	"runtime"
	"sync"
	"testing"
)

// job is a function that is run.
type job func()

func (j job) Run() { j() }

// Everything is done, each piece at once: none waits for another.
func TestPool(t *testing.T) {
	p := New[job]()
	var done, giving sync.WaitGroup
	others := make(chan struct{})
	done.Add(1001)
	p.Do(func() { <-others; done.Done() })
	for range 1000 {
		giving.Go(func() { p.Do(done.Done) })
	}
	giving.Wait()
	close(others)
	done.Wait()
}

// Of the goroutines that have nothing to do not too many are kept.
func TestIdle(t *testing.T) {
	p := New[job]()
	var done sync.WaitGroup
	begin := make(chan struct{})
	for range 2 * MaxIdle {
		done.Add(1)
		p.Do(func() { <-begin; done.Done() })
	}
	close(begin)
	done.Wait()
	for p.idle.Load() != MaxIdle {
		runtime.Gosched()
	}
}

// Giving work to a goroutine that waits takes no memory.
func TestNoAllocation(t *testing.T) {
	p := New[job]()
	done := make(chan struct{})
	work := job(func() { done <- struct{}{} })
	p.Do(work)
	<-done
	if n := testing.AllocsPerRun(100, func() {
		for p.idle.Load() == 0 {
			runtime.Gosched()
		}
		p.Do(work)
		<-done
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
