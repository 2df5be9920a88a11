package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// backend serves the small page to whoever asks for anything, over connections
// that are kept. It has no thread of its own: the client answers for it between
// its own requests, so that both together cost as little as can be.
type backend struct {
	listener int
	answer   []byte
	fds      map[int]bool // open connections
	epoll    int          // of the present load
	in       [16 << 10]byte
}

func newBackend() (*backend, error) {
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
	answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nServer: back\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n", len(small))
	return &backend{listener: fd, answer: append(answer, small...), fds: map[int]bool{}}, nil
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
	if err := b.add(b.listener); err != nil {
		return err
	}
	for fd := range b.fds {
		if err := b.add(fd); err != nil {
			return err
		}
	}
	return nil
}

func (b *backend) add(fd int) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd), Pad: 1}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(b.epoll, unix.EPOLL_CTL_ADD, fd, &ev))
}

// serve deals with an event.
func (b *backend) serve(fd int) error {
	if fd == b.listener {
		c, _, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return nil // it has gone
		}
		_ = unix.SetsockoptInt(c, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		b.fds[c] = true
		return b.add(c)
	}
	n, err := receive(fd, b.in[:])
	switch {
	case err == unix.EAGAIN:
		return nil
	case err != nil || n == 0:
		delete(b.fds, fd)
		return unix.Close(fd)
	case !bytes.HasSuffix(b.in[:n], headEnd):
		return fmt.Errorf("a request in pieces: %.80q", b.in[:n])
	}
	_, err = send(fd, b.answer)
	return err
}

func (b *backend) close() {
	for fd := range b.fds {
		_ = unix.Close(fd)
	}
	_ = unix.Close(b.listener)
}
