package flow

import (
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Underlay is a socket as TLS on top of it sees it. A Conn on that TLS reads with
// the descriptor at hand, as it does without TLS: a read that would have to wait
// comes back, and only then the connection waits, with no buffer and, if it is
// parked, with no goroutine.
type Underlay struct {
	net.Conn
	head []byte          // has been read already
	raw  syscall.RawConn // nil: bytes go through net.Conn
	fd   uintptr
	now  bool // fd may be read, and must not be waited for
}

// NewUnderlay returns s for TLS. head is what has been read from it already, and
// is copied.
func NewUnderlay(s net.Conn, head []byte) *Underlay {
	return &Underlay{Conn: s, head: append([]byte(nil), head...), raw: rawConn(s)}
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
