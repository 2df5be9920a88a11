package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// client is one connection of a load.
type client struct {
	fd     int    // -1: none
	index  int32  // in load.conns
	head   []byte // what has come of a head that is not complete
	inBody bool
	left   int // bytes of the body that have not come
	due    time.Time
	two    *http2Client // nil: it speaks HTTP/1
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
	c.fd = fd
	if l.http2 != nil {
		if err := l.http2.greet(c, l.addr); err != nil {
			return err
		}
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return err
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: c.index}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &ev))
}

func (c *client) close() {
	if c.fd >= 0 {
		_ = unix.Close(c.fd)
		c.fd = -1
	}
}

// ask sends the request, which was due then.
func (l *load) ask(c *client, due time.Time) error {
	c.due = due
	if l.http2 != nil {
		return l.http2.ask(c, l.once)
	}
	if n, err := send(c.fd, l.request); err != nil || n != len(l.request) {
		return fmt.Errorf("writing a request: %w", err)
	}
	return nil
}

// answer reads what has come and checks it.
func (l *load) answer(c *client) error {
	if l.http2 != nil {
		return l.http2.answer(l, c)
	}
	n, err := receive(c.fd, l.in[:])
	if err == unix.EAGAIN {
		return nil
	}
	if err != nil {
		return err
	}
	if n == 0 {
		return errors.New("the server closed a connection")
	}
	in := l.in[:n]
	if !c.inBody {
		if in, err = l.readHead(c, in); err != nil || !c.inBody {
			return err
		}
	}
	at := len(l.wantBody) - c.left
	if len(in) > c.left || !bytes.Equal(in, l.wantBody[at:at+len(in)]) {
		return fmt.Errorf("a wrong body after %d answers", l.done)
	}
	if c.left -= len(in); c.left > 0 {
		return nil
	}
	c.inBody = false
	return l.complete(c)
}

var headEnd = []byte("\r\n\r\n")

// readHead looks for the end of the head and checks it; it returns what there is
// of the body.
func (l *load) readHead(c *client, in []byte) (body []byte, err error) {
	if len(c.head) > 0 {
		in = append(c.head, in...)
	}
	i := bytes.Index(in, headEnd)
	if i < 0 {
		c.head = append([]byte(nil), in...)
		return nil, nil
	}
	c.head = nil
	if !bytes.HasPrefix(in, []byte(l.wantStatus)) {
		return nil, fmt.Errorf("a wrong answer: %.80q", in)
	}
	text, ok := headerValue(in[:i+2], "Content-Length")
	if length, err := strconv.Atoi(string(text)); ok && (err != nil || length != len(l.wantBody)) || !ok && len(l.wantBody) > 0 {
		return nil, fmt.Errorf("an answer of the wrong length: %.200q", in)
	}
	c.inBody, c.left = true, len(l.wantBody)
	return in[i+len(headEnd):], nil
}

// headerValue returns the value of a header line of a head.
func headerValue(head []byte, name string) (value []byte, ok bool) {
	line := "\r\n" + name + ": "
	i := bytes.Index(head, []byte(line))
	if i < 0 {
		// HAProxy writes names in lower case.
		if i = bytes.Index(head, []byte(strings.ToLower(line))); i < 0 {
			return nil, false
		}
	}
	value, _, _ = bytes.Cut(head[i+len(line):], []byte("\r"))
	return value, true
}

// send and receive are system calls that cannot block, so that the scheduler
// need not know of them: the client is to cost little.
func send(fd int, p []byte) (int, error) {
	return call(unix.SYS_SENDTO, fd, p, unix.MSG_NOSIGNAL)
}

func receive(fd int, p []byte) (int, error) { return call(unix.SYS_RECVFROM, fd, p, 0) }

// poll returns the events that there are.
func poll(epoll int, events []unix.EpollEvent) (int, error) {
	n, _, e := unix.RawSyscall6(unix.SYS_EPOLL_WAIT, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}

func call(number uintptr, fd int, p []byte, flags uintptr) (int, error) {
	n, _, e := unix.RawSyscall6(number, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), flags, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}
