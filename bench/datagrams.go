package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// datagramClients is how many clients send datagrams, and datagramSize what each
// datagram has, in bytes.
const (
	datagramClients = 64
	datagramSize    = 512
)

// datagramLoad is clients that send datagrams, and the back end that sends them
// back, on one thread.
type datagramLoad struct {
	epoll, back int
	clients     []datagramClient
	window      int // datagrams of each client on their way
	done        int
	in          [2048]byte
	out         []byte
}

type datagramClient struct {
	fd       int
	last     uint32 // the number of the datagram sent last
	waiting  int
	restarts int
}

// runDatagrams returns what has so many datagrams of each client on their way.
func runDatagrams(window int) func(*bench, *contest, *peer) (float64, int, error) {
	return func(b *bench, t *contest, p *peer) (float64, int, error) {
		l := &datagramLoad{window: window, back: t.datagrams, out: bytes.Repeat([]byte("datagram"), datagramSize/8)}
		defer l.close()
		if err := l.open(t.servers[p].addr); err != nil {
			return 0, 0, err
		}
		// The first ones make the sessions.
		if err := l.run(100 * time.Millisecond); err != nil {
			return 0, 0, err
		}
		l.done = 0
		start := time.Now()
		err := l.run(b.duration)
		return float64(l.done) / time.Since(start).Seconds(), l.done, err
	}
}

// newDatagramBackend returns a socket of datagrams, and its address.
func newDatagramBackend() (int, string, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, "", os.NewSyscallError("socket", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return -1, "", os.NewSyscallError("bind", err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return -1, "", os.NewSyscallError("getsockname", err)
	}
	return fd, "127.0.0.1:" + strconv.Itoa(sa.(*unix.SockaddrInet4).Port), nil
}

func (l *datagramLoad) open(to netip.AddrPort) (err error) {
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	watch := func(fd, number int) error {
		return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(number)}))
	}
	if err := watch(l.back, -1); err != nil {
		return err
	}
	for i := range datagramClients {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		l.clients = append(l.clients, datagramClient{fd: fd})
		if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
			return os.NewSyscallError("connect", err)
		}
		if err := watch(fd, i); err != nil {
			return err
		}
	}
	return nil
}

func (l *datagramLoad) close() {
	for _, c := range l.clients {
		_ = unix.Close(c.fd)
	}
	_ = unix.Close(l.epoll)
}

// run sends and receives for a while. When nothing comes any more, what was on its
// way has been lost, and is sent again.
func (l *datagramLoad) run(d time.Duration) error {
	ready := make([]unix.EpollEvent, 128)
	last := time.Now()
	for start := last; last.Sub(start) < d; {
		for i := range l.clients {
			if c := &l.clients[i]; c.waiting == 0 {
				for range l.window {
					l.send(c)
				}
			}
		}
		n, err := unix.EpollWait(l.epoll, ready, 20)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("epoll_wait", err)
		}
		last = time.Now()
		if n <= 0 {
			for i := range l.clients {
				l.clients[i].waiting = 0
				if l.clients[i].restarts++; l.clients[i].restarts > 100 {
					return errors.New("nothing comes back")
				}
			}
			continue
		}
		for _, ev := range ready[:n] {
			if ev.Fd < 0 {
				l.echo()
			} else if err := l.receive(&l.clients[ev.Fd]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *datagramLoad) send(c *datagramClient) {
	c.last++
	binary.BigEndian.PutUint32(l.out, c.last)
	if _, err := send(c.fd, l.out); err == nil {
		c.waiting++
	}
}

// receive takes what has come back to a client, and sends as much again.
func (l *datagramLoad) receive(c *datagramClient) error {
	for {
		n, err := receive(c.fd, l.in[:])
		if err == unix.EAGAIN {
			return nil
		}
		if err != nil {
			return os.NewSyscallError("recv", err)
		}
		if n != datagramSize || !bytes.Equal(l.in[4:n], l.out[4:]) {
			return fmt.Errorf("a wrong datagram after %d", l.done)
		}
		if binary.BigEndian.Uint32(l.in[:]) > c.last {
			continue // a late one, of a client of an earlier round that had the same port
		}
		l.done++
		c.waiting = max(c.waiting-1, 0)
		if c.waiting < l.window {
			l.send(c)
		}
	}
}

// echo is the back end.
func (l *datagramLoad) echo() {
	var from unix.RawSockaddrInet4
	for range 64 {
		size := uint32(unsafe.Sizeof(from))
		n, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(l.back), uintptr(unsafe.Pointer(&l.in[0])), uintptr(len(l.in)), 0, uintptr(unsafe.Pointer(&from)), uintptr(unsafe.Pointer(&size)))
		if e != 0 {
			return
		}
		_, _, _ = unix.RawSyscall6(unix.SYS_SENDTO, uintptr(l.back), uintptr(unsafe.Pointer(&l.in[0])), n, unix.MSG_NOSIGNAL, uintptr(unsafe.Pointer(&from)), uintptr(size))
	}
}
