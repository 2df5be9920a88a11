package relay

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/flow"
)

// Options say how bytes are carried. The zero value has no limits.
type Options struct {
	// Timeout is how long nothing may go either way, 0: for ever.
	Timeout time.Duration
	// HalfClose: when one side has no more to send the other side is told, and
	// may go on. Otherwise the end of one is the end of both.
	HalfClose bool
	// Upload and Download are how many bytes a second are read from the client and
	// from the peer, 0: no limit. Buffer is how many at once then, 0: 16 KB.
	Upload, Download int64
	Buffer           int
}

// Side is one of the two connections.
type Side struct {
	// Conn is a socket, of package net or sock, or a *tls.Conn on a Wrapped one. It
	// is the Relay's from Start on, which closes it: its address is to be asked for
	// before. nil: FD is the descriptor of the socket, which is the Relay's as well.
	Conn net.Conn
	FD   int
	// Ahead is what has been read from Conn already.
	Ahead []byte
	// Received and Sent count the bytes from and to it; nil: nobody does.
	Received, Sent *atomic.Int64
}

func (s *Side) close() error {
	if s.Conn == nil {
		return unix.Close(s.FD)
	}
	return s.Conn.Close()
}

// End is how it ended.
type End uint8

// The ends of a Relay.
const (
	ClientEnded End = iota // the client had no more to send, or takes nothing
	PeerEnded
	TimedOut
	Closed // by Close or Reset
)

// Relay carries bytes between a client and a peer, from Start until it tells its
// end.
type Relay struct {
	loop      *loop
	token     uint64
	halfClose bool
	limit     time.Duration
	first     func()    // told of the first bytes of the peer, nil afterwards
	done      func(End) // nil when it has been told

	last  atomic.Int64 // when something went, by flow.Now
	timer *time.Timer

	mu       sync.Mutex // held by whoever moves bytes
	ends     [2]end     // of the client, and of the peer
	up, down half
	ended    bool
}

// Start carries bytes until one side ends. first, which may be nil, is called when
// the peer has sent something, and done once, just before both connections are
// closed; both by whoever notices, whom they must not keep waiting. When Start
// fails, done is not called, and the connections are closed.
func Start(o Options, client, peer Side, first func(), done func(End)) (*Relay, error) {
	l, err := pick()
	if err != nil {
		return nil, errors.Join(err, client.close(), peer.close())
	}
	r := &Relay{loop: l, halfClose: o.HalfClose, limit: o.Timeout, first: first, done: done}
	err = errors.Join(r.ends[0].take(client), r.ends[1].take(peer))
	if err != nil {
		r.closeSockets() // those that have been taken
		if r.ends[0].fd < 0 {
			_ = client.close()
		}
		if r.ends[1].fd < 0 {
			_ = peer.close()
		}
		return nil, err
	}
	plain := r.ends[0].tls == nil && r.ends[1].tls == nil
	size := o.Buffer
	if size == 0 {
		size = 16 << 10
	}
	r.up = half{r: r, from: &r.ends[0], to: &r.ends[1], rate: o.Upload, size: min(size, bufferSize), splices: plain && o.Upload == 0, pending: client.Ahead}
	r.down = half{r: r, from: &r.ends[1], to: &r.ends[0], rate: o.Download, size: min(size, bufferSize), splices: plain && o.Download == 0, pending: peer.Ahead}
	r.last.Store(flow.Now())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.token = l.add(r)
	for i := range r.ends {
		if err := l.watch(r.ends[i].fd, r.token+uint64(i)); err != nil {
			l.remove(r.token)
			r.ended = true
			r.closeSockets()
			return nil, err
		}
	}
	if r.limit > 0 {
		r.timer = time.AfterFunc(r.limit, r.look)
	}
	return r, nil
}

// event implements waiter.
func (r *Relay) event(side int, events uint32) {
	r.mu.Lock()
	sound := false
	defer func() {
		if !sound && !r.ended { // a panic, which the loop tells of
			r.ends[0].tls, r.ends[1].tls = nil, nil
			r.end(Closed)
		}
		r.mu.Unlock()
	}()
	r.happened(side, events)
	sound = true
}

func (r *Relay) happened(side int, events uint32) {
	if r.ended {
		return
	}
	e, from, to := &r.ends[side], &r.up, &r.down
	if side == 1 {
		from, to = to, from
	}
	if events&unix.EPOLLOUT != 0 {
		e.writable = true
	}
	if events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		e.hungUp, e.writable = true, true
	}
	if events&^unix.EPOLLOUT != 0 {
		e.readable = true
	}
	if e.readable {
		from.move()
	}
	// What waits for room, and what was not read because of it.
	if !r.ended && e.writable && to.waits() {
		to.move()
	}
}

// look ends the Relay if nothing has gone either way for too long.
func (r *Relay) look() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return
	}
	if r.up.resting != nil || r.down.resting != nil {
		r.touch()
	}
	if left := r.limit - time.Duration(flow.Now()-r.last.Load()); left > 0 {
		r.timer.Reset(left)
		return
	}
	r.end(TimedOut)
}

func (r *Relay) touch() { r.last.Store(flow.Now()) }

// Close ends it: both sides see the end of the connection. done is called before it
// returns, unless it has ended before.
func (r *Relay) Close() { r.cut(false) }

// Reset ends it at once: both sides see that the connection has been reset, and
// what they have not taken is lost.
func (r *Relay) Reset() { r.cut(true) }

func (r *Relay) cut(reset bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return
	}
	if reset {
		for i := range r.ends {
			_ = unix.SetsockoptLinger(r.ends[i].fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
			r.ends[i].tls = nil // no alert
		}
	}
	r.end(Closed)
}

// end ends it; r.mu is held.
func (r *Relay) end(how End) {
	r.ended = true
	if r.timer != nil {
		r.timer.Stop()
	}
	r.up.release()
	r.down.release()
	r.loop.remove(r.token)
	r.done(how)
	r.closeSockets()
}

func (r *Relay) closeSockets() {
	for i := range r.ends {
		r.ends[i].close()
	}
}

// end is one of the sockets.
type end struct {
	fd             int
	tls            *tls.Conn // nil without TLS
	socket         *Wrapped  // below it
	readable       bool      // there may be something to read
	writable       bool      // there may be room
	hungUp         bool      // the other side has sent its last, or an error
	received, sent *atomic.Int64
}

// take takes a connection over.
func (e *end) take(s Side) (err error) {
	e.fd, e.writable, e.received, e.sent = -1, true, s.Received, s.Sent
	conn := s.Conn
	if conn == nil {
		e.fd = s.FD
		return nil
	}
	if t, ok := conn.(*tls.Conn); ok {
		w, ok := t.NetConn().(*Wrapped)
		if !ok {
			return errors.ErrUnsupported
		}
		e.tls, e.socket, conn = t, w, w.Conn
		w.remote = w.Conn.RemoteAddr()
		e.readable = true // what has been received with the handshake is not told
	}
	if e.fd, err = takeDescriptor(conn); err == nil && e.socket != nil {
		e.socket.fd, e.socket.taken = e.fd, true
	}
	return err
}

func (e *end) close() {
	if e.fd < 0 {
		return
	}
	if e.tls != nil {
		_ = e.tls.Close() // an alert, as far as there is room for it
	}
	_ = unix.Close(e.fd)
	e.fd = -1
	if e.socket != nil {
		e.socket.fd, e.socket.failed = -1, net.ErrClosed
	}
}

func count(c *atomic.Int64, n int) {
	if c != nil {
		c.Add(int64(n))
	}
}
