package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// backend gives one answer to whoever asks for anything. It has no thread of its
// own: the client answers for it between its own requests, so that both together
// cost as little as can be.
type backend struct {
	listener      int
	answer        []byte
	closingAnswer []byte              // for those who do not keep the connection
	calls         *calls              // nil: the requests are those of HTTP/1
	asked         map[int]*backClient // by descriptor
	epoll         int                 // of the present load
	in            [64 << 10]byte
}

// backClient is an open connection.
type backClient struct {
	request []byte // what has come of a request that is not complete
	answer  []byte // what has not been sent of an answer
	waiting bool   // for room to send more
	closing bool   // after the answer
	greeted bool   // the preface of HTTP/2 has come
}

func newBackend(body []byte) (*backend, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(fd, 4096); err != nil {
		return nil, os.NewSyscallError("listen", err)
	}
	answer := func(more string) []byte {
		head := fmt.Sprintf("HTTP/1.1 200 OK\r\nServer: back\r\nContent-Type: text/html\r\nContent-Length: %d\r\n%s\r\n", len(body), more)
		return append([]byte(head), body...)
	}
	return &backend{listener: fd, answer: answer(""), closingAnswer: answer("Connection: close\r\n"), asked: map[int]*backClient{}}, nil
}

// addr returns the address that it listens on.
func (b *backend) addr() (string, error) {
	sa, err := unix.Getsockname(b.listener)
	if err != nil {
		return "", os.NewSyscallError("getsockname", err)
	}
	return "127.0.0.1:" + strconv.Itoa(sa.(*unix.SockaddrInet4).Port), nil
}

// watch has the events of all its connections come to epoll; those of a back
// end have a Pad.
func (b *backend) watch(epoll int) error {
	b.epoll = epoll
	if err := b.await(unix.EPOLL_CTL_ADD, b.listener, unix.EPOLLIN); err != nil {
		return err
	}
	for fd, c := range b.asked {
		events := uint32(unix.EPOLLIN)
		if c.waiting {
			events = unix.EPOLLOUT
		}
		if err := b.await(unix.EPOLL_CTL_ADD, fd, events); err != nil {
			return err
		}
	}
	return nil
}

func (b *backend) await(op, fd int, events uint32) error {
	ev := unix.EpollEvent{Events: events, Fd: int32(fd), Pad: 1}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(b.epoll, op, fd, &ev))
}

// serve deals with an event.
func (b *backend) serve(fd int) error {
	if fd == b.listener {
		return b.accept()
	}
	c := b.asked[fd]
	if c.waiting {
		return b.send(fd, c)
	}
	n, err := receive(fd, b.in[:])
	switch {
	case err == unix.EAGAIN:
		return nil
	case err != nil || n == 0:
		return b.forget(fd)
	}
	request := b.in[:n]
	if len(c.request) > 0 {
		request = append(c.request, request...)
	}
	if b.calls != nil {
		rest, answer, err := b.calls.take(c, request, c.answer)
		if err != nil {
			return err
		}
		c.request, c.answer = append([]byte(nil), rest...), answer
		if len(answer) == 0 {
			return nil
		}
		return b.send(fd, c)
	}
	complete, err := isComplete(request)
	if err != nil {
		return err
	}
	if !complete {
		c.request = append([]byte(nil), request...)
		return nil
	}
	c.request, c.answer = nil, b.answer
	if connection, _ := headerValue(request, "Connection"); string(connection) == "close" {
		c.answer, c.closing = b.closingAnswer, true
	}
	return b.send(fd, c)
}

func (b *backend) accept() error {
	fd, _, err := unix.Accept4(b.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return nil // it has gone
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	b.asked[fd] = &backClient{}
	return b.await(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN)
}

// sendMost is sent at a time, so that the client is not kept from what is due.
const sendMost = 128 << 10

// send goes on with an answer.
func (b *backend) send(fd int, c *backClient) error {
	n, err := send(fd, c.answer[:min(len(c.answer), sendMost)])
	if err != nil && err != unix.EAGAIN {
		return b.forget(fd)
	}
	c.answer = c.answer[max(n, 0):]
	switch {
	case len(c.answer) == 0 && c.closing:
		return b.forget(fd)
	case len(c.answer) > 0 == c.waiting:
		return nil
	case c.waiting:
		c.waiting = false
		return b.await(unix.EPOLL_CTL_MOD, fd, unix.EPOLLIN)
	}
	c.waiting = true
	return b.await(unix.EPOLL_CTL_MOD, fd, unix.EPOLLOUT)
}

func (b *backend) forget(fd int) error {
	delete(b.asked, fd)
	return unix.Close(fd)
}

// isComplete reports whether a request has its end.
func isComplete(request []byte) (bool, error) {
	i := bytes.Index(request, headEnd)
	if i < 0 {
		return false, nil
	}
	text, ok := headerValue(request[:i+2], "Content-Length")
	if !ok {
		return len(request) == i+len(headEnd), nil
	}
	length, err := strconv.Atoi(string(text))
	if err != nil {
		return false, fmt.Errorf("a request of an unknown length: %.200q", request)
	}
	return len(request) == i+len(headEnd)+length, nil
}

func (b *backend) close() {
	for fd := range b.asked {
		_ = unix.Close(fd)
	}
	_ = unix.Close(b.listener)
}
