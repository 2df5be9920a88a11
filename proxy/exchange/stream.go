package exchange

import (
	"errors"
	"io"
	"sync"
	"time"

	"golang.org/x/net/http2/hpack"

	"tandem/internal/flow"
	"tandem/internal/h2"
	"tandem/proxy/answer"
)

// StreamProtocol is a Protocol whose requests are streams of connections that
// carry many: HTTP/2. AppendRequest appends its fields with AppendField; a body of
// the configuration goes into OwnData. ParseBody finds Done set with the last of
// the body.
type StreamProtocol interface {
	Protocol
	// TakeHead takes the fields of an interim or final response, whose strings
	// may be kept, but not the slice; end: nothing follows. The error of an
	// invalid head is a *answer.BadField.
	TakeHead(fields []hpack.HeaderField, end bool) error
	// TakeTrailers takes the fields behind the body.
	TakeTrailers(fields []hpack.HeaderField) error
	// EndBody says what is wrong with the response having ended.
	EndBody() error
}

// ErrCut is that of a response that ends too early.
var ErrCut = &answer.BadField{Reason: "upstream prematurely closed stream"}

// stream is a link that is a stream of a shared connection.
type stream struct {
	h2.Stream
	of     *shared
	failed error // why it could not be opened

	// Written by the connection's reader with its lock held, read in Await.
	blocks []headBlock
	size   int // of all of them, in bytes
	taken  int // how many of blocks have been
}

// headBlock is a header block that has come.
type headBlock struct {
	fields []hpack.HeaderField
	length int
	over   bool
	end    bool // of the stream
}

var streams = sync.Pool{New: func() any {
	s := new(stream)
	s.Value = s
	return s
}}

// open opens a stream for the request of x; it waits in memory for begin. The
// error is h2's.
func (sh *shared) open(x *Exchange) (*stream, error) {
	s := streams.Get().(*stream)
	s.of, s.failed = sh, nil
	_, _, n := x.wholeBody()
	err := sh.h2.Request(&s.Stream, fields(x.out), !x.Streams && n == 0)
	if err == nil {
		sh.requests.Add(1)
	}
	return s, err
}

// forget gives the stream back.
func (s *stream) forget() {
	for i := range s.blocks {
		clear(s.blocks[i].fields)
	}
	s.of, s.failed, s.blocks, s.size, s.taken = nil, nil, s.blocks[:0], 0, 0
	streams.Put(s)
}

// maxWaiting is how long header blocks may be altogether that nobody has taken
// yet, in bytes as decoded.
const maxWaiting = 2 * maxBlock

var errTooMuch = errors.New("header blocks that nobody takes")

// add takes a block that has come; the connection's lock is held.
func (s *stream) add(b *h2.Block) error {
	for i := range b.Fields {
		s.size += len(b.Fields[i].Name) + len(b.Fields[i].Value) + 32
	}
	if s.size > maxWaiting {
		return errTooMuch
	}
	n := len(s.blocks)
	if n == cap(s.blocks) {
		s.blocks = append(s.blocks, headBlock{})
	}
	s.blocks = s.blocks[:n+1]
	one := &s.blocks[n]
	one.fields = append(one.fields[:0], b.Fields...)
	one.length, one.over, one.end = b.Length, b.Over, b.EndStream
	return nil
}

// next waits for a block.
func (s *stream) next(x *Exchange) (*headBlock, error) {
	for {
		var b *headBlock
		err := s.Await(func() bool {
			if s.taken < len(s.blocks) {
				b = &s.blocks[s.taken]
			}
			return b != nil
		})
		switch {
		case err == flow.ErrInterrupted:
			x.senderDone()
		case err != nil:
			return nil, err
		default:
			s.taken++
			return b, nil
		}
	}
}

// begin sends what fits into the windows with the head, in one write if the
// connection is new.
func (s *stream) begin(x *Exchange) error {
	err, rest := s.failed, (func(*sender) error)(nil)
	if err == nil {
		rest, err = s.sendBody(x)
	}
	if err == nil {
		err = s.Flush()
	}
	s.of.start()
	var reset *h2.StreamError
	if errors.As(err, &reset) && reset.Remote && reset.Code == h2.NoError {
		// "A server can send a complete response prior to the client sending an
		// entire request" (RFC 9113 section 8.1).
		return nil
	}
	if err == nil && rest != nil {
		x.startSender(rest)
	}
	return err
}

// sendBody sends the body of the request as far as that needs no waiting; rest is
// to send what is left of it.
func (s *stream) sendBody(x *Exchange) (rest func(*sender) error, err error) {
	if x.Streams {
		early := x.Request.Body.Data
		if s.Fits(int64(len(early))) {
			return x.streamBody, s.sendSome(early, false)
		}
		return func(sn *sender) error {
			if err := s.piece(x, early, false); err != nil {
				return err
			}
			return x.streamBody(sn)
		}, nil
	}
	switch data, file, n := x.wholeBody(); {
	case file != nil, !s.Fits(n):
		return x.sendPieces, nil
	case n > 0:
		return nil, s.SendData(data, true)
	}
	return nil, nil
}

func (s *stream) sendSome(p []byte, last bool) error {
	if len(p) == 0 && !last {
		return nil
	}
	return s.SendData(p, last)
}

func (s *stream) piece(_ *Exchange, p []byte, last bool) error {
	err := s.sendSome(p, last)
	if err == nil {
		err = s.Flush()
	}
	return err
}

func (s *stream) head(x *Exchange) (outcome, bool) {
	for {
		x.Request.Waited()
		b, err := s.next(x)
		if err != nil {
			return x.failed(err, "recv()", readingHead), false
		}
		x.received = true
		x.state().received += int64(b.length)
		if b.over || b.length > int(x.Settings.BufferSize.V) {
			return x.headTooBig(), false
		}
		if err := x.streams.TakeHead(b.fields, b.end); err != nil {
			return x.invalidHead(err), false
		}
		if x.Head.Status == 103 {
			if b.end {
				return x.invalidHead(ErrCut), false
			}
			if o, ok := x.passEarlyHints(b.length); !ok {
				return o, false
			}
			continue
		}
		// One that ends too early is read like one that ends later.
		x.Done = b.end && x.streams.EndBody() == nil
		return outcome{}, true
	}
}

func (s *stream) read(x *Exchange, p []byte) (int, error) {
	n, err := s.Read(p)
	switch {
	case err == io.EOF:
		if err = s.end(x); err == nil {
			err = x.streams.EndBody()
		}
		x.Done = err == nil
	case n > 0 && s.Ended():
		err = s.end(x)
		x.Done = err == nil
	}
	return n, err
}

// end takes what has come behind the body, as far as the back end has not changed
// its mind about the response.
func (s *stream) end(x *Exchange) error {
	if e, ok := s.Err().(*h2.StreamError); ok && e.Remote && e.Code != h2.NoError {
		return e
	}
	return s.takeTrailers(x)
}

// takeTrailers takes the fields behind the body of a stream that has ended.
func (s *stream) takeTrailers(x *Exchange) error {
	for ; s.taken < len(s.blocks); s.taken++ {
		b := &s.blocks[s.taken]
		x.state().received += int64(b.length)
		if err := x.streams.TakeTrailers(b.fields); err != nil {
			return err
		}
	}
	return nil
}

// The methods below make it a link, with those above.

func (s *stream) sent() int64                    { return s.Sent() }
func (s *stream) line() io.Closer                { return (*cancel)(s) }
func (s *stream) setReadTimeout(d time.Duration) { s.ReadTimeout = d }
func (s *stream) setSendTimeout(d time.Duration) { s.SendTimeout = d }
func (s *stream) interrupt()                     { s.Interrupt() }
func (s *stream) resume()                        { s.Resume() }

// cancel is a stream whose closing ends it for both sides.
type cancel stream

func (c *cancel) Close() error {
	c.Reset(h2.Cancel)
	return nil
}

// unprocessed: the back end has refused the stream, or gone without having looked
// at it (RFC 9113 section 8.7). A body that is sent as it comes has gone with it.
func (s *stream) unprocessed(x *Exchange, err error) bool {
	if e, ok := err.(sendError); ok {
		err = e.error
	}
	switch e := err.(type) {
	case *h2.StreamError:
		return e.Remote && e.Code == h2.RefusedStream && !x.Streams
	case *h2.GoAwayError:
		return e.Code == h2.NoError && !x.Streams
	}
	return s.failed != nil && err == s.failed
}

func (s *stream) mayKeep(x *Exchange, now time.Time) bool {
	return x.sentAll() && x.Target.Group.Pool != nil && s.of.usable(now)
}

func (s *stream) keep(_ *Exchange, now time.Time) { s.leave(now, true) }

func (s *stream) close(_ *Exchange, now time.Time, trusted bool) { s.leave(now, trusted) }

func (s *stream) leave(now time.Time, keep bool) {
	if s.failed == nil {
		s.Stream.Close(h2.Cancel)
	}
	s.of.leave(now, keep)
	s.forget()
}
