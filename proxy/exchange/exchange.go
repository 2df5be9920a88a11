package exchange

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"tandem/internal/errorlog"
	"tandem/proxy/answer"
	"tandem/proxy/block"
	"tandem/proxy/cache"
	"tandem/proxy/sticky"
	"tandem/proxy/upstream"
	"tandem/web"
)

// Protocol is what a back end speaks: a ByteProtocol or a StreamProtocol. One
// value serves one exchange, whose fields it reads and fills.
type Protocol interface {
	// AppendRequest appends the request up to its body.
	AppendRequest(dst []byte) ([]byte, error)
	// ParseBody takes n bytes off b, which are not all of the response's body, and
	// returns the part of them that belongs to it.
	ParseBody(b []byte) (data []byte, n int, err error)
	// Release gives the value back after the request has ended.
	Release()
}

// ByteProtocol is a Protocol whose requests have connections of their own.
// ParseBody sets Done at the end of the response, and is then called with what
// follows it, if anything does.
type ByteProtocol interface {
	Protocol
	// ParseHead looks for the head of a response at the beginning of b, which
	// is all that has been received of it. It fills Head and the framing and
	// returns the length of the head; 0: more is needed. If there is no status
	// in Head, the protocol has taken the n bytes and needs more. The error of
	// an invalid head is a *answer.BadField.
	ParseHead(b []byte) (n int, err error)
	// FrameBody appends what goes before a piece of size bytes, at most 32 KB,
	// of the request body and after it; the last piece may be empty.
	FrameBody(before, after []byte, size int64, last bool) ([]byte, []byte)
}

// Exchange is one request's dealings with back ends. A Protocol embeds it; the
// zero value is ready for Run.
type Exchange struct {
	Request  *web.Request
	Settings *Settings
	Target   block.Target
	// Answer is what the back end answers.
	answer.Answer
	URI []byte // as sent, for logs

	// Streams: the request body is sent as it comes. OwnBody: the request has
	// a body of the configuration, which AppendRequest appends.
	Streams, OwnBody bool
	// OwnData is that body where a StreamProtocol has one.
	OwnData []byte
	// Framed: a request body that has been read is framed, too, not only one
	// that is sent as it comes.
	Framed bool
	// Instant: the back end need not say anything; ParseHead is called without
	// anything as soon as the request has been sent.
	Instant bool

	// The framing, which the Protocol settles.
	Done       bool // the response is complete
	UntilClose bool // the body ends with the connection
	Reusable   bool // the connection may serve another request
	Upgrade    bool // the connection becomes a tunnel

	proto     Protocol
	bytes     ByteProtocol   // proto, if it is one
	streams   StreamProtocol // proto, if it is one
	selection upstream.Selection
	link      link
	cached    bool   // the connection is not new
	out       []byte // the request's head
	unsent    []byte // out, while it is to be sent by the first read
	buf       []byte // what has been received, beginning with the head
	end       int    // of what has been received in buf
	rest      []byte // what has been received of the body and not been parsed
	headStart int    // where the head that counts begins in buf
	headEnd   int    // where it ends
	body      []byte // buffer for what follows, or what is left of buf
	index     int    // of the present State in the record
	record    *record
	began     time.Time // the first try
	tryBegan  time.Time
	sent      bool // the request has begun to be sent
	received  bool // something has been received
	// sentAt is when a sender was done; headLimited: what is left of the read
	// time-out for the head is the connection's time-out.
	sentAt      time.Time
	headLimited bool

	// withHead: the part of an unbuffered body that came with the head is being
	// looked at, which nginx's log takes for a part of reading the head.
	withHead bool

	early  []byte // the beginning of a request body that is sent as it comes
	hints  int    // bytes of interim responses
	sender *sender
	spool  *spool
	copy   *answer.Copy // nil: the response is not copied
	slow   func()       // becomeSlow, made once

	rate     int64         // bytes a second that are read of a response, 0: no limit
	rateFrom time.Time     // when reading began
	rateNext time.Time     // when reading goes on
	left     chan struct{} // closed when the client leaves, if that may have to be waited for

	kept     *cache.Request // nil: without a cache
	watching bool           // the client's leaving is told

	bound sticky.Binding

	// Of a question of the process's own: what ends it, and who is told what
	// went wrong in place of the log. nil otherwise.
	ctx    context.Context
	report func(level errorlog.Level, action, message string)

	mu         sync.Mutex // guards live against gone
	live       io.Closer  // to be closed when the client goes
	clientGone atomic.Bool
	gone       func()
	room       func() []byte // makeBuffer, made once
}

// Run carries r to one of the target's peers and the response back. The body
// of the request has been read, if it is to be buffered.
func (x *Exchange) Run(r *web.Request, s *Settings, t block.Target, p Protocol) web.Code {
	x.Request, x.Settings, x.Target = r, s, t
	x.setProtocol(p)
	x.Buffering = s.Buffering.V
	x.record = recordOf(r)
	x.record.begin(x)
	if x.gone == nil {
		x.gone, x.slow, x.room = x.clientLeft, x.becomeSlow, x.makeBuffer
	}
	if s.Cache.Use.V != nil {
		if code, done := x.askCache(); done {
			return code
		}
	}
	var err error
	if x.out, err = p.AppendRequest(x.out[:0]); err != nil {
		r.Logf(logError, "%v", err)
		return 500
	}
	if x.Streams && x.bytes != nil {
		x.frameEarlyBody()
	}
	x.prepareSelection()
	if s.LimitRate.V != nil || t.Group.Queue > 0 {
		x.left = make(chan struct{})
	}
	x.watch()
	x.began = x.Request.Now()
	code := x.tries()
	if !r.Background {
		r.StopWatch()
	}
	if x.kept != nil && (code == 502 || code == 504) {
		x.kept.Fail(int(code))
	}
	return code
}

// watch has the client's leaving end the exchange, unless the response is wanted
// all the same.
func (x *Exchange) watch() {
	if !x.watching && !x.Streams && !x.keepsOn() {
		x.watching = true
		x.Request.WatchClient(x.gone)
	}
}

// Try tells the tries of a request apart.
func (x *Exchange) Try() int { return x.index }

// ReadBody reads the body of r, or prepares for sending it as it comes, if that
// is wanted and can be done.
func (x *Exchange) ReadBody(r *web.Request, stream bool) web.Code {
	x.Streams = stream && r.IsMain() && !r.Body.Read && r.HasBody() && !r.NoBody && !r.BodyDiscarded()
	if !x.Streams {
		return r.ReadBody()
	}
	code := r.ReadEarlyBody()
	x.Streams = !r.Body.Read
	return code
}

// prepareSelection begins the way through the peers.
func (x *Exchange) prepareSelection() {
	x.Target.Start(&x.selection, &x.Request.Session)
	x.bound.Begin(&x.Target, &x.selection, x.Request)
	if n := x.Settings.NextUpstreamTries.V; n > 0 && x.selection.Tries > n {
		x.selection.Tries = n
	}
}

// clientLeft runs on another goroutine when the client has closed its
// connection: it ends whatever is being waited for.
func (x *Exchange) clientLeft() {
	x.clientGone.Store(true)
	if x.left != nil {
		close(x.left)
	}
	x.hangUp()
}

// hangUp ends the waiting for the back end.
func (x *Exchange) hangUp() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.live != nil {
		_ = x.live.Close()
	}
}

// context ends what no client is waiting for.
func (x *Exchange) context() context.Context {
	if x.ctx != nil {
		return x.ctx
	}
	return context.Background()
}

func (x *Exchange) setProtocol(p Protocol) {
	x.proto = p
	if x.streams, _ = p.(StreamProtocol); x.streams == nil {
		x.bytes = p.(ByteProtocol)
	}
}

// setLink makes l what the client's leaving ends.
func (x *Exchange) setLink(l link) {
	x.link = l
	if l == nil {
		x.setLive(nil)
	} else {
		x.setLive(l.line())
	}
}

// setLive makes c what the client's leaving closes.
func (x *Exchange) setLive(c io.Closer) {
	x.mu.Lock()
	x.live = c
	x.mu.Unlock()
}

// release gives everything back when the request has ended.
func (x *Exchange) release() {
	x.endCopy()
	if x.kept != nil {
		x.kept.End()
		x.kept = nil
	}
	if x.buf != nil {
		putBuffer(x.buf)
	}
	if x.body != nil {
		putBuffer(x.body) // a part of buf has no size that is kept
	}
	p := x.proto
	head, out := x.Head, x.out
	head.Reset()
	if cap(out) > keepRequest {
		out = nil
	}
	x.reset()
	x.Head, x.out = head, out[:0]
	p.Release()
}

// keepRequest is how large a request's head may be for its memory to be kept.
const keepRequest = 16 << 10

// reset makes x ready for another request.
func (x *Exchange) reset() {
	x.Request, x.Settings, x.Target = nil, nil, block.Target{}
	x.URI = nil
	x.Done, x.UntilClose, x.Reusable, x.Upgrade = false, false, false, false
	x.proto, x.bytes, x.streams, x.link, x.live = nil, nil, nil, nil, nil
	x.selection = upstream.Selection{}
	x.cached, x.sent, x.received, x.Buffering, x.withHead = false, false, false, false, false
	x.sentAt, x.headLimited = time.Time{}, false
	x.buf, x.rest, x.body, x.end, x.headStart, x.headEnd = nil, nil, nil, 0, 0, 0
	x.Cached, x.Cacheable, x.watching = false, false, false
	x.Aged, x.Age = false, 0
	x.record, x.index = nil, 0
	x.Streams, x.OwnBody, x.Framed, x.Instant = false, false, false, false
	x.unsent, x.early, x.hints, x.OwnData = nil, nil, 0, nil
	x.sender, x.spool = nil, nil
	x.rate, x.rateFrom, x.rateNext, x.left = 0, time.Time{}, time.Time{}, nil
	x.bound = sticky.Binding{}
	x.ctx, x.report = nil, nil
	x.clientGone.Store(false)
}
