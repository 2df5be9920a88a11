package flow

import (
	"errors"
	"io"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxVectors is how many buffers one writev takes.
const maxVectors = 8

// writeOp is the write being done: p, or vectors, or a part of a file.
type writeOp struct {
	p       []byte
	flags   uintptr
	vectors [maxVectors]unix.Iovec
	count   int // of vectors
	file    int
	off     int64
	left    int64 // of the file
	probe   byte  // what cached reads

	n    int64 // written so far
	err  error
	from int64 // when the present wait began, 0 for not waiting
}

// Write writes p. It returns an error exactly when it wrote less: the
// transport's, or os.ErrDeadlineExceeded when the send time-out passed between
// two successful writes.
func (c *Conn) Write(p []byte) (int, error) { return c.writeFlags(p, 0) }

// WriteMore is Write for bytes that more bytes follow at once: a socket then
// keeps an incomplete packet back, for at most a fifth of a second, and sends it
// together with them.
func (c *Conn) WriteMore(p []byte) (int, error) { return c.writeFlags(p, unix.MSG_MORE) }

func (c *Conn) writeFlags(p []byte, flags uintptr) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if c.sock.raw == nil {
		n, err := c.writeStream(p)
		return n, err
	}
	op := &c.sock.out
	op.p, op.flags = p, flags
	n, err := c.sock.write()
	op.p = nil
	return int(n), err
}

// Writev writes the buffers one after the other, without copying where the
// transport is a socket.
func (c *Conn) Writev(bufs ...[]byte) (int64, error) { return c.WriteBuffers(bufs) }

// WriteBuffers is Writev of a slice, which it leaves as it is.
func (c *Conn) WriteBuffers(bufs [][]byte) (int64, error) {
	var total int64
	if c.sock.raw == nil {
		return c.writeJoined(bufs)
	}
	op := &c.sock.out
	for len(bufs) > 0 {
		op.count = 0
		for len(bufs) > 0 && op.count < maxVectors {
			if p := bufs[0]; len(p) > 0 {
				v := &op.vectors[op.count]
				v.Base = &p[0]
				v.SetLen(len(p))
				op.count++
			}
			bufs = bufs[1:]
		}
		if op.count == 0 {
			break
		}
		n, err := c.sock.write()
		used := op.vectors[:]
		clear(used)
		op.count = 0
		if total += n; err != nil {
			return total, err
		}
	}
	return total, nil
}

// writeJoined is WriteBuffers where every write has its price, as in TLS, whose
// receiver sees the records one by one: small buffers are written together.
func (c *Conn) writeJoined(bufs [][]byte) (int64, error) {
	joined := GetBuffer(largeBuffer)
	defer PutBuffer(joined)
	var total int64
	held := 0
	flush := func() error {
		n, err := c.writeStream(joined[:held])
		total, held = total+int64(n), 0
		return err
	}
	for _, p := range bufs {
		if len(p) > len(joined)-held && held > 0 {
			if err := flush(); err != nil {
				return total, err
			}
		}
		if len(p) > len(joined) {
			n, err := c.writeStream(p)
			if total += int64(n); err != nil {
				return total, err
			}
			continue
		}
		held += copy(joined[held:], p)
	}
	if held == 0 {
		return total, nil
	}
	return total, flush()
}

// File is an open file that SendFile reads.
type File interface {
	io.ReaderAt
	Fd() uintptr
}

// SendFile writes n bytes of f from offset off, with sendfile(2) where the
// transport is a socket; f's own offset is neither used nor moved, and f must
// not be closed meanwhile. A file that ends early is io.ErrUnexpectedEOF.
func (c *Conn) SendFile(f File, off, n int64) (int64, error) {
	if n <= 0 {
		return 0, nil
	}
	if c.sock.raw == nil {
		return c.copyFile(f, off, n)
	}
	op := &c.sock.out
	op.file, op.off, op.left = int(f.Fd()), off, n
	sent, err := c.sock.write()
	op.left = 0
	runtime.KeepAlive(f)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		// A file system without it.
		var rest int64
		rest, err = c.copyFile(f, off+sent, n-sent)
		sent += rest
	}
	return sent, err
}

// copyFile is SendFile through a buffer.
func (c *Conn) copyFile(f File, off, n int64) (int64, error) {
	buf := GetBuffer(largeBuffer)
	defer PutBuffer(buf)
	var total int64
	for total < n {
		got, err := f.ReadAt(buf[:min(n-total, int64(len(buf)))], off+total)
		if got == 0 {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return total, err
		}
		wrote, err := c.Write(buf[:got])
		if total += int64(wrote); err != nil {
			return total, err
		}
	}
	return total, nil
}

// write does k.out until all is written.
func (k *socket) write() (int64, error) {
	c, op := k.c, &k.out
	op.n, op.err, op.from = 0, nil, 0
	for {
		err := k.raw.Write(k.writeFn)
		if err == nil {
			err = op.err
			c.sent += op.n
			return op.n, err
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if op.from == 0 {
				op.from = now()
			}
			if c.sendWait <= 0 || now() < op.from+int64(c.sendWait) {
				c.write.armed = 1 // long ago
				if err = c.write.arm(op.from, c.sendWait, c.s.SetWriteDeadline); err == nil {
					continue
				}
			} else {
				err = os.ErrDeadlineExceeded
			}
		}
		c.sent += op.n
		return op.n, err
	}
}

// sendfileStep is how much one sendfile call may send: a thread is held while
// it reads from disk.
const sendfileStep = 1 << 20

// sendFile sends the next part of the file. When that is in memory the scheduler
// is not told of the call: it would give the processor's other work to another
// thread after 20 us, only for the two to be in each other's way. What has to
// come from the disk is waited for like that.
func (op *writeOp) sendFile(fd uintptr) (int, unix.Errno) {
	n := min(op.left, sendfileStep)
	if op.inMemory(op.off, n) {
		sent, _, e := unix.RawSyscall6(unix.SYS_SENDFILE, fd, uintptr(op.file), uintptr(unsafe.Pointer(&op.off)), uintptr(n), 0, 0)
		return int(sent), e
	}
	sent, err := unix.Sendfile(int(fd), op.file, &op.off, int(n))
	e, _ := err.(unix.Errno)
	return sent, e
}

// readAhead is how much the kernel reads from a disk at a time: where two bytes
// that far apart are in memory, what is between them will be, too.
const readAhead = 128 << 10

// inMemory reports whether n bytes of the file can be read without the disk,
// as far as one byte in each readAhead and the last one tell.
func (op *writeOp) inMemory(off, n int64) bool {
	for at := off; at < off+n-1; at += readAhead {
		if !op.cached(at) {
			return false
		}
	}
	return op.cached(off + n - 1)
}

// cached reports whether one byte of the file is in memory.
func (op *writeOp) cached(off int64) bool {
	op.vectors[0] = unix.Iovec{Base: &op.probe, Len: 1}
	n, _, _ := unix.RawSyscall6(unix.SYS_PREADV2, uintptr(op.file), uintptr(unsafe.Pointer(&op.vectors)), 1, uintptr(off), 0, unix.RWF_NOWAIT)
	return n == 1
}

// tryWrite is what the poller calls when there may be room to write.
func (k *socket) tryWrite(fd uintptr) bool {
	c, op := k.c, &k.out
	for {
		var n int
		var e unix.Errno
		switch {
		case op.left > 0:
			if n, e = op.sendFile(fd); n == 0 && e == 0 {
				op.err = io.ErrUnexpectedEOF
				return true
			}
		case op.count > 0:
			var r uintptr
			r, _, e = unix.RawSyscall(unix.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&op.vectors)), uintptr(op.count))
			n = int(r)
		default:
			var r uintptr
			r, _, e = unix.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&op.p[0])), uintptr(len(op.p)),
				unix.MSG_NOSIGNAL|op.flags, 0, 0)
			n = int(r)
		}
		switch e {
		case 0:
			op.from = 0
			op.n += int64(n)
			if op.advance(n) {
				return true
			}
		case unix.EINTR:
		case unix.EAGAIN:
			c.Slow()
			if op.from == 0 {
				op.from = now()
			}
			op.err = c.write.arm(op.from, c.sendWait, c.s.SetWriteDeadline)
			return op.err != nil
		default:
			op.err = os.NewSyscallError("write", e)
			return true
		}
	}
}

// advance takes n written bytes off what is to be written, and says whether
// nothing is left.
func (op *writeOp) advance(n int) bool {
	switch {
	case op.left > 0:
		op.left -= int64(n)
		return op.left == 0
	case op.count > 0:
		done := 0
		for done < op.count && n >= int(op.vectors[done].Len) {
			n -= int(op.vectors[done].Len)
			done++
		}
		op.count = copy(op.vectors[:], op.vectors[done:op.count])
		if op.count == 0 {
			return true
		}
		v := &op.vectors[0]
		v.Base = (*byte)(unsafe.Add(unsafe.Pointer(v.Base), n))
		v.SetLen(int(v.Len) - n)
		return false
	}
	op.p = op.p[n:]
	return len(op.p) == 0
}

// writeStream writes to a transport without a descriptor of its own. Its
// deadline must be there before the write, so it is moved only when a sixteenth
// of the time-out is gone.
func (c *Conn) writeStream(p []byte) (int, error) {
	if c.sendWait > 0 {
		from := now()
		want := from + int64(c.sendWait)
		if c.write.armed < want {
			c.write.armed = want + min(int64(c.sendWait)/16, maxSlack)
			if err := c.s.SetWriteDeadline(epoch.Add(time.Duration(c.write.armed))); err != nil {
				return 0, err
			}
		}
	} else if c.write.armed != 0 {
		c.write.armed = 0
		if err := c.s.SetWriteDeadline(time.Time{}); err != nil {
			return 0, err
		}
	}
	if c.slow != nil && !c.sock.ask(lookWritable, true) {
		c.Slow()
	}
	var n int
	var err error
	if u := c.sock.underlay; u != nil && len(p) > maxRecord {
		n, err = u.write(c.s, p)
	} else {
		n, err = c.s.Write(p)
	}
	c.sent += int64(n)
	if n < len(p) && err == nil {
		err = io.ErrShortWrite
	}
	return n, err
}
