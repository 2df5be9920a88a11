package main

import (
	"errors"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// load is a client: one thread over many connections, cheap enough that the
// server is what is measured.
type load struct {
	addr        netip.AddrPort
	request     []byte
	wantStatus  string // "HTTP/1.1 200"
	wantBody    []byte // the whole body
	connections int
	reconnect   bool // a new connection for each request
	// rate: requests a second, sent when they are due whether or not the
	// server keeps up; 0: each connection asks again as soon as it is
	// answered.
	rate float64

	// once: each connection asks once, and all stay open until close.
	once    bool
	http2   *http2Load // nil: it speaks HTTP/1
	backend *backend   // answers the server's own requests, on the same thread; may be nil

	epoll int
	in    [256 << 10]byte // of all connections
	conns []*client
	ready []unix.EpollEvent
	done  int
	bytes int // of HTTP/2's bodies that no whole answer has been counted for

	// Of an open loop:
	idle    []*client // connections without a request
	answers []answered
	stalls  []stall
	start   time.Time
}

// run asks for d and returns the answers per second.
func (l *load) run(d time.Duration) (perSecond float64, err error) {
	if err := l.open(); err != nil || l.once {
		return 0, err
	}
	defer l.close()
	if l.rate > 0 {
		return 0, l.runAtRate(d)
	}
	start := time.Now()
	for _, c := range l.conns {
		if err := l.ask(c, start); err != nil {
			return 0, err
		}
	}
	for time.Since(start) < d {
		n, err := unix.EpollWait(l.epoll, l.ready, 10)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return 0, os.NewSyscallError("epoll_wait", err)
		}
		for i := range max(n, 0) {
			if err := l.event(&l.ready[i]); err != nil {
				return 0, err
			}
		}
	}
	return float64(l.done) / time.Since(start).Seconds(), nil
}

// event deals with what has come.
func (l *load) event(ev *unix.EpollEvent) error {
	if ev.Pad != 0 {
		return l.backend.serve(int(ev.Fd))
	}
	return l.answer(l.conns[ev.Fd])
}

// open connects all clients.
func (l *load) open() (err error) {
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if l.backend != nil {
		if err := l.backend.watch(l.epoll); err != nil {
			return err
		}
	}
	l.ready = make([]unix.EpollEvent, 256)
	for i := range l.connections {
		c := &client{index: int32(i), fd: -1}
		if l.rate == 0 || !l.reconnect {
			if err := l.connect(c); err != nil {
				return err
			}
		}
		l.conns = append(l.conns, c)
		if !l.once {
			l.idle = append(l.idle, c)
		} else if err := l.askOnce(c); err != nil {
			return err
		}
	}
	return nil
}

// askOnce asks and waits for the answer.
func (l *load) askOnce(c *client) error {
	if err := l.ask(c, time.Time{}); err != nil {
		return err
	}
	for done := l.done; l.done == done; {
		n, err := unix.EpollWait(l.epoll, l.ready[:1], 1000)
		if err != nil && err != unix.EINTR {
			return os.NewSyscallError("epoll_wait", err)
		}
		if n > 0 {
			err = l.event(&l.ready[0])
		} else {
			err = l.answer(c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *load) close() {
	for _, c := range l.conns {
		c.close()
	}
	_ = unix.Close(l.epoll)
}

// complete counts an answer, and asks again.
func (l *load) complete(c *client) error {
	l.done++
	if l.once {
		return nil
	}
	if l.rate > 0 {
		l.answers = append(l.answers, answered{c.due, time.Since(c.due)})
		l.idle = append(l.idle, c)
	}
	if l.reconnect {
		c.close()
	}
	if l.rate > 0 {
		return nil
	}
	if l.reconnect {
		if err := l.connect(c); err != nil {
			return err
		}
	}
	return l.ask(c, time.Time{})
}
