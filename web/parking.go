package web

import (
	"errors"
	"sync"
	"time"

	"tandem/internal/contain"
	"tandem/internal/flow"
)

// parkingLot is where connections wait that have been idle for a moment: without
// a goroutine, whose stack is most of what an idle connection costs. An epoll
// instance tells when something has come; then a goroutine goes on with the
// connection.
type parkingLot struct {
	start sync.Once
	epoll *flow.Epoll // nil when there is none: nothing is parked

	mu       sync.Mutex
	conns    map[uint64]*conn // by number; those in it have no goroutine
	sweeping bool
}

var parking parkingLot

const (
	// parkAfter is how long a connection is idle before it is parked: longer
	// than clients that are at work leave it idle.
	parkAfter = 200 * time.Millisecond
	// parkFor is the shortest time-out of connections that are parked, and
	// sweepEach how late it may come then.
	parkFor   = 10 * time.Second
	sweepEach = time.Second
)

// errParked: the connection has been parked and is no longer the goroutine's.
var errParked = errors.New("web: parked")

// parks reports whether the connection may be parked. What TLS has received and
// not passed on would not be seen there.
func (c *conn) parks() bool { return c.secured == nil && c.keepaliveTimeout >= parkFor }

// add parks a connection that is idle; false if that cannot be.
func (l *parkingLot) add(c *conn) bool {
	l.start.Do(l.begin)
	if l.epoll == nil {
		return false
	}
	c.parkedUntil = time.Now().Add(c.keepaliveTimeout - parkAfter)
	// Once the lock is released the connection may be anybody's.
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := c.wire.NotifyOnce(l.epoll, c.number); err != nil || c.wire.Interrupted() {
		return false
	}
	l.conns[c.number] = c
	if !l.sweeping {
		l.sweeping = true
		time.AfterFunc(sweepEach, l.sweep)
	}
	return true
}

// wake has a goroutine go on with a connection, if it is parked.
func (l *parkingLot) wake(number uint64) {
	l.mu.Lock()
	c := l.conns[number]
	delete(l.conns, number)
	l.mu.Unlock()
	if c != nil {
		connectionWorkers.serve(work{parked: c})
	}
}

// sweep ends the connections whose time has passed.
func (l *parkingLot) sweep() {
	now := time.Now()
	var ended []*conn
	l.mu.Lock()
	for number, c := range l.conns {
		if now.After(c.parkedUntil) {
			ended = append(ended, c)
			delete(l.conns, number)
		}
	}
	if l.sweeping = len(l.conns) > 0; l.sweeping {
		time.AfterFunc(sweepEach, l.sweep)
	}
	l.mu.Unlock()
	for _, c := range ended {
		_ = contain.Run("the end of an idle connection", func() {
			c.gen.stats.waiting.Add(-1)
			c.end()
		})
	}
}

func (l *parkingLot) begin() {
	l.mu.Lock()
	l.conns = make(map[uint64]*conn)
	l.mu.Unlock()
	l.epoll, _ = flow.NewEpoll(l.wake) // without it connections wait with their goroutines
}
