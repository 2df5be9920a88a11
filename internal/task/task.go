// Package task keeps goroutines together that begin and end together, so that
// none is told to end without somebody who waits for it.
package task

import (
	"context"
	"sync"

	"tandem/internal/contain"
)

// Group is goroutines that run until it is ended. Its methods may be called by
// several goroutines.
type Group struct {
	ctx    context.Context
	cancel context.CancelFunc
	begin  chan struct{} // closed when the goroutines may begin
	tasks  sync.WaitGroup
}

// NewGroup returns a group without goroutines. Those that it will get begin when
// those of after have ended, so that what takes the place of something never runs
// beside it; after has been cancelled, or is nil.
func NewGroup(after *Group) *Group {
	g := &Group{begin: make(chan struct{})}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	if after == nil {
		close(g.begin)
		return g
	}
	g.tasks.Go(func() {
		after.tasks.Wait()
		close(g.begin)
	})
	return g
}

// Go has run called on a goroutine of its own, with a context that ends with the
// group. It must return then. A panic is contained, and run called again.
func (g *Group) Go(run func(ctx context.Context)) {
	g.tasks.Go(func() {
		<-g.begin
		if g.ctx.Err() == nil {
			contain.Loop(g.ctx, "a task", func() { run(g.ctx) })
		}
	})
}

// Cancel tells the goroutines to end, and does not wait. A nil group has none.
func (g *Group) Cancel() {
	if g != nil {
		g.cancel()
	}
}

// Context returns the context that the goroutines get.
func (g *Group) Context() context.Context { return g.ctx }

// Cancelled reports whether the goroutines have been told to end.
func (g *Group) Cancelled() bool { return g.ctx.Err() != nil }

// End tells the goroutines to end and waits until they have, with those of the
// group that this one came after. A nil group has none.
func (g *Group) End() {
	if g != nil {
		g.cancel()
		g.tasks.Wait()
	}
}
