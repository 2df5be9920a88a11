package bfd

import "sync"

// teller calls what the loop has to tell somebody, one after the other and on a
// goroutine of its own: whoever is told may write to a terminal or wait for a lock, and
// packets must not wait for that.
type teller struct {
	mu    sync.Mutex
	ready sync.Cond
	queue []func()
	ended bool
	done  chan struct{}
}

func startTeller() *teller {
	t := &teller{done: make(chan struct{})}
	t.ready.L = &t.mu
	go t.run()
	return t
}

// tell has f called; it does not wait.
func (t *teller) tell(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queue = append(t.queue, f)
	t.ready.Signal()
}

// maxLines is how much may wait before lines for the log are left out. What sessions
// have come to never is.
const maxLines = 1000

// tellLine is tell for a line of the log.
func (t *teller) tellLine(f func()) {
	t.mu.Lock()
	full := len(t.queue) >= maxLines
	t.mu.Unlock()
	if !full {
		t.tell(f)
	}
}

// close returns when everything has been told.
func (t *teller) close() {
	t.mu.Lock()
	t.ended = true
	t.ready.Signal()
	t.mu.Unlock()
	<-t.done
}

func (t *teller) run() {
	defer close(t.done)
	for {
		t.mu.Lock()
		for len(t.queue) == 0 && !t.ended {
			t.ready.Wait()
		}
		queue := t.queue
		t.queue = nil
		t.mu.Unlock()
		if queue == nil {
			return
		}
		for _, f := range queue {
			f()
		}
	}
}
