package flow

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// lookOp is a question about, or a request to, the descriptor.
type lookOp struct {
	what  lookKind
	yes   bool
	probe byte // what a look at the received bytes copies
}

type lookKind uint8

const (
	lookGone     lookKind = iota // has the client closed, or its half?
	lookUnread                   // is there something to read?
	lookReady                    // is there something to read, or the end?
	lookWritable                 // would a write not have to wait?
	lookShutdown                 // send FIN
)

// doLook is called with the descriptor.
func (k *socket) doLook(fd uintptr) {
	op := &k.look
	switch op.what {
	case lookGone:
		fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		n, err := unix.Poll(fds[:], 0)
		op.yes = err == nil && n > 0
	case lookUnread:
		n, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ)
		op.yes = err == nil && n > 0
	case lookReady:
		_, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&op.probe)), 1, unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
		op.yes = e != unix.EAGAIN
	case lookWritable:
		fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		n, err := unix.Poll(fds[:], 0)
		op.yes = err != nil || n > 0
	case lookShutdown:
		op.yes = unix.Shutdown(int(fd), unix.SHUT_WR) == nil
	}
}

// ask does a look operation; a closed or unknown descriptor answers otherwise.
func (k *socket) ask(what lookKind, otherwise bool) bool {
	if k.under == nil {
		return otherwise
	}
	k.look = lookOp{what: what}
	if err := k.under.Control(k.lookFn); err != nil {
		return otherwise
	}
	return k.look.yes
}

// ClientGone says whether the client has closed the connection or its sending
// half, one system call, without waiting and without taking bytes. nginx gives
// up a proxied request then (unless proxy_ignore_client_abort). A transport
// without a descriptor never says so.
func (c *Conn) ClientGone() bool { return c.sock.ask(lookGone, false) }

// Ready says whether a read would return at once, with bytes, the end or an
// error: one system call, without waiting and without taking bytes.
func (c *Conn) Ready() bool { return c.r < c.w || c.sock.ask(lookReady, false) }

// Unread says whether closing now would drop received bytes, which makes the kernel reset the connection: then CloseLinger is
// the way to close.
func (c *Conn) Unread() bool {
	return c.r < c.w || c.sock.ask(lookUnread, false)
}

// CloseLinger closes the connection so that the client gets the whole answer
// although it is still sending (nginx's lingering close): it sends FIN, then
// reads and drops until the client closes, lingerTimeout passes without a byte
// or lingerTime in all. A transport that can not close only its sending half is
// closed at once.
//
// "If a server performs an immediate close of a TCP connection, there is a
// significant risk that the client will not be able to read the last HTTP
// response. [...] a server typically closes a connection in stages" (RFC 9112
// section 9.6).
func (c *Conn) CloseLinger(lingerTime, lingerTimeout time.Duration) {
	defer c.Close()
	c.StopWatch()
	if !c.closeWrite() || lingerTime <= 0 {
		return
	}
	until := now() + int64(lingerTime)
	scratch := GetBuffer(SmallBuffer)
	defer PutBuffer(scratch)
	for {
		from := now()
		wait := min(time.Duration(until-from), lingerTimeout)
		if wait <= 0 {
			return
		}
		if _, err := c.readInto(scratch, from, wait); err != nil {
			return
		}
	}
}

// closeWrite ends the writing half: TLS says so first.
func (c *Conn) closeWrite() bool {
	if s, ok := c.s.(interface{ CloseWrite() error }); ok && c.sock.raw == nil {
		if s.CloseWrite() != nil {
			return false
		}
	}
	if c.sock.under != nil {
		return c.sock.ask(lookShutdown, false)
	}
	_, ok := c.s.(interface{ CloseWrite() error })
	return ok
}
