package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

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
	backend *backend // answers the server's own requests, on the same thread; may be nil

	epoll  int
	shared [bufferSize]byte // the buffer of all connections that ask once
	conns  []*client
	ready  []unix.EpollEvent
	done   int
	lat    []time.Duration // of an open loop, from when the request was due
	idle   []*client       // of an open loop: connections without a request
}

// client is one connection.
type client struct {
	fd     int
	in     []byte
	n      int // bytes in in
	need   int // length of the answer, once its head has been read; 0 before
	due    time.Time
	asking bool
}

// run asks for d and returns the answers per second.
func (l *load) run(d time.Duration) (perSecond float64, err error) {
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return 0, os.NewSyscallError("epoll_create1", err)
	}
	if !l.once {
		defer l.close()
	}
	if l.backend != nil {
		if err := l.backend.watch(l.epoll); err != nil {
			return 0, err
		}
	}
	l.ready = make([]unix.EpollEvent, 256)
	for range l.connections {
		c := &client{in: make([]byte, bufferSize)}
		if l.once {
			c.in = l.shared[:]
		}
		if err := l.connect(c); err != nil {
			return 0, err
		}
		l.conns = append(l.conns, c)
		if l.once {
			if err := l.askOnce(c); err != nil {
				return 0, err
			}
			continue
		}
		l.idle = append(l.idle, c)
	}
	if l.once {
		return 0, nil
	}
	start := time.Now()
	end := start.Add(d)
	if l.rate == 0 {
		for _, c := range l.conns {
			if err := l.ask(c, start); err != nil {
				return 0, err
			}
		}
		l.idle = nil
	}
	sent := 0
	for {
		now := time.Now()
		if !now.Before(end) {
			break
		}
		timeout := 10
		if l.rate > 0 {
			for len(l.idle) > 0 {
				due := start.Add(time.Duration(float64(sent) / l.rate * float64(time.Second)))
				if due.After(now) {
					timeout = 0
					break
				}
				c := l.idle[len(l.idle)-1]
				l.idle = l.idle[:len(l.idle)-1]
				if err := l.ask(c, due); err != nil {
					return 0, err
				}
				sent++
			}
		}
		n, err := unix.EpollWait(l.epoll, l.ready, timeout)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return 0, os.NewSyscallError("epoll_wait", err)
		}
		for i := range max(n, 0) {
			switch ev := &l.ready[i]; {
			case ev.Pad != 0:
				err = l.backend.serve(int(ev.Fd))
			default:
				err = l.answer(l.conns[ev.Fd])
			}
			if err != nil {
				return 0, err
			}
		}
	}
	return float64(l.done) / time.Since(start).Seconds(), nil
}

// askOnce asks and waits for the answer.
func (l *load) askOnce(c *client) error {
	if err := l.ask(c, time.Time{}); err != nil {
		return err
	}
	for done := l.done; l.done == done; {
		if _, err := unix.EpollWait(l.epoll, l.ready[:1], 1000); err != nil && err != unix.EINTR {
			return os.NewSyscallError("epoll_wait", err)
		}
		if err := l.answer(c); err != nil {
			return err
		}
	}
	return nil
}

// bufferSize is what a client receives at a time.
const bufferSize = 64 << 10

func (l *load) close() {
	for _, c := range l.conns {
		_ = unix.Close(c.fd)
	}
	_ = unix.Close(l.epoll)
}

func (l *load) connect(c *client) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if l.reconnect {
		// Closing sends RST, so that no port waits in TIME_WAIT.
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	sa := &unix.SockaddrInet4{Port: int(l.addr.Port()), Addr: l.addr.Addr().As4()}
	if err := unix.Connect(fd, sa); err != nil {
		_ = unix.Close(fd)
		return os.NewSyscallError("connect", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return err
	}
	c.fd = fd
	index := int32(len(l.conns))
	if i := slices.Index(l.conns, c); i >= 0 {
		index = int32(i)
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: index}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &ev))
}

func (l *load) ask(c *client, due time.Time) error {
	c.due, c.n, c.need, c.asking = due, 0, 0, true
	if n, err := send(c.fd, l.request); err != nil || n != len(l.request) {
		return fmt.Errorf("writing a request: %w", err)
	}
	return nil
}

// answer reads what has come, and asks again when the answer is complete.
func (l *load) answer(c *client) error {
	for {
		if c.n == len(c.in) {
			c.in = append(c.in, make([]byte, max(c.need-c.n, bufferSize))...)
		}
		n, err := receive(c.fd, c.in[c.n:])
		if err == unix.EAGAIN {
			return nil
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return errors.New("the server closed a connection")
		}
		c.n += n
		if c.need == 0 {
			if c.need, err = l.length(c.in[:c.n]); err != nil {
				return err
			}
		}
		if c.need == 0 || c.n < c.need {
			if c.n < len(c.in) {
				return nil
			}
			continue
		}
		return l.complete(c)
	}
}

// send and receive are system calls that cannot block, so that the scheduler
// need not know of them: the client is to cost little.
func send(fd int, p []byte) (int, error) {
	return call(unix.SYS_SENDTO, fd, p, unix.MSG_NOSIGNAL)
}

func receive(fd int, p []byte) (int, error) { return call(unix.SYS_RECVFROM, fd, p, 0) }

func call(number uintptr, fd int, p []byte, flags uintptr) (int, error) {
	n, _, e := unix.RawSyscall6(number, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), flags, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}

var headEnd = []byte("\r\n\r\n")

// length returns the length of an answer by its head, 0 if that is not
// complete.
func (l *load) length(b []byte) (int, error) {
	i := bytes.Index(b, headEnd)
	if i < 0 {
		return 0, nil
	}
	if !bytes.HasPrefix(b, []byte(l.wantStatus)) {
		return 0, fmt.Errorf("a wrong answer: %.80q", b)
	}
	const name = "\r\nContent-Length: "
	j := bytes.Index(b[:i+2], []byte(name))
	if j < 0 {
		// HAProxy writes names in lower case.
		j = bytes.Index(b[:i+2], []byte(strings.ToLower(name)))
	}
	if j < 0 {
		return 0, fmt.Errorf("an answer without length: %.200q", b)
	}
	text := b[j+len(name):]
	length, err := strconv.Atoi(string(text[:bytes.IndexByte(text, '\r')]))
	return i + 4 + length, err
}

func (l *load) complete(c *client) error {
	if c.n != c.need || !bytes.Equal(c.in[c.need-len(l.wantBody):c.need], l.wantBody) {
		return fmt.Errorf("a wrong body after %d answers", l.done)
	}
	l.done++
	c.asking = false
	if l.rate > 0 {
		l.lat = append(l.lat, time.Since(c.due))
		l.idle = append(l.idle, c)
		return nil
	}
	if l.once {
		return nil
	}
	if l.reconnect {
		_ = unix.Close(c.fd)
		if err := l.connect(c); err != nil {
			return err
		}
	}
	return l.ask(c, time.Time{})
}

// percentile returns the latency that the share p of the requests did not
// exceed.
func (l *load) percentile(p float64) time.Duration {
	if len(l.lat) == 0 {
		return 0
	}
	slices.Sort(l.lat)
	return l.lat[min(int(p*float64(len(l.lat))), len(l.lat)-1)]
}
