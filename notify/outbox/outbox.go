// Package outbox keeps what is to be sent until somebody slow takes it.
package outbox

import (
	"context"
	"sync"
	"time"

	"tandem/internal/contain"
)

// Most is how much may wait. What waits says what was, so the oldest goes when
// there is more.
const Most = 100

// Box sends values in order, one after the other, and never on the time of who
// puts them in. Its methods may be called by several goroutines.
type Box[T any] struct {
	send func(ctx context.Context, v T)
	lost func(n int)

	mu      sync.Mutex
	waiting []T
	dropped int // since the last value was taken
	busy    bool

	ctx  context.Context // ends what is under way
	end  context.CancelFunc
	work sync.WaitGroup
}

// New makes a box. send sends a value; it must return soon when ctx ends. lost is
// told how many values were dropped because too many waited. Neither is called
// by more than one goroutine at a time.
func New[T any](send func(ctx context.Context, v T), lost func(n int)) *Box[T] {
	ctx, cancel := context.WithCancel(context.Background())
	return &Box[T]{send: send, lost: lost, ctx: ctx, end: cancel}
}

// Put has a value sent. It does not wait.
func (b *Box[T]) Put(v T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == Most {
		b.waiting = b.waiting[1:]
		b.dropped++
	}
	b.waiting = append(b.waiting, v)
	if !b.busy {
		b.busy = true
		b.work.Go(b.serve)
	}
}

// serve sends what waits until nothing does.
func (b *Box[T]) serve() {
	for {
		v, dropped, ok := b.take()
		if dropped > 0 {
			b.lost(dropped)
		}
		if !ok {
			return
		}
		_ = contain.Run("sending a notification", func() { b.send(b.ctx, v) })
	}
}

func (b *Box[T]) take() (v T, dropped int, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	dropped, b.dropped = b.dropped, 0
	if len(b.waiting) == 0 {
		b.busy = false
		return v, dropped, false
	}
	v, b.waiting = b.waiting[0], b.waiting[1:]
	return v, dropped, true
}

// Close waits until everything is sent, at most for the patience; what is left
// then is dropped. Nothing may be put in any more.
func (b *Box[T]) Close(patience time.Duration) {
	defer b.end()
	defer time.AfterFunc(patience, func() {
		b.mu.Lock()
		b.dropped += len(b.waiting)
		b.waiting = nil
		b.mu.Unlock()
		b.end()
	}).Stop()
	b.work.Wait()
}
