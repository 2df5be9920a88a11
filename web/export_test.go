package web

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// NoDelay returns the TCP_NODELAY of the client's socket.
func (r *Request) NoDelay() (on bool, err error) {
	raw, err := r.client.Socket.(*net.TCPConn).SyscallConn()
	if err != nil {
		return false, err
	}
	controlErr := raw.Control(func(fd uintptr) {
		var v int
		v, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY)
		on = v != 0
	})
	return on, errors.Join(err, controlErr)
}

// Parked returns how many connections of the process are parked.
func Parked() int {
	parking.mu.Lock()
	defer parking.mu.Unlock()
	return len(parking.conns)
}
