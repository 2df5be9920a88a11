package exchange

import (
	"errors"
	"io"
	"os"
	"time"

	"tandem/internal/contain"
	"tandem/internal/flow"
)

// sender sends a request body on a goroutine of its own, because the response
// may come before all of it has been sent.
type sender struct {
	x    *Exchange
	link link
	done chan struct{} // closed when nothing more is sent

	// Valid once done is closed.
	complete   bool  // the whole body has been sent
	clientErr  error // the client's body could not be read
	timedOut   bool  // the back end took nothing for the send time-out
	size       int64 // of the client's body so far
	tooLarge   bool  // size is more than client_max_body_size
	sendFailed error
}

// maxPiece is how large the pieces of a request body are at most, in bytes.
const maxPiece = largeBuffer

// sendRequest sends the request, or begins to.
func (x *Exchange) sendRequest() (outcome, bool) {
	x.sent = true
	if err := x.link.begin(x); err != nil {
		return x.failed(sendError{err}, "send()", sending), false
	}
	return outcome{}, true
}

// SendsBody reports whether a body that has been read follows the request.
func (x *Exchange) SendsBody() bool {
	body := &x.Request.Main.Body
	return !x.OwnBody && x.Settings.PassRequestBody.V && body.Read && body.Len > 0
}

// wholeBody returns the body that follows the request, unless it is sent as it
// comes: in memory or in a file.
func (x *Exchange) wholeBody() (data []byte, file *os.File, n int64) {
	if len(x.OwnData) > 0 {
		return x.OwnData, nil, int64(len(x.OwnData))
	}
	if x.Streams || !x.SendsBody() {
		return nil, nil, 0
	}
	body := &x.Request.Main.Body
	return body.Data, body.File, body.Len
}

// startSender has send run on another goroutine. While the request is being
// sent there is no time limit for the response.
func (x *Exchange) startSender(send func(*sender) error) {
	s := &sender{x: x, link: x.link, done: make(chan struct{})}
	x.sender = s
	x.link.setReadTimeout(0)
	go func() {
		defer close(s.done)
		if err := contain.Run("sending a request to a back end", func() { s.sendFailed = send(s) }); err != nil {
			s.sendFailed = err
			_ = s.link.line().Close()
		}
		switch {
		case s.sendFailed == nil:
			s.complete = true
			if x.Streams && !x.keepsOn() {
				x.Request.WatchClient(x.gone)
			}
			// From now on the response is waited for with a limit.
			s.link.interrupt()
		case isTimeout(s.sendFailed) && s.clientErr == nil:
			s.timedOut = true
			_ = s.link.line().Close()
		case s.clientErr != nil, s.tooLarge:
			_ = s.link.line().Close()
		}
	}()
}

// windowPiece is a third of the window that streams have unless the back end says
// otherwise: pieces of that size end where it ends.
const windowPiece = (1<<16 - 1) / 3

var errTooLarge = errors.New("request body too large")

// streamBody sends the client's body as it comes.
func (x *Exchange) streamBody(s *sender) error {
	r := x.Request
	reader := r.BodyReader()
	limit := r.Core.ClientMaxBodySize.V
	whole := getBuffer(largeBuffer)
	defer putBuffer(whole)
	buf := whole
	if x.streams != nil {
		buf = whole[:windowPiece]
	}
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
			if err := s.link.piece(x, buf[:n], last); err != nil {
				return err
			}
		}
		if last {
			return nil
		}
	}
}

// sendPieces sends a body that has been read, piece by piece.
func (x *Exchange) sendPieces(s *sender) error {
	data, file, size := x.wholeBody()
	var buf []byte
	if file != nil {
		buf = getBuffer(maxPiece)
		defer putBuffer(buf)
	}
	for off := int64(0); off < size; {
		n := min(size-off, maxPiece)
		piece := buf
		if file == nil {
			piece = data[off:]
		} else if _, err := file.ReadAt(piece[:n], off); err != nil {
			_ = s.link.line().Close()
			return err
		}
		off += n
		if err := s.link.piece(x, piece[:n], off == size); err != nil {
			return err
		}
	}
	return nil
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
		_ = s.link.line().Close()
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

// read reads from the back end. When the request has been sent meanwhile, the
// wait begins anew, with the time-out for responses.
func (x *Exchange) read(p []byte) (int, error) {
	x.Request.Waited()
	for {
		n, err := x.link.read(x, p)
		if err != flow.ErrInterrupted {
			return n, err
		}
		x.senderDone()
	}
}

// senderDone has the time-out for responses begin when the request has been sent.
func (x *Exchange) senderDone() {
	<-x.sender.done
	x.link.resume()
	x.link.setReadTimeout(x.Settings.ReadTimeout.V)
	x.sentAt = time.Now()
}
