package exchange

import (
	"errors"
	"io"
	"time"

	nc "tandem/nginxconf"
	"tandem/proxy/answer"
	"tandem/web"
	"tandem/web/openfile"
)

// relay sends the body of the response to the client. A copy is also made
// without a client.
func (x *Exchange) relay() web.Code {
	r := x.Request
	s := x.state()
	s.length += int64(len(x.rest))
	x.limitRate()
	ended := web.OK // what the client's part came to
	wanted := !r.HeaderOnly
	switch {
	case !wanted || x.Done:
	case x.Buffering:
		r.WhenSlow(x.slow)
		defer r.WhenSlow(nil)
	case len(x.rest) == 0:
		if code := r.SendBody(web.Chunk{Flush: true}); code != web.OK {
			x.finish(false)
			return code
		}
	}
	x.withHead = !x.Buffering
	for {
		for len(x.rest) > 0 {
			data, n, err := x.proto.ParseBody(x.rest)
			x.rest = x.rest[n:]
			if err != nil {
				return x.readFailed(err)
			}
			x.copyBody(data)
			last := x.Done && len(x.rest) == 0
			if last {
				x.complete()
			}
			switch {
			case !wanted && last:
				return ended
			case !wanted || len(data) == 0 && !last:
				continue
			}
			x.Request.Waited()
			code := r.SendBody(web.Chunk{Data: data, Flush: !x.Buffering, Last: last})
			switch {
			case last:
				return code
			case x.spool != nil && code == web.OK:
				return x.drain(x.spool)
			case x.spool != nil:
				x.leave(x.spool)
				return code
			case code != web.OK && x.copy == nil:
				x.finish(false)
				return code
			case code != web.OK:
				wanted, ended = false, code
			}
		}
		if x.Done {
			x.complete()
			if !wanted {
				return ended
			}
			return r.SendBody(web.Chunk{Last: true})
		}
		if x.body == nil {
			x.body = x.bodyBuffer()
		}
		n, err := x.readBody(x.body)
		if err != nil {
			return x.readFailed(err)
		}
		x.rest, x.withHead = x.body[:n], false
	}
}

// readBody reads more of the response, no faster than the limit allows. The
// end of a body that ends with the connection is no error; it sets Done.
func (x *Exchange) readBody(p []byte) (int, error) {
	if x.rate > 0 {
		var err error
		if p, err = x.awaitRate(p); err != nil {
			return 0, err
		}
	}
	n, err := x.read(p)
	if err == io.EOF && x.UntilClose {
		x.Done = true
		return 0, nil
	}
	s := x.state()
	s.received += int64(n)
	s.length += int64(n)
	if x.rate > 0 {
		x.rateNext = time.Now().Add(time.Duration(n) * time.Second / time.Duration(x.rate))
	}
	return n, err
}

// bodyBuffer returns the memory for what is read of the body: what the head
// leaves of its own, from the next cache line on, or else a buffer.
func (x *Exchange) bodyBuffer() []byte {
	const line = 64
	if at := (x.headEnd + line - 1) &^ (line - 1); len(x.buf)-at >= largeBuffer/2 {
		return x.buf[at:]
	}
	return getBuffer(largeBuffer)
}

// limitRate settles how fast the response is read; without buffering there is
// no limit, as in nginx.
func (x *Exchange) limitRate() {
	t := x.Settings.LimitRate.V
	if t == nil || !x.Buffering {
		return
	}
	if n, err := nc.ParseSize(string(t.Value(&x.Request.Session))); err == nil && n > 0 {
		x.rate = n
	}
}

// awaitRate waits until the limit allows to read more, and returns as much of p
// as it allows.
func (x *Exchange) awaitRate(p []byte) ([]byte, error) {
	if x.rateFrom.IsZero() {
		x.rateFrom = time.Now()
	}
	for {
		now := time.Now()
		allowed := x.rate*(int64(now.Sub(x.rateFrom)/time.Second)+1) - x.state().length
		wait := x.rateNext.Sub(now)
		if allowed <= 0 {
			wait = max(wait, time.Duration(-allowed+1)*time.Second/time.Duration(x.rate))
		}
		if wait <= 0 {
			return p[:min(int64(len(p)), allowed)], nil
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-x.left:
			t.Stop()
			return nil, errClientLeft
		}
	}
}

var errClientLeft = errors.New("client left")

// complete ends the dealings with the peer after a whole response, before its
// last bytes are sent: the client may be slow.
func (x *Exchange) complete() {
	if x.spool == nil {
		x.keepCopy()
	}
	x.finish(true)
	if x.Settings.Answers.PassTrailers.V {
		x.CopyTrailers(x.Request, &x.Settings.Answers)
	}
}

// readFailed deals with a body that has not come to its end, or cannot be
// understood: what has come is sent, and then the connection is closed, so
// that the client can tell that the response is not complete.
func (x *Exchange) readFailed(err error) web.Code {
	if x.clientGone.Load() {
		return x.abandoned().code
	}
	x.logReadError(err)
	x.finish(false)
	_ = x.Request.SendBody(web.Chunk{Flush: true})
	return web.Error
}

// logReadError says why a body has not come to its end.
func (x *Exchange) logReadError(err error) {
	var bad *answer.BadField
	var file *fileError
	switch {
	case errors.As(err, &bad):
		x.log(logError, reading, "%v", err)
	case errors.As(err, &file):
		x.log(logCrit, reading, "%s", openfile.ChangeError(file.error))
	case x.logStreamError(err, reading):
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		x.log(logError, reading, "upstream prematurely closed connection")
	case isTimeout(err):
		x.log(logError, reading, "upstream timed out (110: Connection timed out)")
	default:
		x.log(logError, reading, "recv() failed %s", errno(err))
	}
}
