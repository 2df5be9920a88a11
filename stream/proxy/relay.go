package proxy

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"tandem/internal/contain"
	"tandem/internal/errorlog"
	"tandem/internal/flow"
	"tandem/stream"
)

// pair is a client and a peer between which bytes go both ways.
type pair struct {
	x      *call
	up     half // from the client
	down   half // from the peer
	halves bool // the end of one half does not end the other: proxy_half_close

	limit time.Duration // without a byte either way, 0: none
	last  atomic.Int64  // when one went, by flow.Now
	timer *time.Timer
	idle  atomic.Bool // limit has passed
	ended atomic.Bool // both halves are to end
	first atomic.Pointer[half]
}

// relay carries bytes both ways until there are no more.
func (x *call) relay() stream.Code {
	x.Doing("proxying connection")
	client := x.Conn
	p := &pair{x: x, halves: x.c.halfClose.V, limit: x.c.timeout.V}
	p.up = half{pair: p, src: client, dst: x.conn, rate: x.rate(x.c.upload.V), received: x.CountReceived, sent: func(n int64) { x.sent.Add(n) }}
	p.down = half{pair: p, src: x.conn, dst: client, rate: x.rate(x.c.download.V), received: x.receivedFirst, sent: x.CountSent}
	if err := x.sendFirst(); err != nil {
		x.Failf(errorlog.Info, "send() failed (%s)", errorlog.Reason(err))
		return stream.StatusOK
	}
	p.touch()
	if p.limit > 0 {
		p.timer = time.AfterFunc(p.limit, p.look)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer contain.Recover("a session of stream")
		p.up.run()
	}()
	p.down.run()
	<-done
	if p.timer != nil {
		p.timer.Stop()
	}
	switch who := p.first.Load(); {
	case p.idle.Load():
		x.Failf(errorlog.Info, "connection timed out (110: Connection timed out)")
	case who == &p.up:
		x.Notef(errorlog.Info, "client disconnected%s", x.appendBytes(nil))
	case who == &p.down:
		x.Notef(errorlog.Info, "upstream disconnected%s", x.appendBytes(nil))
	}
	return stream.StatusOK
}

// sendFirst sends the peer its PROXY header.
func (x *call) sendFirst() error {
	if x.c.proxyProtocol.V == 0 || x.proxied {
		return nil
	}
	_ = x.conn.SetWriteDeadline(time.Now().Add(x.c.timeout.V))
	_, err := x.conn.Write(x.appendProxyHeader(nil))
	_ = x.conn.SetWriteDeadline(time.Time{})
	return err
}

// receivedFirst counts bytes that have come from the peer.
func (x *call) receivedFirst(n int64) {
	if x.received.Add(n) == n && n > 0 {
		now := time.Now()
		x.state().first = now.Sub(x.tried)
		x.selection.HeaderReceived(now)
	}
}

func (p *pair) touch() { p.last.Store(flow.Now()) }

// look ends the pair if nothing has gone either way for too long.
func (p *pair) look() {
	if left := p.limit - time.Duration(flow.Now()-p.last.Load()); left > 0 {
		p.timer.Reset(left)
		return
	}
	p.idle.Store(true)
	p.end()
}

// end has both halves end.
func (p *pair) end() {
	p.ended.Store(true)
	for _, c := range []net.Conn{p.up.src, p.down.src} {
		_ = c.SetDeadline(time.Unix(1, 0))
	}
}

// half carries bytes one way.
type half struct {
	pair           *pair
	src, dst       net.Conn
	rate           int64 // bytes a second, 0: no limit
	received, sent func(int64)
	read           int64 // bytes so far
	begun          time.Time
}

// run carries bytes until the source has no more, or one of the sides fails.
func (h *half) run() {
	p := h.pair
	h.begun = time.Now()
	err := h.carry()
	if p.ended.Load() {
		return
	}
	if err == io.EOF && p.halves {
		closeWrite(h.dst)
		p.first.CompareAndSwap(nil, h)
		return
	}
	p.first.CompareAndSwap(nil, h)
	p.end()
}

// carry is run without what follows; io.EOF: the source has no more.
func (h *half) carry() error {
	r, err := newMover(h.src, h.dst, int(h.pair.x.c.buffer.V), h.rate == 0)
	if err != nil {
		return err
	}
	defer r.release()
	for {
		limit, wait := h.allowed()
		if wait > 0 {
			h.rest(wait)
			if h.pair.ended.Load() {
				return nil
			}
			continue
		}
		n, err := r.read(limit)
		if n > 0 {
			h.received(n)
			h.read += n
			h.pair.touch()
			if _, err := r.write(h.sent); err != nil {
				return errWrite{err}
			}
			h.pair.touch()
			if h.rate > 0 {
				h.rest(time.Duration(n * int64(time.Second) / h.rate))
			}
		}
		if err != nil {
			return endOf(err)
		}
	}
}

// errWrite is the error of a side that takes nothing any more.
type errWrite struct{ error }

// endOf returns the error of a read as the end that nginx takes it for: a side
// that has gone has no more to say.
func endOf(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return io.EOF
}

// allowed returns how much may be read now, 0 for any amount, or how long to wait
// before something may. It is nginx's reckoning, in whole seconds.
func (h *half) allowed() (limit int64, wait time.Duration) {
	if h.rate == 0 {
		return 0, 0
	}
	seconds := int64(time.Since(h.begun)/time.Second) + 1
	if limit = h.rate*seconds - h.read; limit > 0 {
		return limit, 0
	}
	return 0, time.Duration(-limit*int64(time.Second)/h.rate) + time.Millisecond
}

// rest waits, during which nothing counts as idle.
func (h *half) rest(d time.Duration) {
	const step = 50 * time.Millisecond
	for ; d > 0 && !h.pair.ended.Load(); d -= step {
		time.Sleep(min(d, step))
		h.pair.touch()
	}
}

// closeWrite tells the other side that nothing will come any more.
func closeWrite(c net.Conn) {
	if t, ok := c.(interface{ CloseWrite() error }); ok {
		_ = t.CloseWrite()
	}
	for {
		under, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = under.NetConn()
	}
	if raw, err := c.(syscall.Conn).SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = syscall.Shutdown(int(fd), syscall.SHUT_WR) })
	}
}
