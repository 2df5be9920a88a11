package exchange

import (
	"errors"
	"io"

	"tandem/web"
)

// relay sends the body of the response to the client.
func (x *Exchange) relay() web.Code {
	r := x.Request
	s := x.state()
	s.length += int64(len(x.rest))
	flush := !x.buffering
	if flush && len(x.rest) == 0 && !x.Done {
		if code := r.SendBody(web.Chunk{Flush: true}); code != web.OK {
			x.finish(false)
			return code
		}
	}
	for {
		for len(x.rest) > 0 {
			data, n, err := x.proto.ParseBody(x.rest)
			x.rest = x.rest[n:]
			if err != nil {
				return x.broken(err)
			}
			last := x.Done && len(x.rest) == 0
			if last {
				x.complete()
			}
			if len(data) == 0 && !last {
				continue
			}
			if code := r.SendBody(web.Chunk{Data: data, Flush: flush, Last: last}); code != web.OK || last {
				x.finish(false)
				return code
			}
		}
		if x.Done {
			x.complete()
			return r.SendBody(web.Chunk{Last: true})
		}
		if x.body == nil {
			x.body = getBuffer(largeBuffer)
		}
		n, err := x.conn.Read(x.body)
		if err != nil {
			return x.readFailed(err)
		}
		s.received += int64(n)
		s.length += int64(n)
		x.rest = x.body[:n]
	}
}

// complete ends the dealings with the peer after a whole response, before its
// last bytes are sent: the client may be slow.
func (x *Exchange) complete() {
	x.finish(true)
	x.addTrailers()
}

// addTrailers passes the trailers on, when told to.
func (x *Exchange) addTrailers() {
	if !x.Settings.PassTrailers.V {
		return
	}
	for i := range x.Head.Trailers {
		if f := &x.Head.Trailers[i]; !x.Settings.hidden.has(f) {
			x.Request.Response.AddTrailerBytes(f.Name, f.Value)
		}
	}
}

// readFailed deals with a body that has not come to its end.
func (x *Exchange) readFailed(err error) web.Code {
	eof := errors.Is(err, io.EOF)
	if eof && x.UntilClose {
		x.complete()
		return x.Request.SendBody(web.Chunk{Last: true})
	}
	switch {
	case x.clientGone.Load():
		return x.abandoned().code
	case eof:
		x.log(logError, reading, "upstream prematurely closed connection")
	case isTimeout(err):
		x.log(logError, reading, "upstream timed out (110: Connection timed out)")
	default:
		x.log(logError, reading, "recv() failed %s", errno(err))
	}
	return x.cutOff()
}

// broken deals with a body that cannot be understood.
func (x *Exchange) broken(err error) web.Code {
	x.log(logError, reading, "%v", err)
	return x.cutOff()
}

// cutOff sends what there is and ends the connection, so that the client can
// tell that the response is not complete.
func (x *Exchange) cutOff() web.Code {
	x.finish(false)
	_ = x.Request.SendBody(web.Chunk{Flush: true})
	return web.Error
}
