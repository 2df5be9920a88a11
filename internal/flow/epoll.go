package flow

import (
	"context"
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"tandem/internal/contain"
)

// Epoll is an epoll instance that the runtime's poller waits for in turn, so
// that any number of connections can be waited for without a goroutine each.
type Epoll struct {
	file  *os.File
	fd    int
	ready func(token uint64, events uint32)
	done  func() // may be nil

	mu     sync.Mutex // held from taking events to having told of them
	events [64]unix.EpollEvent
}

// NewEpoll makes an instance that calls ready with the token of each event (see
// Control and Conn.NotifyOnce) and with what has happened, one after the other, for
// the life of the process; done, which may be nil, is called when all have been told
// that there were at once. The error is the kernel's.
func NewEpoll(ready func(token uint64, events uint32), done func()) (*Epoll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err = unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	e := &Epoll{file: os.NewFile(uintptr(fd), "epoll"), fd: fd, ready: ready, done: done}
	go contain.Loop(context.Background(), "waiting for connections", e.run)
	return e, nil
}

func (e *Epoll) run() {
	raw, err := e.file.SyscallConn()
	if err != nil {
		return
	}
	for err == nil {
		var failed error
		err = raw.Read(func(uintptr) bool {
			var some bool
			some, failed = e.Tell()
			return some || failed != nil
		})
		if err == nil {
			err = failed
		}
	}
}

// Tell calls ready for the events that there are now; some: there may be more. It may
// be called from any goroutine but by what it calls.
func (e *Epoll) Tell() (some bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n, err := unix.EpollWait(e.fd, e.events[:], 0)
	if err == unix.EINTR {
		return true, nil
	}
	for _, event := range e.events[:max(n, 0)] {
		e.ready(uint64(uint32(event.Fd))|uint64(uint32(event.Pad))<<32, event.Events)
	}
	if n > 0 && e.done != nil {
		e.done()
	}
	return n > 0, err
}

// Control is epoll_ctl for a descriptor, whose events come with the token.
func (e *Epoll) Control(op int, fd uintptr, events uint32, token uint64) error {
	event := unix.EpollEvent{Events: events, Fd: int32(token), Pad: int32(token >> 32)}
	return unix.EpollCtl(e.fd, op, int(fd), &event)
}

// NotifyOnce has an epoll instance report, once and with a token as its data,
// when something has been received or the client has gone; at once if it has
// already. It works for sockets only, and for TLS on an Underlay after a wait; and
// may be called again after the report.
func (c *Conn) NotifyOnce(epoll *Epoll, token uint64) error {
	if c.sock.reads == nil {
		return errors.ErrUnsupported
	}
	const events = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT
	var err error
	controlErr := c.sock.reads.Control(func(fd uintptr) {
		if err = epoll.Control(unix.EPOLL_CTL_MOD, fd, events, token); err == unix.ENOENT {
			err = epoll.Control(unix.EPOLL_CTL_ADD, fd, events, token)
		}
	})
	return errors.Join(controlErr, err)
}
