package web

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// parkingLot is where connections wait that have been idle for a moment: without
// a goroutine, whose stack is most of what an idle connection costs. An epoll
// instance tells when something has come; then a goroutine goes on with the
// connection. The runtime's poller waits for that instance.
type parkingLot struct {
	start sync.Once
	epoll *os.File // nil when there is none
	fd    int

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
	if err := c.wire.NotifyOnce(l.fd, c.number); err != nil || c.wire.Interrupted() {
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
		c.gen.stats.waiting.Add(-1)
		c.end()
	}
}

func (l *parkingLot) begin() {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return
	}
	if err = unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return
	}
	l.mu.Lock()
	l.conns = make(map[uint64]*conn)
	l.mu.Unlock()
	l.fd, l.epoll = fd, os.NewFile(uintptr(fd), "epoll")
	go l.run()
}

// run wakes connections for the life of the process.
func (l *parkingLot) run() {
	raw, err := l.epoll.SyscallConn()
	if err != nil {
		return
	}
	var events [64]unix.EpollEvent
	for {
		n := 0
		err = raw.Read(func(fd uintptr) bool {
			n, err = unix.EpollWait(int(fd), events[:], 0)
			return n > 0 || err != nil && err != unix.EINTR
		})
		if err != nil {
			return
		}
		for _, event := range events[:max(n, 0)] {
			l.wake(uint64(uint32(event.Fd)) | uint64(uint32(event.Pad))<<32)
		}
	}
}
