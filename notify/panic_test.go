package notify

import (
	"sync"
	"testing"
	"time"

	"tandem/internal/child"
)

// A script whose run panics does not keep the next from being run.
func TestQueuePanics(t *testing.T) {
	var running sync.WaitGroup
	told := make(chan string, 2)
	q := &queue{more: make(chan struct{}, 1), log: func(text string) { told <- text }, end: make(chan struct{})}
	q.put(&child.Command{}, &running) // no program at all
	q.put(&child.Command{Args: []string{"/nonexistent"}}, &running)
	select {
	case text := <-told:
		if want := "notify script /nonexistent: cannot be executed: no such file or directory"; text != want {
			t.Errorf("got  %s\nwant %s", text, want)
		}
	case <-time.After(10 * time.Second):
		t.Error("the second one is not run")
	}
	running.Wait()
}
