package web

import (
	"net"
	"sync/atomic"
)

// accepted is a connection that has come, and who serves it.
type accepted struct {
	net net.Conn
	at  *serving
}

// workers are the goroutines that serve connections, one each. One whose
// connection has ended waits for another, because its stack has grown to what a
// request needs: to grow that of a new goroutine takes longer than to answer a
// small request.
type workers struct {
	next chan accepted // received by those that wait
	idle atomic.Int64  // how many wait
}

// maxIdleWorkers is how many goroutines without a connection are kept.
const maxIdleWorkers = 256

var connectionWorkers = workers{next: make(chan accepted)}

// serve has a goroutine serve a connection.
func (w *workers) serve(a accepted) {
	select {
	case w.next <- a:
	default:
		go w.work(a)
	}
}

func (w *workers) work(a accepted) {
	for {
		a.at.gen.Serve(a.net, a.at.port)
		// Nothing of the last connection is to be held while waiting.
		a = accepted{}
		if w.idle.Add(1) > maxIdleWorkers {
			w.idle.Add(-1)
			return
		}
		a = <-w.next
		w.idle.Add(-1)
	}
}
