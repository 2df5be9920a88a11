package relay

import (
	"bytes"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/flow"
)

// half carries bytes one way.
type half struct {
	r        *Relay
	from, to *end
	rate     int64 // bytes a second, 0: no limit
	size     int   // of a read with a rate
	splices  bool  // the kernel may move what comes in bulk

	pending []byte // read, and not taken by the other side
	pipe    *pipe  // what comes fills buffers; nil: it does not
	inPipe  int

	read    int64       // bytes so far, for the rate
	begun   int64       // when the first ones were looked for, by flow.Now
	resting *time.Timer // until the rate allows more; nil: it does
	over    bool        // the source has no more, and the other side knows
}

// turn is how much is moved before others have their turn.
const turn = 1 << 20

// move carries what there is. The Relay's lock is held, and the loop's buffer is
// used: it is called on the loop's goroutine, or with nothing to read.
func (h *half) move() {
	if h.over || h.resting != nil {
		return
	}
	h.from.begin(h.r.loop)
	for moved := 0; ; {
		if !h.flush() || !h.from.readable {
			break
		}
		if moved >= turn {
			h.r.loop.again(h.from.fd, h.r.token+uint64(h.side()))
			break
		}
		limit, wait := h.allowed()
		if wait > 0 {
			h.rest(wait)
			break
		}
		n, err := h.carry(limit)
		if n > 0 {
			moved += n
			h.r.touch()
		}
		if err != nil {
			h.finish(err)
			break
		}
		if h.rate > 0 && n > 0 {
			h.read += int64(n)
			h.rest(time.Duration(int64(n) * int64(time.Second) / h.rate))
			break
		}
	}
	if !h.r.ended {
		h.from.pause()
	}
}

// side is the number of the source.
func (h *half) side() int {
	if h == &h.r.up {
		return 0
	}
	return 1
}

// waits reports whether something waits for the other side to take it, or was not
// read because of that.
func (h *half) waits() bool {
	return len(h.pending) > 0 || h.inPipe > 0 || h.to.tls != nil && len(h.to.socket.out) > 0
}

// carry reads once and writes what came. An error of reading is the source's end.
func (h *half) carry(limit int) (n int, err error) {
	if h.pipe != nil {
		return h.splice()
	}
	p := h.r.loop.buf
	if h.from.tls != nil {
		p = h.r.loop.plain
	}
	if limit > 0 {
		p = p[:min(limit, len(p))]
	}
	n, err = h.from.receive(p)
	if err == (errAgain{}) {
		h.from.readable = false
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	h.received(n)
	if n < len(p) && h.from.tls == nil && !h.from.hungUp {
		h.from.readable = false // what comes later is told
	}
	sent, err := h.to.send(p[:n])
	count(h.to.sent, sent)
	switch {
	case err == (errAgain{}):
		h.pending, h.to.writable = bytes.Clone(p[sent:n]), false
	case err != nil:
		return n, err
	case h.splices && n == len(p):
		h.pipe = getPipe()
		h.splices = h.pipe != nil
	}
	return n, nil
}

// received counts what has come.
func (h *half) received(n int) {
	count(h.from.received, n)
	if h == &h.r.down && h.r.first != nil {
		h.r.first()
		h.r.first = nil
	}
}

// flush gives the other side what it has not taken yet; false: some is left.
func (h *half) flush() bool {
	if t := h.to; t.tls != nil && len(t.socket.out) > 0 {
		if done, err := t.socket.flush(); err != nil {
			h.finish(err)
			return false
		} else if !done {
			t.writable = false
			return false
		}
		h.r.touch()
	}
	if len(h.pending) > 0 {
		n, err := h.to.send(h.pending)
		count(h.to.sent, n)
		if n > 0 {
			h.r.touch()
		}
		switch {
		case err == (errAgain{}):
			h.pending, h.to.writable = h.pending[n:], false
			return false
		case err != nil:
			h.finish(err)
			return false
		}
		h.pending = nil
	}
	if h.inPipe > 0 {
		if err := h.empty(); err != nil {
			h.finish(err)
			return false
		}
	}
	return h.inPipe == 0
}

// finish ends what goes this way, and mostly all.
func (h *half) finish(err error) {
	h.over = true
	if h.r.halfClose && err == io.EOF {
		if other := h.other(); !other.over {
			h.release()
			h.to.closeWrite()
			return
		}
	}
	how := ClientEnded
	if h == &h.r.down {
		how = PeerEnded
	}
	h.r.end(how)
}

func (h *half) other() *half {
	if h == &h.r.up {
		return &h.r.down
	}
	return &h.r.up
}

// allowed returns how much may be read now, 0 for any amount, or how long to wait
// before something may. It is nginx's reckoning, in whole seconds.
func (h *half) allowed() (limit int, wait time.Duration) {
	if h.rate == 0 {
		return 0, 0
	}
	now := flow.Now()
	if h.begun == 0 {
		h.begun = now
	}
	left := h.rate*(int64(time.Duration(now-h.begun)/time.Second)+1) - h.read
	if left > 0 {
		return int(min(left, int64(h.size))), 0
	}
	return 0, time.Duration(-left*int64(time.Second)/h.rate) + time.Millisecond
}

// rest has it wait, during which nothing counts as idle.
func (h *half) rest(d time.Duration) {
	h.resting = time.AfterFunc(d, func() {
		h.r.mu.Lock()
		defer h.r.mu.Unlock()
		if h.r.ended {
			return
		}
		h.resting = nil
		h.r.touch()
		// The buffer is the loop's, so it goes on there.
		h.r.loop.again(h.from.fd, h.r.token+uint64(h.side()))
	})
}

// release gives back what it holds.
func (h *half) release() {
	if h.resting != nil {
		h.resting.Stop()
	}
	h.pending = nil
	if h.pipe != nil {
		h.pipe.release(h.inPipe == 0)
		h.pipe = nil
	}
}

// begin has what TLS has kept, and its socket, be looked at.
func (e *end) begin(l *loop) {
	if e.socket != nil {
		e.socket.buf, e.socket.drain = l.buf, e.readable
	}
}

// pause keeps what has been received and not been read, for the loop's buffer will
// be used by others.
func (e *end) pause() {
	if e.socket != nil {
		e.socket.in, e.socket.buf = bytes.Clone(e.socket.in), nil
	}
}

// receive reads what there is.
func (e *end) receive(p []byte) (int, error) {
	if e.tls != nil {
		return e.tls.Read(p)
	}
	return receive(e.fd, p)
}

// send writes what the other side takes; over TLS it takes all, and waits until it
// has been sent.
func (e *end) send(p []byte) (int, error) {
	if e.tls == nil {
		return send(e.fd, p)
	}
	return e.tls.Write(p)
}

// closeWrite tells the other side that nothing more will come.
func (e *end) closeWrite() {
	if e.tls != nil {
		_ = e.tls.CloseWrite()
	}
	_ = unix.Shutdown(e.fd, unix.SHUT_WR) // it fails if the other side has gone
}
