package flow

import (
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Underlay is a socket as TLS on top of it sees it. A Conn on that TLS reads with
// the descriptor at hand, as it does without TLS: a read that would have to wait
// comes back, and only then the connection waits, with no buffer and, if it is
// parked, with no goroutine. The records of one write go out together, as far as
// the peer has room.
type Underlay struct {
	net.Conn
	head []byte          // has been read already
	raw  syscall.RawConn // nil: bytes go through net.Conn
	fd   uintptr
	now  bool // fd may be read, and must not be waited for

	more    atomic.Bool // what is written is followed by more at once
	out     []byte      // what is being written
	outErr  error
	writeFn func(fd uintptr) bool
}

// NewUnderlay returns s for TLS. head is what has been read from it already, and
// is copied.
func NewUnderlay(s net.Conn, head []byte) *Underlay {
	u := &Underlay{Conn: s, head: append([]byte(nil), head...), raw: rawConn(s)}
	u.writeFn = u.tryWrite
	return u
}

// NetConn returns the socket, as (*tls.Conn).NetConn does.
func (u *Underlay) NetConn() net.Conn { return u.Conn }

// Read reads what has been read already, and then the socket.
func (u *Underlay) Read(p []byte) (int, error) {
	if len(u.head) > 0 {
		n := copy(p, u.head)
		if u.head = u.head[n:]; len(u.head) == 0 {
			u.head = nil
		}
		return n, nil
	}
	if !u.now || len(p) == 0 {
		return u.Conn.Read(p)
	}
	for {
		n, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, u.fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), 0, 0, 0)
		switch {
		case e == unix.EINTR:
		case e == unix.EAGAIN:
			return 0, errAgain
		case e != 0:
			return 0, os.NewSyscallError("read", e)
		case n == 0:
			return 0, io.EOF
		default:
			return int(n), nil
		}
	}
}

// Write writes a record. TLS has one written at a time.
func (u *Underlay) Write(p []byte) (int, error) {
	if u.raw == nil || len(p) == 0 {
		return u.Conn.Write(p)
	}
	u.out, u.outErr = p, nil
	err := u.raw.Write(u.writeFn)
	if err == nil {
		err = u.outErr
	}
	left := len(u.out)
	u.out = nil
	return len(p) - left, err
}

// tryWrite is what the poller calls when there may be room to write.
func (u *Underlay) tryWrite(fd uintptr) bool {
	var flags uintptr = unix.MSG_NOSIGNAL
	if u.more.Load() {
		flags |= unix.MSG_MORE
	}
	for len(u.out) > 0 {
		n, _, e := unix.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&u.out[0])), uintptr(len(u.out)), flags, 0, 0)
		switch e {
		case 0:
			u.out = u.out[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			u.outErr = os.NewSyscallError("write", e)
			return true
		}
	}
	return true
}

// maxRecord is how much a record of TLS holds, in bytes.
const maxRecord = 16 << 10

// write writes p through the TLS on u, whose records are not sent one by one.
func (u *Underlay) write(tls net.Conn, p []byte) (n int, err error) {
	for len(p) > maxRecord && err == nil {
		var wrote int
		u.more.Store(true)
		wrote, err = tls.Write(p[:maxRecord])
		u.more.Store(false)
		n, p = n+wrote, p[wrote:]
	}
	if err == nil {
		var wrote int
		wrote, err = tls.Write(p)
		n += wrote
	}
	return n, err
}

// errAgain is what TLS is told when nothing has come. It takes only an error that
// is Temporary for one after which it can go on.
var errAgain again

type again struct{}

func (again) Error() string   { return ErrNotYet.Error() }
func (again) Timeout() bool   { return true }
func (again) Temporary() bool { return true }

// readNow reads the TLS on u, with the descriptor of its socket, and returns
// errAgain when that would have to wait.
func (u *Underlay) readNow(tls net.Conn, fd uintptr, p []byte) (int, error) {
	u.fd, u.now = fd, true
	n, err := tls.Read(p)
	u.now = false
	return n, err
}
