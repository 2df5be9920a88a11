package http1

import (
	"errors"
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
	conns    map[uint64]*session // by number; those in it have no goroutine
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
var errParked = errors.New("http1: parked")

// parks reports whether the connection may be parked. What TLS has received and
// not passed on would not be seen there.
func (s *session) parks() bool { return !s.c.Secure() && s.keepaliveTimeout >= parkFor }

// add parks a connection that is idle; false if that cannot be.
func (l *parkingLot) add(s *session) bool {
	l.start.Do(l.begin)
	if l.epoll == nil {
		return false
	}
	s.parkedUntil = time.Now().Add(s.keepaliveTimeout - parkAfter)
	// Once the lock is released the connection may be anybody's.
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := s.wire.NotifyOnce(l.epoll, s.c.Number()); err != nil || s.wire.Interrupted() {
		return false
	}
	s.parked = true
	l.conns[s.c.Number()] = s
	if !l.sweeping {
		l.sweeping = true
		time.AfterFunc(sweepEach, l.sweep)
	}
	return true
}

// wake has a goroutine go on with a connection, if it is parked.
func (l *parkingLot) wake(number uint64) {
	l.mu.Lock()
	s := l.conns[number]
	delete(l.conns, number)
	l.mu.Unlock()
	if s != nil {
		s.c.Wake()
	}
}

// sweep ends the connections whose time has passed.
func (l *parkingLot) sweep() {
	now := time.Now()
	var ended []*session
	l.mu.Lock()
	for number, s := range l.conns {
		if now.After(s.parkedUntil) {
			ended = append(ended, s)
			delete(l.conns, number)
		}
	}
	if l.sweeping = len(l.conns) > 0; l.sweeping {
		time.AfterFunc(sweepEach, l.sweep)
	}
	l.mu.Unlock()
	for _, s := range ended {
		s.expired = true
		s.c.Wake()
	}
}

func (l *parkingLot) begin() {
	l.mu.Lock()
	l.conns = make(map[uint64]*session)
	l.mu.Unlock()
	l.epoll, _ = flow.NewEpoll(l.wake) // without it connections wait with their goroutines
}
