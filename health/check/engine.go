package check

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"tandem/internal/contain"
)

// Engine runs checkers, each at its own pace.
type Engine struct {
	mu     sync.Mutex
	queue  queue
	timer  *time.Timer // for the first of the queue; nil before the first
	closed bool
	began  time.Time

	open sync.WaitGroup // checks that are under way
	ctx  context.Context
	end  context.CancelFunc
}

// NewEngine returns an engine without checkers.
func NewEngine() *Engine {
	e := &Engine{began: time.Now()}
	e.ctx, e.end = context.WithCancel(context.Background())
	return e
}

// Checker checks one server in one way.
type Checker struct {
	engine *Engine
	spec   *Spec
	report func(Finding)

	// Guarded by the engine.
	state   state
	last    Finding
	due     time.Time
	index   int // in the queue, -1: not in it
	stop    context.CancelFunc
	paused  bool
	removed bool
}

// Add begins to check, after a random part of the Warmup. before is the same check
// of an older configuration, whose verdict and pace go on, nil for none. report is
// called with what each check has found, never twice at a time; it must not block.
func (e *Engine) Add(s *Spec, before *Checker, report func(Finding)) *Checker {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	c := &Checker{engine: e, spec: s, report: report, index: -1, state: newState(s)}
	c.due = now
	if s.Warmup > 0 {
		c.due = e.together(now, rand.N(s.Warmup))
	}
	if before != nil {
		c.state.continueFrom(&before.state, s)
		c.last, c.paused = before.last, before.paused
		if before.index >= 0 && before.due.Before(now.Add(s.DelayLoop)) {
			c.due = before.due
		}
	}
	if s.Method.asks() && !e.closed {
		heap.Push(&e.queue, c)
		e.arm(now)
	}
	return c
}

// Remove ends the checker. What is under way is given up; a report that has begun
// may still end.
func (c *Checker) Remove() {
	e := c.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	c.removed = true
	if c.index >= 0 {
		heap.Remove(&e.queue, c.index)
	}
	if c.stop != nil {
		c.stop()
	}
}

// Pause has no further checks begin, as for a node that does not hold the address
// (ha_suspend), or has them begin again, at once. It reports whether that is a
// change.
func (c *Checker) Pause(paused bool) (changed bool) {
	e := c.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.paused == paused {
		return false
	}
	c.paused = paused
	if !paused && c.index >= 0 {
		now := time.Now()
		c.due = now
		heap.Fix(&e.queue, c.index)
		e.arm(now)
	}
	return true
}

// Push takes an answer that has come by itself: of a file, or from BFD.
func (c *Checker) Push(a Answer) {
	if f, _, ok := c.take(a, time.Now()); ok {
		c.report(f)
	}
}

// Last returns what the last check has found; its zero value: there was none.
func (c *Checker) Last() Finding {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	return c.last
}

// Up returns the verdict: that of a checker with Alpha is bad at first.
func (c *Checker) Up() bool {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	return c.state.up
}

// Spec returns what is checked, and how.
func (c *Checker) Spec() *Spec { return c.spec }

// Close ends all checkers and waits for checks that are under way.
func (e *Engine) Close() {
	e.mu.Lock()
	e.closed = true
	for _, c := range e.queue {
		c.index = -1
	}
	e.queue = nil
	if e.timer != nil {
		e.timer.Stop()
	}
	e.mu.Unlock()
	e.end()
	e.open.Wait()
}

// arm has the timer fire for the first of the queue.
func (e *Engine) arm(now time.Time) {
	if len(e.queue) == 0 {
		return
	}
	wait := e.queue[0].due.Sub(now)
	if e.timer == nil {
		e.timer = time.AfterFunc(wait, e.fire)
		return
	}
	e.timer.Reset(wait)
}

// fire begins the checks that are due.
func (e *Engine) fire() {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	for len(e.queue) > 0 && !e.queue[0].due.After(now) {
		c := e.queue[0]
		if c.paused {
			c.due = now.Add(c.spec.DelayLoop)
			heap.Fix(&e.queue, 0)
			continue
		}
		heap.Pop(&e.queue)
		ctx, stop := context.WithCancel(e.ctx)
		c.stop = stop
		turn := c.state.turn
		e.open.Go(func() {
			defer stop()
			c.once(ctx, turn, now)
		})
	}
	e.arm(now)
}

// once checks once and has the checker wait for its next turn.
func (c *Checker) once(ctx context.Context, turn int, begun time.Time) {
	var a Answer
	if err := contain.Run("a check of "+c.spec.Name, func() { a = c.spec.Method.ask(ctx, turn) }); err != nil {
		a = Answer{Reason: err.Error()}
	}
	if ctx.Err() != nil {
		return
	}
	now := time.Now()
	a.took = now.Sub(begun)
	f, next, ok := c.take(a, now)
	if ok {
		c.report(f)
	}
	e := c.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	c.stop = nil
	if c.removed || e.closed {
		return
	}
	c.due = e.together(now, max(next, minDelay))
	heap.Push(&e.queue, c)
	if c.index == 0 {
		e.arm(time.Now())
	}
}

// grid is how far apart checks begin: those of one step begin together, so that
// hundreds of checkers do not wake the processor up one by one.
const grid = 20 * time.Millisecond

// together is when a check begins after a delay: with others, if that is long enough
// not to notice.
func (e *Engine) together(now time.Time, delay time.Duration) time.Time {
	due := now.Add(delay)
	if over := due.Sub(e.began) % grid; over > 0 && delay >= time.Second {
		due = due.Add(grid - over)
	}
	return due
}

// minDelay keeps a checker that is to check again at once from keeping a processor
// busy.
const minDelay = time.Millisecond

// take takes an answer in; not ok: the checker has ended, and nobody is told.
func (c *Checker) take(a Answer, now time.Time) (f Finding, next time.Duration, ok bool) {
	e := c.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.removed || e.closed {
		return f, 0, false
	}
	if a.Unasked != "" {
		f, next = Finding{Logs: []string{a.Unasked}, Reason: a.Unasked}, c.spec.DelayLoop
	} else {
		f, next = c.spec.Method.take(&c.state, c.spec, a)
	}
	f.At, f.Took, f.Up, f.Ran, f.Weight, f.Since = now, a.took, c.state.up, c.state.ran, c.state.weight, c.last.Since
	if f.Changed || f.First {
		f.Since = now
	}
	c.last = f
	return f, next, true
}

// queue has the checkers that wait, the one that is due first in front.
type queue []*Checker

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements heap.Interface.
func (q *queue) Push(x any) {
	c := x.(*Checker)
	c.index = len(*q)
	*q = append(*q, c)
}

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	old := *q
	c := old[len(old)-1]
	old[len(old)-1] = nil
	*q, c.index = old[:len(old)-1], -1
	return c
}
