package web

import (
	"net"
	"sync/atomic"
)

// work is a connection that has come, and who serves it, or one that goes on after a while.
type work struct {
	net   net.Conn
	at    *serving
	woken *Conn
}

// workers are the goroutines that serve connections, one each. One whose
// connection has ended waits for another, because its stack has grown to what a
// request needs: to grow that of a new goroutine takes longer than to answer a
// small request.
type workers struct {
	next chan work    // received by those that wait
	idle atomic.Int64 // how many wait
}

// maxIdleWorkers is how many goroutines without a connection are kept.
const maxIdleWorkers = 256

var connectionWorkers = workers{next: make(chan work)}

// serve has a goroutine serve a connection.
func (w *workers) serve(k work) {
	select {
	case w.next <- k:
	default:
		go w.run(k)
	}
}

func (w *workers) run(k work) {
	for {
		if c := k.woken; c != nil {
			c.resume()
		} else {
			k.at.gen.Serve(k.net, k.at.port)
		}
		// Nothing of the last connection is to be held while waiting.
		k = work{}
		if w.idle.Add(1) > maxIdleWorkers {
			w.idle.Add(-1)
			return
		}
		k = <-w.next
		w.idle.Add(-1)
	}
}
