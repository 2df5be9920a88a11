// Package workers keeps goroutines that have done their work for the next piece
// of it: the stack of one has grown to what the work needs, and to grow that of a
// new goroutine can take longer than the work.
package workers

import "sync/atomic"

// MaxIdle is how many goroutines of a pool wait for work at the most.
const MaxIdle = 256

// Job is a piece of work.
type Job interface {
	// Run does it. It must not panic.
	Run()
}

// Pool has goroutines do what comes in, each one piece after another.
type Pool[T Job] struct {
	next chan T       // received by those that wait
	idle atomic.Int64 // how many wait
}

// New returns a pool without goroutines.
func New[T Job]() *Pool[T] { return &Pool[T]{next: make(chan T)} }

// Do has x done, at once and without waiting for its end.
func (p *Pool[T]) Do(x T) {
	select {
	case p.next <- x:
	default:
		go p.run(x)
	}
}

func (p *Pool[T]) run(x T) {
	for {
		x.Run()
		var none T
		x = none // nothing of it is to be held while waiting
		if p.idle.Add(1) > MaxIdle {
			p.idle.Add(-1)
			return
		}
		x = <-p.next
		p.idle.Add(-1)
	}
}
