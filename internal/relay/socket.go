package relay

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errAgain ends a read for which nothing has come. To package tls it is an error
// that passes.
type errAgain struct{}

func (errAgain) Error() string   { return "nothing has come" }
func (errAgain) Timeout() bool   { return true }
func (errAgain) Temporary() bool { return true }

// Wrapped is what a connection over TLS has to be made on so that it can be carried:
// until then it is the connection that it was made of.
type Wrapped struct {
	net.Conn

	taken  bool
	remote net.Addr // Conn's, which it does not know when it has been closed
	fd     int
	in     []byte // what has been received and not been asked for
	buf    []byte // the loop's, while it reads
	drain  bool   // in or the socket may have more
	out    []byte // what the socket has not taken
	failed error  // of a write
}

// Wrap makes a Wrapped of a connection.
func Wrap(c net.Conn) *Wrapped { return &Wrapped{Conn: c} }

// NetConn returns the connection below.
func (w *Wrapped) NetConn() net.Conn { return w.Conn }

// RemoteAddr is net.Conn's.
func (w *Wrapped) RemoteAddr() net.Addr {
	if w.taken {
		return w.remote
	}
	return w.Conn.RemoteAddr()
}

// Read is net.Conn's.
func (w *Wrapped) Read(p []byte) (int, error) {
	if !w.taken {
		return w.Conn.Read(p)
	}
	if len(w.in) == 0 {
		if !w.drain {
			return 0, errAgain{}
		}
		n, err := receive(w.fd, w.buf)
		if err != nil {
			return 0, err
		}
		w.drain = n == len(w.buf)
		w.in = w.buf[:n]
	}
	n := copy(p, w.in)
	w.in = w.in[n:]
	return n, nil
}

// Write is net.Conn's. What the socket does not take is kept.
func (w *Wrapped) Write(p []byte) (int, error) {
	if !w.taken {
		return w.Conn.Write(p)
	}
	if w.failed != nil {
		return 0, w.failed
	}
	n := 0
	if len(w.out) == 0 {
		var err error
		if n, err = send(w.fd, p); err != nil && err != (errAgain{}) {
			w.failed = err
			return 0, err
		}
	}
	w.out = append(w.out, p[n:]...)
	return len(p), nil
}

// Close is net.Conn's. A connection that is carried is closed by who carries it.
func (w *Wrapped) Close() error {
	if w.taken {
		return nil
	}
	return w.Conn.Close()
}

// SetDeadline is net.Conn's, like the other two; carrying has no deadlines.
func (w *Wrapped) SetDeadline(t time.Time) error {
	if w.taken {
		return nil
	}
	return w.Conn.SetDeadline(t)
}

// SetReadDeadline is net.Conn's.
func (w *Wrapped) SetReadDeadline(t time.Time) error {
	if w.taken {
		return nil
	}
	return w.Conn.SetReadDeadline(t)
}

// SetWriteDeadline is net.Conn's.
func (w *Wrapped) SetWriteDeadline(t time.Time) error {
	if w.taken {
		return nil
	}
	return w.Conn.SetWriteDeadline(t)
}

// flush sends what has been kept; done: nothing is left.
func (w *Wrapped) flush() (done bool, err error) {
	for len(w.out) > 0 {
		n, err := send(w.fd, w.out)
		if err == (errAgain{}) {
			return false, nil
		}
		if err != nil {
			w.failed = err
			return false, err
		}
		w.out = w.out[n:]
	}
	w.out = nil
	return true, nil
}

// takeDescriptor takes the socket of a connection, which is closed: another
// descriptor of the same socket is the caller's.
func takeDescriptor(c net.Conn) (int, error) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return -1, errors.ErrUnsupported
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	controlErr := raw.Control(func(f uintptr) { fd, err = unix.FcntlInt(f, unix.F_DUPFD_CLOEXEC, 0) })
	if err = errors.Join(controlErr, err); err != nil {
		return -1, err
	}
	_ = c.Close() // its descriptor alone
	return fd, nil
}

// receive reads what has come; the error is errAgain, io.EOF, or the kernel's. The
// call does not wait, so the scheduler need not know of it.
func receive(fd int, p []byte) (int, error) {
	for {
		n, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0)
		switch e {
		case 0:
			if n == 0 {
				return 0, io.EOF
			}
			return int(n), nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, errAgain{}
		default:
			return 0, os.NewSyscallError("recv", e)
		}
	}
}

// send writes what the socket takes; the error is errAgain if that is not all, or
// the kernel's.
func send(fd int, p []byte) (int, error) {
	sent := 0
	for sent < len(p) {
		n, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[sent])), uintptr(len(p)-sent), unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, 0, 0)
		switch e {
		case 0:
			sent += int(n)
		case unix.EINTR:
		case unix.EAGAIN:
			return sent, errAgain{}
		default:
			return sent, os.NewSyscallError("send", e)
		}
	}
	return sent, nil
}
