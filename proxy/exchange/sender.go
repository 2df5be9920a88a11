package exchange

import (
	"errors"
	"io"
	"time"

	"tandem/internal/contain"
	"tandem/internal/flow"
)

// sender sends a request body on a goroutine of its own, because the response
// may come before all of it has been sent.
type sender struct {
	x    *Exchange
	conn *Conn
	done chan struct{} // closed when nothing more is sent

	// Valid once done is closed.
	complete   bool  // the whole body has been sent
	clientErr  error // the client's body could not be read
	timedOut   bool  // the back end took nothing for the send time-out
	size       int64 // of the client's body so far
	tooLarge   bool  // size is more than client_max_body_size
	sendFailed error
}

// inlineBody is how large a request body is sent at most before the response
// is looked at; so much fits into a socket's buffer.
const inlineBody = 32 << 10

// smallBody is how large a request body is sent at most together with the head
// by the first read, into whose buffer it is copied.
const smallBody = 4 << 10

// sendRequest sends the request, or begins to; one that is small is left to
// read.
func (x *Exchange) sendRequest() (outcome, bool) {
	x.sent = true
	var err error
	body := &x.Request.Main.Body
	switch {
	case x.Streams:
		x.setNoDelay(x.conn.net)
		if _, err = x.conn.Writev(x.out, x.early); err == nil {
			x.startSender(x.streamBody)
		}
	case !x.SendsBody():
		if x.Instant {
			_, err = x.conn.Write(x.out)
		} else {
			x.unsent = x.out
		}
	case body.File == nil && body.Len <= inlineBody && x.Framed:
		before, after := x.proto.FrameBody(nil, nil, body.Len, true)
		_, err = x.conn.Writev(x.out, before, body.Data, after)
	case body.File == nil && body.Len <= smallBody:
		x.unsent = append(x.out, body.Data...)
		x.out = x.unsent[:len(x.out)]
	case body.File == nil && body.Len <= inlineBody:
		_, err = x.conn.Writev(x.out, body.Data)
	default:
		x.setNoDelay(x.conn.net) // a short last piece may follow another
		if _, err = x.conn.WriteMore(x.out); err == nil {
			x.startSender(x.sendBody)
		}
	}
	if err != nil {
		return x.failed(err, "send()", sending), false
	}
	return outcome{}, true
}

// SendsBody reports whether a body that has been read follows the request.
func (x *Exchange) SendsBody() bool {
	body := &x.Request.Main.Body
	return !x.OwnBody && x.Settings.PassRequestBody.V && body.Read && body.Len > 0
}

// startSender has send run on another goroutine. While the request is being
// sent there is no time limit for the response.
func (x *Exchange) startSender(send func(*sender) error) {
	s := &sender{x: x, conn: x.conn, done: make(chan struct{})}
	x.sender = s
	x.conn.SetReadTimeout(0)
	go func() {
		defer close(s.done)
		if err := contain.Run("sending a request to a back end", func() { s.sendFailed = send(s) }); err != nil {
			s.sendFailed = err
			_ = s.conn.net.Close()
		}
		switch {
		case s.sendFailed == nil:
			s.complete = true
			if x.Streams && !x.keepsOn() {
				x.Request.WatchClient(x.gone)
			}
			// From now on the response is waited for with a limit.
			s.conn.InterruptRead()
		case isTimeout(s.sendFailed) && s.clientErr == nil:
			s.timedOut = true
			_ = s.conn.net.Close()
		case s.clientErr != nil, s.tooLarge:
			_ = s.conn.net.Close()
		}
	}()
}

// sendBody sends a body that has been read.
func (x *Exchange) sendBody(s *sender) error {
	body := &x.Request.Main.Body
	var err error
	if x.Framed {
		return x.sendFramed(s)
	}
	if body.File == nil {
		_, err = s.conn.Write(body.Data)
	} else {
		_, err = s.conn.SendFile(body.File, 0, body.Len)
	}
	return err
}

var errTooLarge = errors.New("request body too large")

// streamBody sends the client's body as it comes.
func (x *Exchange) streamBody(s *sender) error {
	r := x.Request
	reader := r.BodyReader()
	limit := r.Core.ClientMaxBodySize.V
	buf := getBuffer(largeBuffer)
	defer putBuffer(buf)
	var before, after []byte
	s.size = r.Body.Len
	for {
		n, err := reader.Read(buf)
		for err == nil && n < len(buf) && !r.BodyComplete() {
			// What has come together goes on together.
			var more int
			if more, err = r.ReadBodyNow(buf[n:]); err == flow.ErrNotYet {
				err = nil
				break
			}
			n += more
		}
		last := err == io.EOF
		if err != nil && !last {
			s.clientErr = err
			return err
		}
		if s.size += int64(n); limit > 0 && s.size > limit {
			s.tooLarge = true
			return errTooLarge
		}
		last = last || r.BodyComplete()
		if n > 0 || last {
			before, after = x.proto.FrameBody(before[:0], after[:0], int64(n), last)
			if _, err := s.conn.Writev(before, buf[:n], after); err != nil {
				return err
			}
		}
		if last {
			return nil
		}
	}
}

// maxFrame is how large the pieces of a request body are at most, in bytes,
// that a protocol frames.
const maxFrame = largeBuffer

// sendFramed sends a body that has been read, in the protocol's framing.
func (x *Exchange) sendFramed(s *sender) error {
	body := &x.Request.Main.Body
	var buf []byte
	if body.File != nil {
		buf = getBuffer(maxFrame)
		defer putBuffer(buf)
	}
	var before, after []byte
	for off := int64(0); off < body.Len; {
		n := min(body.Len-off, maxFrame)
		piece := buf
		if body.File == nil {
			piece = body.Data[off:]
		} else if _, err := body.File.ReadAt(piece[:n], off); err != nil {
			_ = s.conn.net.Close()
			return err
		}
		off += n
		before, after = x.proto.FrameBody(before[:0], after[:0], n, off == body.Len)
		if _, err := s.conn.Writev(before, piece[:n], after); err != nil {
			return err
		}
	}
	return nil
}

// frameEarlyBody gives the beginning of a body that is sent as it comes, which
// came together with the head, the protocol's framing.
func (x *Exchange) frameEarlyBody() {
	for data := x.Request.Body.Data; len(data) > 0; {
		n := min(len(data), maxFrame)
		before, after := x.proto.FrameBody(nil, nil, int64(n), false)
		x.early = append(append(append(x.early, before...), data[:n]...), after...)
		data = data[n:]
	}
}

// stopSender ends the sending of the request body and waits for that.
func (x *Exchange) stopSender() {
	s := x.sender
	if s == nil {
		return
	}
	select {
	case <-s.done:
	default:
		_ = s.conn.net.Close()
		if x.Streams {
			x.Request.InterruptBody()
		}
		<-s.done
		if x.Streams {
			x.Request.ResumeBody()
		}
	}
	x.sender = nil
	if x.Streams && !s.complete {
		// The rest of the body stands between this request and the next.
		x.Request.CloseAfter()
	}
}

// sentAll reports whether the whole request has been sent.
func (x *Exchange) sentAll() bool {
	if x.sender == nil {
		return true
	}
	select {
	case <-x.sender.done:
		return x.sender.complete
	default:
		return false
	}
}

// senderFailed is how a try ends whose request body could not be sent; ok is
// false when that is not why it failed.
func (x *Exchange) senderFailed() (o outcome, ok bool) {
	s := x.sender
	if s == nil {
		return o, false
	}
	select {
	case <-s.done:
	default:
		return o, false
	}
	r := x.Request
	switch {
	case s.tooLarge:
		x.finish(false)
		return outcome{code: r.BodyTooLarge(s.size)}, true
	case s.clientErr != nil:
		x.finish(false)
		return outcome{code: r.BodyError(s.clientErr)}, true
	case s.timedOut:
		return x.nextTimeout(sending), true
	}
	return o, false
}

// sendError says that the request could not be sent.
type sendError struct{ error }

// read reads from the back end, after it has sent what sendRequest left to it.
// When the request has been sent meanwhile, the wait begins anew, with the
// time-out for responses. Without p it reads into x.buf, which is got when
// something has come.
func (x *Exchange) read(p []byte) (int, error) {
	x.Request.Waited()
	request := x.unsent
	x.unsent = nil
	for {
		n, sent, err := x.conn.Ask(request, p, x.room)
		switch {
		case !sent:
			return 0, sendError{err}
		case err != flow.ErrInterrupted:
			return n, err
		}
		<-x.sender.done
		x.conn.ResumeRead()
		x.conn.SetReadTimeout(x.Settings.ReadTimeout.V)
		x.sentAt = time.Now()
	}
}

// makeBuffer gets x.buf. It is larger than a head may be, so that a body that
// comes with the head is not read, and sent, in two pieces; but not where
// messages between frames would count as parts of the head.
func (x *Exchange) makeBuffer() []byte {
	size := int(x.Settings.BufferSize.V)
	if x.conn.tls == nil && x.Settings.LimitRate.V == nil && !x.Framed {
		size = max(size, largeBuffer)
	}
	x.buf = getBuffer(size)
	return x.buf
}
