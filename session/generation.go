package session

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Generation is one configuration of a server at work, with what it serves: members
// such as connections, from the first to the last. A reload begins a new one and
// retires the old.
type Generation[M comparable] struct {
	retired atomic.Bool
	mu      sync.Mutex
	members map[M]struct{}
	empty   chan struct{} // closed when retired and without members

	background sync.WaitGroup
	end        context.CancelFunc // of what runs in the background
}

// Begin begins a generation without members; run runs in the background until it
// is retired.
func (g *Generation[M]) Begin(run func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	g.members, g.empty, g.end = make(map[M]struct{}), make(chan struct{}), cancel
	g.background.Go(func() { run(ctx) })
}

// Add adds a member, and reports whether the generation is still in force.
func (g *Generation[M]) Add(m M) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.members[m] = struct{}{}
	return !g.retired.Load()
}

// Remove takes a member away that has ended, or goes on elsewhere.
func (g *Generation[M]) Remove(m M) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.members, m)
	g.checkEmpty()
}

// Len returns how many members there are.
func (g *Generation[M]) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.members)
}

// Each calls f with every member; f must not add or remove any.
func (g *Generation[M]) Each(f func(M)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for m := range g.members {
		f(m)
	}
}

// Retired reports whether another configuration is in force.
func (g *Generation[M]) Retired() bool { return g.retired.Load() }

// Retire notes that another configuration is in force: first is called before
// anybody sees that, f then with every member. It reports false, and calls neither,
// if it was retired before.
func (g *Generation[M]) Retire(first func(), f func(M)) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.retired.Load() {
		return false
	}
	first()
	g.retired.Store(true)
	g.end()
	for m := range g.members {
		f(m)
	}
	g.checkEmpty()
	return true
}

func (g *Generation[M]) checkEmpty() {
	if g.retired.Load() && len(g.members) == 0 {
		select {
		case <-g.empty:
		default:
			close(g.empty)
		}
	}
}

// Abort ends what runs in the background, and calls abort with every member, which
// has it end as it is.
func (g *Generation[M]) Abort(abort func(M)) {
	g.end()
	g.Each(abort)
}

// Wait waits until a retired generation has no member left and nothing of it runs
// in the background, or until the context ends: then what is left is aborted, and
// the error is the context's.
func (g *Generation[M]) Wait(ctx context.Context, abort func(M)) error {
	select {
	case <-g.empty:
		g.background.Wait()
		return nil
	case <-ctx.Done():
	}
	g.Abort(abort)
	// What has been cut off is still to be logged.
	select {
	case <-g.empty:
	case <-time.After(abortGrace):
	}
	return ctx.Err()
}

// abortGrace is how long members that were cut off may take to notice.
const abortGrace = time.Second
