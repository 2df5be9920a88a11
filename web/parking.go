package web

import (
	"runtime/debug"
	"sync"
	"time"

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
	conns    map[uint64]*Conn // by number; those in it have no goroutine
	sweeping bool
	// How many have been parked: in all, up to the last sweep, and when memory was
	// given back last.
	parked, swept, tidied int
}

var parking parkingLot

const (
	// ParkAfter is how long a connection is idle before it is parked: longer
	// than clients that are at work leave it idle.
	ParkAfter = 200 * time.Millisecond
	// parkFor is the shortest time-out of connections that are parked, and
	// sweepEach how late it may come then.
	parkFor   = 10 * time.Second
	sweepEach = time.Second
	// tidyAfter is how many connections have to be parked before it is worth giving
	// back what they have left behind.
	tidyAfter = 1000
)

// giveBack gives memory that is not used back to the system. What a handshake of TLS
// leaves behind is several times what the connection keeps, and where all wait the
// garbage collector has no reason to run.
var giveBack = debug.FreeOSMemory

// Parks reports whether the connection may be parked when it waits with that
// time-out.
func (c *Conn) Parks(timeout time.Duration) bool { return timeout >= parkFor }

// Park parks a connection that has been idle for ParkAfter and has nothing
// buffered; false if that cannot be, or it has been interrupted meanwhile. When
// it can, Dialogue.Serve returns false at once: it is called again when something
// has come, the connection is interrupted or cut, or its time-out has passed
// (see Expired).
func (c *Conn) Park(timeout time.Duration) bool { return parking.add(c, timeout, false) }

// Unpark has a parked connection go on at once.
func (c *Conn) Unpark() { parking.wake(c.Number) }

// Expired reports whether the time-out of the last Park has passed.
func (c *Conn) Expired() bool { return c.expired }

// add parks a connection; false if that cannot be. first: it waits for the first
// bytes of its client, which an interruption does not end.
func (l *parkingLot) add(c *Conn, timeout time.Duration, first bool) bool {
	l.start.Do(l.begin)
	if l.epoll == nil {
		return false
	}
	c.parkedUntil = 0
	if timeout > 0 {
		c.parkedUntil = flow.Now() + int64(timeout-ParkAfter)
	}
	// Once the lock is released the connection may be anybody's.
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := c.Flow.NotifyOnce(l.epoll, c.Number); err != nil || !first && c.Flow.Interrupted() {
		return false
	}
	l.conns[c.Number] = c
	l.parked++
	if !l.sweeping && (c.parkedUntil > 0 || l.untidy()) {
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
		c.Wake()
	}
}

// untidy reports whether enough connections have been parked since memory was given
// back. The caller holds mu.
func (l *parkingLot) untidy() bool { return l.parked-l.tidied >= tidyAfter }

// sweep ends the connections whose time has passed, and has memory given back when
// no more are parked for a while.
func (l *parkingLot) sweep() {
	now := flow.Now()
	var ended []*Conn
	l.mu.Lock()
	timed := false
	for number, c := range l.conns {
		if c.parkedUntil == 0 {
			continue
		}
		if timed = true; now > c.parkedUntil {
			ended = append(ended, c)
			delete(l.conns, number)
		}
	}
	if l.parked == l.swept && l.untidy() {
		l.tidied = l.parked
		go giveBack()
	}
	l.swept = l.parked
	if l.sweeping = timed || l.untidy(); l.sweeping {
		time.AfterFunc(sweepEach, l.sweep)
	}
	l.mu.Unlock()
	for _, c := range ended {
		c.expired = true
		c.Wake()
	}
}

func (l *parkingLot) begin() {
	l.mu.Lock()
	l.conns = make(map[uint64]*Conn)
	l.mu.Unlock()
	l.epoll, _ = flow.NewEpoll(func(number uint64, _ uint32) { l.wake(number) }, nil) // without it connections wait with their goroutines
}
