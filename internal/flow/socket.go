package flow

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"tandem/internal/sock"
)

// socket is the file descriptor under a TCP or unix connection. It makes
// system calls itself, inside the runtime's poller: they never block, so the
// scheduler need not be told of them, and a deadline is looked at only when one
// would have blocked. The functions given to the poller are made once per Conn,
// so that no operation allocates.
type socket struct {
	c     *Conn
	raw   syscall.RawConn // nil: bytes go through net.Conn
	under syscall.RawConn // the descriptor even under TLS, to look at; may be nil
	// reads is waited for when the connection is read: raw, or what the TLS on
	// underlay is read with; nil: reading goes through net.Conn.
	reads    syscall.RawConn
	underlay *Underlay

	readFn, writeFn func(fd uintptr) bool
	lookFn          func(fd uintptr)

	in   readOp
	out  writeOp
	look lookOp
}

// readOp is the read being done.
type readOp struct {
	p       []byte
	room    func() []byte // returns p, if there is none yet
	ask     []byte        // Ask: what is to be written before anything is read
	n       int
	err     error
	from    int64 // when the wait began, 0 for not yet
	timeout time.Duration
	idle    bool // Wait: into the connection's buffer, given back while waiting
	first   bool // together with idle: Interrupt does not end the wait
	once    bool // do not wait
}

// ErrNotYet ends a read that may not wait.
var ErrNotYet = errors.New("nothing received")

// reset takes over s. Only the plain socket types are used directly: what
// embeds one may do something of its own in Read and Write.
func (k *socket) reset(c *Conn, s net.Conn) {
	if k.c == nil {
		k.c = c
		k.readFn, k.writeFn, k.lookFn = k.tryRead, k.tryWrite, k.doLook
	}
	k.raw, k.under, k.reads, k.underlay = nil, nil, nil, nil
	if s == nil {
		return
	}
	if raw := rawConn(s); raw != nil {
		k.raw, k.under, k.reads = raw, raw, raw
		return
	}
	// Below TLS there may be what has read the beginning of the handshake.
	for k.under == nil {
		t, ok := s.(interface{ NetConn() net.Conn })
		if !ok {
			return
		}
		s = t.NetConn()
		if u, ok := s.(*Underlay); ok && u.raw != nil {
			k.reads, k.underlay = u.raw, u
		}
		k.under = rawConn(s)
	}
}

func rawConn(s net.Conn) syscall.RawConn {
	var raw syscall.RawConn
	var err error
	switch s := s.(type) {
	case *net.TCPConn:
		raw, err = s.SyscallConn()
	case *net.UnixConn:
		raw, err = s.SyscallConn()
	case *sock.Conn:
		raw, err = s.SyscallConn()
	}
	if err != nil {
		return nil
	}
	return raw
}

// read does k.in.
func (k *socket) read() (int, error) {
	n, err := k.readOrWait()
	if c := k.c; c.state.Load()&(stateIdle|stateWaiting) != 0 {
		c.state.And(^uint32(stateIdle | stateWaiting))
	}
	return n, err
}

func (k *socket) readOrWait() (int, error) {
	c, op := k.c, &k.in
	for {
		op.n, op.err = 0, nil
		err := k.reads.Read(k.readFn)
		if err == nil {
			op.p = nil
			return op.n, op.err
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			op.p = nil
			return 0, err
		}
		if op.from == 0 {
			op.from = now()
		}
		if err = c.expired(op.from, op.timeout, op.idle && !op.first); err != nil {
			if err != ErrClosing {
				op.p = nil
				return 0, err
			}
			// A request may have come together with the interruption.
			op.once = true
		}
	}
}

// expired is called when the read deadline has fired on a wait that began at
// from. It returns nil when that was too early; then the deadline is armed
// again.
func (c *Conn) expired(from int64, timeout time.Duration, idle bool) error {
	if timeout > 0 && now() >= from+int64(timeout) {
		return os.ErrDeadlineExceeded
	}
	c.read.armed = 1 // long ago
	if c.state.Load()&stateNoRead != 0 && !idle {
		return ErrInterrupted
	}
	if err := c.read.arm(from, timeout, c.s.SetReadDeadline); err != nil {
		return err
	}
	if idle && c.state.Load()&stateInterrupted != 0 {
		return ErrClosing
	}
	return nil
}

// tryRead is what the poller calls when there may be something to read.
func (k *socket) tryRead(fd uintptr) bool {
	c, op := k.c, &k.in
	if op.idle {
		if c.buf == nil {
			c.buf = GetBuffer(SmallBuffer)
		}
		op.p = c.buf
	}
	if len(op.ask) > 0 {
		return k.tryAsk(fd)
	}
	if op.p == nil {
		op.p = op.room()
	}
	if k.underlay != nil {
		if op.n, op.err = k.underlay.readNow(c.s, fd, op.p); op.n == 0 && errors.Is(op.err, errAgain) {
			op.err = nil
			return k.wait()
		} else if op.n > 0 {
			op.err = nil
		}
		return true
	}
	for {
		// recvfrom finds the socket on a shorter way than read, which would work
		// on any file.
		n, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&op.p[0])), uintptr(len(op.p)), 0, 0, 0)
		switch e {
		case 0:
			if op.n = int(n); n == 0 {
				op.err = io.EOF
			}
			return true
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return k.wait()
		}
		op.err = os.NewSyscallError("read", e)
		return true
	}
}

// tryAsk writes op.ask, and has the answer waited for without having looked for
// it: nothing that comes after the poller has begun to read is overlooked. What
// does not fit into the socket's buffer stays in op.ask.
func (k *socket) tryAsk(fd uintptr) bool {
	c, op := k.c, &k.in
	for {
		n, _, e := unix.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&op.ask[0])), uintptr(len(op.ask)), unix.MSG_NOSIGNAL, 0, 0)
		switch e {
		case 0:
			c.sent += int64(n)
			if op.ask = op.ask[n:]; len(op.ask) > 0 {
				return true
			}
			return k.wait()
		case unix.EINTR:
			continue
		case unix.EAGAIN:
		default:
			op.err = os.NewSyscallError("write", e)
		}
		return true
	}
}

// wait prepares for waiting, and returns true when it comes to nothing.
func (k *socket) wait() bool {
	c, op := k.c, &k.in
	if op.idle {
		PutBuffer(c.buf)
		c.buf, op.p = nil, nil
		// The order matters: Interrupt either sees an idle connection and wakes
		// it after the deadline has been armed, or it is seen below.
		if !op.first {
			c.state.Or(stateIdle)
		}
	}
	if op.once {
		op.err = ErrNotYet
		return true
	}
	if op.from == 0 {
		op.from = now()
	}
	if op.err = c.read.arm(op.from, op.timeout, c.s.SetReadDeadline); op.err != nil {
		return true
	}
	if op.idle && !op.first && c.state.Load()&stateInterrupted != 0 {
		op.err = ErrClosing
		return true
	}
	c.state.Or(stateWaiting)
	return false
}

// readInto reads at least one byte into p, which must have room. The wait
// began at from, and where from is 0 when it begins.
func (c *Conn) readInto(p []byte, from int64, timeout time.Duration) (int, error) {
	if c.sock.reads != nil {
		c.sock.in = readOp{p: p, from: from, timeout: timeout, once: c.now}
		return c.sock.read()
	}
	if c.now {
		return 0, ErrNotYet
	}
	if from == 0 {
		from = now()
	}
	for {
		if err := c.read.arm(from, timeout, c.s.SetReadDeadline); err != nil {
			return 0, err
		}
		if c.state.Load()&stateNoRead != 0 {
			return 0, ErrInterrupted
		}
		n, err := c.s.Read(p)
		if n > 0 {
			return n, nil
		}
		if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
			err = c.expired(from, timeout, false)
		}
		if err != nil {
			return 0, err
		}
	}
}
