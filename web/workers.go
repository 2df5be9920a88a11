package web

import "sync/atomic"

// workers are the goroutines that serve connections, one each. One whose
// connection has ended waits for another, because its stack has grown to what a
// request needs: to grow that of a new goroutine takes longer than to answer a
// small request.
type workers struct {
	next chan *Conn   // received by those that wait
	idle atomic.Int64 // how many wait
}

// maxIdleWorkers is how many goroutines without a connection are kept.
const maxIdleWorkers = 256

var connectionWorkers = workers{next: make(chan *Conn)}

// serve has a goroutine serve a connection that has come, or that goes on after a
// while.
func (w *workers) serve(c *Conn) {
	select {
	case w.next <- c:
	default:
		go w.run(c)
	}
}

func (w *workers) run(c *Conn) {
	for {
		c.resume()
		// Nothing of the last connection is to be held while waiting.
		c = nil
		if w.idle.Add(1) > maxIdleWorkers {
			w.idle.Add(-1)
			return
		}
		c = <-w.next
		w.idle.Add(-1)
	}
}
