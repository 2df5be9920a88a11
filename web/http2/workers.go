package http2

import (
	"sync/atomic"

	"tandem/internal/contain"
)

// pool are the goroutines that answer requests, one each. One whose request is
// answered waits for another, because its stack has grown to what a request needs.
type pool struct {
	next chan *stream // received by those that wait
	idle atomic.Int64 // how many wait
}

// maxIdle is how many goroutines without a request are kept.
const maxIdle = 256

var workers = pool{next: make(chan *stream)}

// serve has a goroutine answer a request.
func (p *pool) serve(x *stream) {
	select {
	case p.next <- x:
	default:
		go p.run(x)
	}
}

func (p *pool) run(x *stream) {
	for {
		s := x.s // x is another's when it has been answered
		_ = contain.Run("a stream", x.serve)
		s.answers.Done()
		if p.idle.Add(1) > maxIdle {
			p.idle.Add(-1)
			return
		}
		x = <-p.next
		p.idle.Add(-1)
	}
}
