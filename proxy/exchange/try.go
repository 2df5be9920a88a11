package exchange

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"tandem/internal/sock"
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
	if o, ok := x.link.head(x); !ok {
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

func (x *Exchange) connectFailed(err error) outcome {
	if x.clientGone.Load() {
		return x.abandoned()
	}
	if isTimeout(err) {
		return x.nextTimeout(connecting)
	}
	if bind := (*sock.BindError)(nil); errors.As(err, &bind) {
		// No other peer would be better.
		x.log(logCrit, connecting, "%v", bind)
		x.finish(false)
		return outcome{code: 500}
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
	if x.link.unprocessed(x, err) {
		x.sent = false // so that even a POST may go elsewhere
	}
	if e, ok := err.(sendError); ok {
		err, call, action = e.error, "send()", sending
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
	case x.logStreamError(err, action):
		if x.sent {
			return x.next(OnInvalidHeader)
		}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		x.log(logError, action, "upstream prematurely closed connection")
	default:
		x.log(logError, action, "%s failed %s", call, errno(err))
	}
	return x.next(OnError)
}

// headTooBig ends a try whose response's head does not fit.
func (x *Exchange) headTooBig() outcome {
	x.log(logError, readingHead, "upstream sent too big header")
	return x.next(OnInvalidHeader)
}

// invalidHead ends a try whose response cannot be understood.
func (x *Exchange) invalidHead(err error) outcome {
	x.log(logError, readingHead, "%v", err)
	return x.next(OnInvalidHeader)
}
