package proxy

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// mover moves bytes from one connection to another. While it waits it holds no
// buffer; what comes in bulk the kernel moves, where it can.
type mover struct {
	src, dst net.Conn
	in, out  syscall.RawConn // of sockets without TLS; nil with it
	size     int
	bulk     bool // splice may be used
	tryRead  func(fd uintptr) bool
	tryWrite func(fd uintptr) bool
	limit    int
	n        int // what has been read, or is still to be written from the pipe
	err      error
	buf      []byte
	pipe     *pipe // nil unless what comes fills buffers
	written  int
}

// newMover returns what moves bytes from src to dst, through buffers of a size.
func newMover(src, dst net.Conn, size int, bulk bool) (*mover, error) {
	m := &mover{src: src, dst: dst, size: size, in: rawOf(src), out: rawOf(dst)}
	m.bulk = bulk && m.in != nil && m.out != nil
	m.tryRead, m.tryWrite = m.readNow, m.writeNow
	return m, nil
}

// rawOf returns the socket of a connection without TLS, else nil.
func rawOf(c net.Conn) syscall.RawConn {
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// release gives back what the mover holds.
func (m *mover) release() {
	m.putBuffer()
	m.putPipe(m.n == 0)
}

// read waits for bytes, of which it takes limit at most, 0 for no limit. They are
// to be written before the next read.
func (m *mover) read(limit int64) (int64, error) {
	m.limit = m.size
	if limit > 0 {
		m.limit = int(min(limit, int64(m.size)))
	}
	if m.in == nil {
		m.getBuffer()
		n, err := m.src.Read(m.buf[:m.limit])
		m.n = n
		return int64(n), err
	}
	m.n, m.err = 0, nil
	if err := m.in.Read(m.tryRead); err != nil {
		return 0, err
	}
	return int64(m.n), m.err
}

// spliceSize is how much is moved at a time: what a pipe holds.
const spliceSize = 1 << 20

// readNow is what the poller calls when there may be something.
func (m *mover) readNow(fd uintptr) bool {
	for {
		var n int
		var err error
		if m.pipe != nil {
			var moved int64
			moved, err = unix.Splice(int(fd), nil, m.pipe.w, nil, spliceSize, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
			n = int(moved)
		} else {
			m.getBuffer()
			n, err = unix.Read(int(fd), m.buf[:m.limit])
		}
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			m.putBuffer()
			m.putPipe(true)
			return false
		case err != nil:
			m.err = os.NewSyscallError("recv", err)
		case n == 0:
			m.err = io.EOF
		default:
			m.n = n
		}
		return true
	}
}

// write writes what has been read, and tells sent of it as it goes.
func (m *mover) write(sent func(int64)) (int64, error) {
	if m.pipe != nil {
		total := int64(m.n)
		for m.n > 0 {
			m.written, m.err = 0, nil
			if err := m.out.Write(m.tryWrite); err != nil {
				return 0, err
			}
			if m.err != nil {
				return 0, m.err
			}
			m.n -= m.written
			sent(int64(m.written))
		}
		return total, nil
	}
	n, err := m.dst.Write(m.buf[:m.n])
	sent(int64(n))
	full := m.n == m.size
	m.n = 0
	if err == nil && full && m.bulk {
		m.putBuffer()
		m.getPipe()
	}
	return int64(n), err
}

// writeNow is what the poller calls when the pipe may be emptied.
func (m *mover) writeNow(fd uintptr) bool {
	for {
		n, err := unix.Splice(m.pipe.r, nil, int(fd), nil, m.n, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		switch err {
		case nil:
			m.written = int(n)
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return false
		default:
			m.err = os.NewSyscallError("send", err)
		}
		return true
	}
}

var buffers sync.Pool // of *[]byte

func (m *mover) getBuffer() {
	if m.buf != nil {
		return
	}
	if p, ok := buffers.Get().(*[]byte); ok && cap(*p) >= m.size {
		m.buf = (*p)[:m.size]
		return
	}
	m.buf = make([]byte, m.size)
}

func (m *mover) putBuffer() {
	if m.buf != nil {
		b := m.buf
		m.buf = nil
		buffers.Put(&b)
	}
}

// pipe is one of the kernel's.
type pipe struct{ r, w int }

// pipes are kept for who moves in bulk next, at most maxPipes.
var pipes = make(chan *pipe, maxPipes)

const maxPipes = 64

func (m *mover) getPipe() {
	select {
	case m.pipe = <-pipes:
		return
	default:
	}
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		m.bulk = false
		return
	}
	_, _ = unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, spliceSize)
	m.pipe = &pipe{fds[0], fds[1]}
}

// putPipe gives the pipe back, or closes it if there is something in it.
func (m *mover) putPipe(empty bool) {
	p := m.pipe
	if p == nil {
		return
	}
	m.pipe = nil
	if empty {
		select {
		case pipes <- p:
			return
		default:
		}
	}
	_ = unix.Close(p.r)
	_ = unix.Close(p.w)
}
