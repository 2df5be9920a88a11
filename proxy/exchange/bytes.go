package exchange

import (
	"time"
)

// begin sends the request, or begins to; one that is small is left to read.
func (c *Conn) begin(x *Exchange) error {
	var err error
	body := &x.Request.Main.Body
	switch {
	case x.Streams:
		x.setNoDelay(c.net)
		if _, err = c.Writev(x.out, x.early); err == nil {
			x.startSender(x.streamBody)
		}
	case !x.SendsBody():
		if x.Instant {
			_, err = c.Write(x.out)
		} else {
			x.unsent = x.out
		}
	case body.File == nil && body.Len <= inlineBody && x.Framed:
		before, after := x.bytes.FrameBody(nil, nil, body.Len, true)
		_, err = c.Writev(x.out, before, body.Data, after)
	case body.File == nil && body.Len <= smallBody:
		x.unsent = append(x.out, body.Data...)
		x.out = x.unsent[:len(x.out)]
	case body.File == nil && body.Len <= inlineBody:
		_, err = c.Writev(x.out, body.Data)
	default:
		x.setNoDelay(c.net) // a short last piece may follow another
		if _, err = c.WriteMore(x.out); err != nil {
			break
		}
		if x.Framed {
			x.startSender(x.sendPieces)
		} else {
			x.startSender(c.sendWhole)
		}
	}
	return err
}

// inlineBody is how large a request body is sent at most before the response
// is looked at; so much fits into a socket's buffer.
const inlineBody = 32 << 10

// smallBody is how large a request body is sent at most together with the head
// by the first read, into whose buffer it is copied.
const smallBody = 4 << 10

// sendWhole sends a body that has been read, as it is.
func (c *Conn) sendWhole(s *sender) error {
	body := &s.x.Request.Main.Body
	var err error
	if body.File == nil {
		_, err = c.Write(body.Data)
	} else {
		_, err = c.SendFile(body.File, 0, body.Len)
	}
	return err
}

func (c *Conn) piece(x *Exchange, p []byte, last bool) error {
	c.before, c.after = x.bytes.FrameBody(c.before[:0], c.after[:0], int64(len(p)), last)
	_, err := c.Writev(c.before, p, c.after)
	return err
}

// frameEarlyBody gives the beginning of a body that is sent as it comes, which
// came together with the head, the protocol's framing.
func (x *Exchange) frameEarlyBody() {
	for data := x.Request.Body.Data; len(data) > 0; {
		n := min(len(data), maxPiece)
		before, after := x.bytes.FrameBody(nil, nil, int64(n), false)
		x.early = append(append(append(x.early, before...), data[:n]...), after...)
		data = data[n:]
	}
}

// sendError says that the request could not be sent.
type sendError struct{ error }

// read reads from the back end, after it has sent what begin left to it.
// Without p it reads into x.buf, which is got when something has come.
func (c *Conn) read(x *Exchange, p []byte) (int, error) {
	request := x.unsent
	x.unsent = nil
	n, sent, err := c.Ask(request, p, x.room)
	if !sent {
		return 0, sendError{err}
	}
	return n, err
}

// makeBuffer gets x.buf. It is larger than a head may be, so that a body that
// comes with the head is not read, and sent, in two pieces; but not where
// messages between frames would count as parts of the head.
func (x *Exchange) makeBuffer() []byte {
	size := int(x.Settings.BufferSize.V)
	if !x.Target.TLS && x.Settings.LimitRate.V == nil && !x.Framed {
		size = max(size, largeBuffer)
	}
	x.buf = getBuffer(size)
	return x.buf
}

// head reads the head of the response.
func (c *Conn) head(x *Exchange) (outcome, bool) {
	if x.Instant {
		if _, err := x.bytes.ParseHead(nil); err != nil {
			return x.invalidHead(err), false
		}
		return outcome{}, true
	}
	limit := int(x.Settings.BufferSize.V)
	start := 0
	for {
		if x.end > start {
			n, err := x.bytes.ParseHead(x.buf[start:x.end])
			switch {
			case err != nil:
				return x.invalidHead(err), false
			case n > 0 && x.Head.Status == 0:
				start += n
				continue
			case n > 0 && x.Head.Status == 103:
				if o, ok := x.passEarlyHints(n); !ok {
					return o, false
				}
				start += n
				continue
			case n > 0:
				if n > limit {
					return x.headTooBig(), false
				}
				x.headStart, x.headEnd = start, start+n
				x.rest = x.buf[x.headEnd:x.end]
				if x.headLimited {
					c.SetReadTimeout(x.Settings.ReadTimeout.V)
				}
				return outcome{}, true
			}
		}
		if start > 0 {
			x.end = copy(x.buf, x.buf[start:x.end])
			start = 0
		}
		if x.end >= limit {
			return x.headTooBig(), false
		}
		if x.received && !c.headInTime(x) {
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
func (c *Conn) headInTime(x *Exchange) bool {
	from := x.sentAt
	if x.sender == nil {
		from = x.tryBegan.Add(x.state().connect)
	} else if from.IsZero() {
		return true // the request is still being sent
	}
	left := x.Settings.ReadTimeout.V - time.Since(from)
	x.headLimited = true
	c.SetReadTimeout(left)
	return left > 0
}
