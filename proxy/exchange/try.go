package exchange

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"tandem/internal/flow"
	"tandem/internal/sock"
	"tandem/proxy/secure"
	"tandem/proxy/upstream"
	"tandem/web"
)

// outcome is how one try ended.
type outcome struct {
	code  web.Code
	retry bool // another peer is to be tried
}

// tries asks peers until one has answered or no more may be asked.
func (x *Exchange) tries() web.Code {
	for {
		o := x.try()
		if !o.retry {
			return o.code
		}
	}
}

// try asks one peer.
func (x *Exchange) try() outcome {
	x.beginTry()
	peer := x.selection.Next(x.tryBegan)
	if peer == nil {
		var o outcome
		if peer, o = x.awaitPeer(); peer == nil {
			return o
		}
	}
	x.state().peer = peer.Name
	x.bound.Chosen(x.Request, peer.SID)
	if o, ok := x.connect(peer); !ok {
		return o
	}
	if o, ok := x.sendRequest(); !ok {
		return o
	}
	if o, ok := x.readHead(); !ok {
		return o
	}
	return x.respond()
}

// beginTry opens a state for a new try.
func (x *Exchange) beginTry() {
	rec := x.record
	rec.states = append(rec.states, state{connect: -1, header: -1, response: -1})
	x.index = len(rec.states) - 1
	x.tryBegan = x.Request.Now()
	x.Head.Reset()
	x.Done, x.UntilClose, x.Reusable, x.Upgrade = false, false, false, false
	x.sent, x.received, x.cached = false, false, false
	x.sentAt, x.headLimited = time.Time{}, false
	x.unsent, x.rest, x.end, x.hints = nil, nil, 0, 0
}

// connect takes an idle connection to the peer, or makes one.
func (x *Exchange) connect(peer *upstream.Peer) (outcome, bool) {
	// Connections that were made alike are all the same; those over TLS only
	// if they were made for the same name with the same certificate.
	pool := x.Target.Group.Pool
	var tag any
	var id secure.Identity
	switch {
	case x.Target.TLS:
		id = x.Settings.TLS.Identify(x.Request, x.Target.Name, "")
		tag = id
	case pool != nil && pool.Local:
		tag = x.Settings
	}
	if pool != nil {
		if link := pool.Take(peer.Addr, tag); link != nil {
			c := link.(*Conn)
			c.sentBase = c.Sent()
			x.cached = true
			x.setConn(c)
			return x.connected(), true
		}
	}
	s, err := x.dial(peer.Addr)
	if err != nil {
		return x.connectFailed(err), false
	}
	c, err := x.wrap(s, id)
	if err != nil {
		_ = s.Close()
		x.log(logError, handshaking, "%v", err)
		x.finish(false)
		return outcome{code: 500}, false
	}
	if pool != nil {
		c.idle.Init(pool, c, peer.Addr, tag)
		c.poolable = true
	}
	x.setConn(c)
	if x.clientGone.Load() {
		return x.abandoned(), false
	}
	if c.tls != nil {
		if err := x.handshake(c); err != nil {
			return x.handshakeFailed(err), false
		}
	}
	return x.connected(), true
}

// wrap makes a Conn of a new connection.
func (x *Exchange) wrap(s *sock.Conn, id secure.Identity) (*Conn, error) {
	if !x.Target.TLS {
		return &Conn{Conn: flow.NewConn(s), net: s, began: x.tryBegan}, nil
	}
	client, err := x.Settings.TLS.Client(s, id)
	if err != nil {
		return nil, err
	}
	// A handshake that is cut short may get on badly with Nagle's algorithm.
	x.setNoDelay(s)
	return &Conn{Conn: flow.NewConn(client), net: s, tls: client, began: x.tryBegan}, nil
}

func (x *Exchange) connected() outcome {
	x.conn.requests++
	x.conn.SetSendTimeout(x.Settings.SendTimeout.V)
	x.conn.SetReadTimeout(x.Settings.ReadTimeout.V)
	s := x.state()
	if x.cached {
		s.connect = 0
	} else {
		x.Request.Waited()
		s.connect = x.Request.Now().Sub(x.tryBegan)
	}
	return outcome{}
}

func (x *Exchange) connectFailed(err error) outcome {
	if x.clientGone.Load() {
		return x.abandoned()
	}
	if isTimeout(err) {
		return x.nextTimeout(connecting)
	}
	level, to := logError, ""
	if peer := x.state().peer; strings.HasPrefix(peer, "unix:") {
		// Here all failures are immediate, and these have other words in nginx.
		to = " to " + peer
		if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.EAGAIN) {
			level = logCrit
		}
	}
	x.log(level, connecting, "connect()%s failed %s", to, errno(err))
	return x.next(OnError)
}

// failed ends a try in which reading or writing failed.
func (x *Exchange) failed(err error, call, action string) outcome {
	if x.clientGone.Load() {
		return x.abandoned()
	}
	if e, ok := err.(sendError); ok {
		err, call, action = e.error, "send()", sending
	}
	if action == sending && x.conn.sent() == 0 {
		x.sent = false // so that even a POST may go elsewhere
	}
	if errors.Is(err, net.ErrClosed) && x.sender != nil {
		<-x.sender.done // it has closed the connection, and says why
	}
	if o, ok := x.senderFailed(); ok {
		return o
	}
	switch {
	case isTimeout(err):
		return x.nextTimeout(action)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		x.log(logError, action, "upstream prematurely closed connection")
	default:
		x.log(logError, action, "%s failed %s", call, errno(err))
	}
	return x.next(OnError)
}

// readHead reads the head of the response into x.Head.
func (x *Exchange) readHead() (outcome, bool) {
	if x.Instant {
		if _, err := x.proto.ParseHead(nil); err != nil {
			return x.invalidHead(err), false
		}
		return outcome{}, true
	}
	limit := int(x.Settings.BufferSize.V)
	start := 0
	for {
		if x.end > start {
			n, err := x.proto.ParseHead(x.buf[start:x.end])
			switch {
			case err != nil:
				return x.invalidHead(err), false
			case n > 0 && x.Head.Status == 0:
				start += n
				continue
			case n > 0 && x.Head.Status == 103:
				if err := x.passEarlyHints(n); err != nil {
					x.Request.LogSendError(err)
					x.finish(false)
					return outcome{code: web.Error}, false
				}
				x.Head.Reset()
				start += n
				continue
			case n > 0:
				if n > limit {
					x.log(logError, readingHead, "upstream sent too big header")
					return x.next(OnInvalidHeader), false
				}
				x.headEnd = start + n
				x.rest = x.buf[x.headEnd:x.end]
				if x.headLimited {
					x.conn.SetReadTimeout(x.Settings.ReadTimeout.V)
				}
				return outcome{}, true
			}
		}
		if start > 0 {
			x.end = copy(x.buf, x.buf[start:x.end])
			start = 0
		}
		if x.end >= limit {
			x.log(logError, readingHead, "upstream sent too big header")
			return x.next(OnInvalidHeader), false
		}
		if x.received && !x.headInTime() {
			return x.nextTimeout(readingHead), false
		}
		n, err := x.read(x.buf[x.end:])
		if err != nil {
			return x.failed(err, "recv()", readingHead), false
		}
		x.received = true
		x.end += n
		x.state().received += int64(n)
	}
}

// headInTime has the read time-out limit the head as a whole, which has come in
// part: a back end that sends a byte now and then does not gain time by it. It
// reports false when that time is over.
func (x *Exchange) headInTime() bool {
	from := x.sentAt
	if x.sender == nil {
		from = x.tryBegan.Add(x.state().connect)
	} else if from.IsZero() {
		return true // the request is still being sent
	}
	left := x.Settings.ReadTimeout.V - time.Since(from)
	x.headLimited = true
	x.conn.SetReadTimeout(left)
	return left > 0
}

// invalidHead ends a try whose response cannot be understood.
func (x *Exchange) invalidHead(err error) outcome {
	x.log(logError, readingHead, "%v", err)
	return x.next(OnInvalidHeader)
}
