package task_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/internal/task"
)

// What comes after a group begins when its last goroutine has ended, and ending
// the one that came after waits for both.
func TestGroupComesAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var said []string
		say := func(text string) {
			mu.Lock()
			defer mu.Unlock()
			said = append(said, text)
		}
		slow := func(name string) func(context.Context) {
			return func(ctx context.Context) {
				say(name + " begins")
				<-ctx.Done()
				time.Sleep(time.Second)
				say(name + " ends")
			}
		}
		first := task.NewGroup(nil)
		first.Go(slow("first"))
		synctest.Wait()
		first.Cancel()
		second := task.NewGroup(first)
		second.Go(slow("second"))
		synctest.Wait()
		say("cancelled")
		time.Sleep(2 * time.Second)
		second.End()
		say("ended")
		if want := []string{"first begins", "cancelled", "first ends", "second begins", "second ends", "ended"}; !slices.Equal(said, want) {
			t.Errorf("%q, want %q", said, want)
		}

		// One that was ended before it could begin never does.
		third := task.NewGroup(nil)
		third.Go(slow("third"))
		synctest.Wait()
		third.Cancel()
		fourth := task.NewGroup(third)
		fourth.Go(func(context.Context) { t.Error("the fourth begins") })
		fourth.End()
	})
	(*task.Group)(nil).Cancel()
	(*task.Group)(nil).End()
}
