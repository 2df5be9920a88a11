package relay

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// pipe is one of the kernel's, through which it moves bytes from socket to socket.
type pipe struct{ r, w int }

// pipeSize is how much is moved at a time.
const pipeSize = 1 << 20

// pipes are kept for who moves in bulk next.
var pipes = make(chan *pipe, 64)

// getPipe returns an empty pipe, nil if there is none.
func getPipe() *pipe {
	select {
	case p := <-pipes:
		return p
	default:
	}
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		return nil
	}
	_, _ = unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, pipeSize) // it may be smaller
	return &pipe{fds[0], fds[1]}
}

// release gives the pipe back, or closes it if there is something in it.
func (p *pipe) release(empty bool) {
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

// splice has the kernel move what there is, through the pipe, which is empty; it is
// given back when nothing comes.
func (h *half) splice() (int, error) {
	n, err := spliceOnce(h.from.fd, h.pipe.w, pipeSize)
	switch {
	case err == unix.EAGAIN:
		h.from.readable = false
		h.pipe.release(true)
		h.pipe = nil
		return 0, nil
	case err != nil:
		return 0, os.NewSyscallError("recv", err)
	case n == 0:
		return 0, io.EOF
	}
	h.received(n)
	h.inPipe = n
	return n, h.empty()
}

// empty has the other side take what is in the pipe.
func (h *half) empty() error {
	for h.inPipe > 0 {
		n, err := spliceOnce(h.pipe.r, h.to.fd, h.inPipe)
		switch {
		case err == unix.EAGAIN:
			h.to.writable = false
			return nil
		case err != nil:
			return os.NewSyscallError("send", err)
		}
		h.inPipe -= n
		count(h.to.sent, n)
		h.r.touch()
	}
	return nil
}

func spliceOnce(from, to, most int) (int, error) {
	for {
		n, err := unix.Splice(from, nil, to, nil, most, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		if err != unix.EINTR {
			return int(n), err
		}
	}
}
