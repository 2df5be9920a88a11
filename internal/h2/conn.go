package h2

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// Handler is what a server or a client makes of a connection. All of it is
// called on the goroutine that is in Serve and must not wait.
type Handler interface {
	// Open is a header block that begins a stream, for a server. It returns the
	// stream, from Conn.Open, or why there is none, which the peer is told.
	Open(id uint32, b *Block) (refused ErrCode)
	// Head is a further header block of a stream: a response's, or the fields
	// behind a body.
	Head(s *Stream, b *Block) error
	// Ended: a stream's goroutine has closed it; left others are still there.
	Ended(s *Stream, left int)
	// GoAway: the peer processes no stream above last.
	GoAway(last uint32, code ErrCode)
}

// Options are what a connection is made with.
type Options struct {
	// Client: this side opens the streams.
	Client bool
	// Settings are told the peer.
	Settings []Setting
	// MaxStreams is how many streams the peer may have at once, 0 for any number.
	// It is told as a setting; those beyond are refused, and too many refused end
	// the connection.
	MaxStreams int
	// Window is how many bytes of a stream's body may come before they are read.
	Window int
	// HeadTime is how long a header block that begins a stream may take to come
	// whole; then the stream is reset. 0 is for ever.
	HeadTime time.Duration
	Limits   Limits
}

// Conn is one HTTP/2 connection, of either side.
type Conn struct {
	handler  Handler
	client   bool
	window   int // initial, of each stream, for what comes
	limits   Limits
	maxFrame int // of bodies and header blocks that are received, in bytes
	most     int // streams of the peer's; 0: no limit
	headFor  time.Duration
	grace    int // see awaitWindow

	// Used by the goroutine in Serve.
	in       input
	begun    bool // what precedes the first frame has been done
	decoder  decoder
	block    Block
	listLeft int
	empty    int   // CONTINUATION frames of the block without anything in them
	received int64 // bytes of frames
	payload  int64 // bytes of them that were of use
	work     flood

	mu         sync.Mutex
	streams    map[uint32]*Stream
	lastID     uint32 // the highest that the peer has opened
	served     uint32 // the highest of those that were served
	nextID     uint32 // the next that this side opens
	ended      endedStreams
	theirs     peerSettings
	awaited    uint32      // the stream whose block is awaited, 0 for none
	late       uint32      // one that was awaited for too long
	headTimer  *time.Timer // nil: none is awaited
	acked      bool        // the peer has seen our settings
	heard      bool        // theirs have come
	sendWindow int64
	recvWindow int64
	encoder    Encoder
	buf        []byte // what is to be sent
	out        *[]byte
	unhurried  int // of what is to be sent, from its beginning on, see flushLater
	hurry      *time.Timer
	writing    bool
	written    sync.Cond // writing has ended, and dead is set
	sent       int64     // bytes of bodies
	ready      []*Stream // see wakeReader
	waiters    []*Stream // for room in buf, or for the connection's window
	goingAway  goingAway
	ending     error // closes the connection when all has been sent
	deaf       error // the peer receives nothing any more, see writeFailed
	dead       error // nothing is sent or received any more
}

// goingAway are the steps of an end that loses no request.
type goingAway uint8

const (
	staying  goingAway = iota
	warned             // the peer has been told to open no streams; those under way are served
	leaving            // streams above lastID are not served
	leftOver           // the peer has said so
)

// shutdownPing marks the PING whose answer says that the peer has read the
// warning: streams it opened before are here by then.
var shutdownPing = [8]byte{'t', 'a', 'n', 'd', 'e', 'm', 'g', 'o'}

// NewConn returns a connection over t that has yet to Serve.
func NewConn(t Transport, h Handler, o Options) *Conn {
	c := &Conn{
		handler: h, client: o.Client, window: o.Window, limits: o.Limits, most: o.MaxStreams, headFor: o.HeadTime, grace: windowGrace, maxFrame: minMaxFrame, in: input{t: t}, streams: make(map[uint32]*Stream),
		theirs: defaultSettings(), sendWindow: defaultWindow, recvWindow: maxWindow, encoder: newEncoder(), nextID: 1,
	}
	c.written.L = &c.mu
	if c.client {
		c.in.before = c.wakeReaders
	}
	c.decoder = newDecoder(o.Limits.String, c.emit)
	c.mu.Lock()
	defer c.mu.Unlock()
	buf := c.room()
	if o.Client {
		buf = append(buf, Preface...)
	}
	settings := append([]Setting(nil), o.Settings...)
	for _, s := range settings {
		switch s.ID {
		case SettingHeaderTableSize:
			c.decoder.most = int(s.Value)
		case SettingMaxFrameSize:
			c.maxFrame = int(s.Value)
		}
	}
	if o.MaxStreams > 0 {
		settings = append(settings, Setting{SettingMaxConcurrentStreams, uint32(o.MaxStreams)})
	}
	if o.Window != defaultWindow {
		settings = append(settings, Setting{SettingInitialWindowSize, uint32(o.Window)})
	}
	buf = appendSettings(buf, settings)
	c.buf = appendWindowUpdate(buf, 0, maxWindow-defaultWindow)
	return c
}

// peer names the other side, for the log.
func (c *Conn) peer() string {
	if c.client {
		return "upstream"
	}
	return "client"
}

// Serve reads frames until the connection ends, and says why: io.EOF when the
// peer closed it, ErrClosed after Shutdown when the last stream has ended, a
// *ConnectionError, *GoAwayError, or the transport's error. A server reads the
// preface first. When it returns, every stream has been told, and nothing more is
// to be sent; the transport is the caller's to close.
//
// ErrParked is another matter: nothing has come and the connection lives. Serve is
// called again to go on, and may have been already.
func (c *Conn) Serve() error {
	err := c.serve()
	if err == ErrParked {
		return err
	}
	c.mu.Lock()
	c.fail(err)
	err = c.dead
	var bad *ConnectionError
	if !errors.As(err, &bad) && err != ErrClosed {
		// Nobody is there to be told anything.
		_ = c.in.t.Close()
	}
	for c.writing {
		c.written.Wait()
	}
	c.mu.Unlock()
	if bad != nil {
		_, _ = c.in.t.Write(appendGoAway(nil, c.served, bad.Code))
	}
	if bad != nil || err == ErrClosed {
		c.in.t.Linger()
	}
	c.in.r, c.in.w = 0, 0
	c.in.release()
	return err
}

// ErrParked is what Transport.Wait returns to have Serve return.
var ErrParked = errors.New("h2: parked")

func (c *Conn) serve() error {
	if !c.begun {
		c.flushLater()
		if !c.client {
			if err := c.preface(); err != nil {
				return err
			}
		}
		c.begun = true
	}
	// That the first frame be SETTINGS (RFC 9113 section 3.4) is not asked for:
	// nginx does not either, and nothing depends on it.
	for {
		if c.in.empty() {
			if c.client {
				c.wakeReaders()
			}
			c.flushLater()
			c.work.batch = 0
			clear(c.block.Fields)
			c.in.release()
			if err := c.in.t.Wait(); err != nil {
				return err
			}
		}
		h, err := c.frame()
		if err != nil {
			return err
		}
		if err := c.handle(h); err != nil {
			return err
		}
		if err := c.checkFlood(); err != nil {
			return err
		}
	}
}

func (c *Conn) preface() error {
	if c.in.empty() {
		if err := c.in.t.Wait(); err != nil {
			return err
		}
	}
	for i := range Preface {
		p, err := c.in.take(1)
		if err != nil {
			return err
		}
		if p[0] != Preface[i] {
			return connectionError(ProtocolError, "invalid connection preface")
		}
	}
	return nil
}

// Trim gives back what a connection holds only to be quick with further streams.
// Transport.Wait calls it before a long wait.
func (c *Conn) Trim() {
	c.block.Fields = nil
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.streams) == 0 {
		c.streams = make(map[uint32]*Stream) // one that has grown stays large
	}
	c.ready, c.waiters = slices.Clip(c.ready), slices.Clip(c.waiters)
}

// fail ends the connection; every stream is told. The caller holds mu.
func (c *Conn) fail(err error) {
	if c.dead != nil {
		return
	}
	c.dead = err
	for _, s := range c.streams {
		s.die(err)
	}
	c.waiters = nil // who is woken finds out
	c.headCame()
	c.in.t.Interrupt()
}

// Open returns a new stream for a block that Handler.Open was given. s is one
// that Close was called for, or new.
func (c *Conn) Open(s *Stream, id uint32, b *Block) *Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.init(c, id)
	s.inEnded = b.EndStream
	c.streams[id] = s
	return s
}

// Request opens a stream from this side, with its header block. It returns
// ErrClosed when the connection takes none any more, and ErrFull when it has as
// many as the peer allows.
func (c *Conn) Request(s *Stream, h Head, end bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.alive():
		return ErrClosed
	case c.full():
		return ErrFull
	}
	s.init(c, c.nextID)
	c.nextID += 2
	c.streams[s.id] = s
	s.sent = int64(c.appendHead(s.id, h, end))
	s.outEnded = end
	return nil
}

// Streams returns how many streams there are.
func (c *Conn) Streams() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.streams)
}

// Err returns why the connection is dead, nil if it lives.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead
}

// Alive reports whether Request may open another stream, now or when others have
// ended.
func (c *Conn) Alive() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.alive()
}

func (c *Conn) alive() bool {
	return c.dead == nil && c.deaf == nil && c.goingAway == staying && c.nextID <= maxID
}

// Usable reports whether Request may open another stream.
func (c *Conn) Usable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.alive() && !c.full()
}

// full reports whether the peer allows no more streams. Before it has said
// anything it is taken to allow as many as it is asked to allow at least (RFC 9113
// section 6.5.2). The caller holds mu.
func (c *Conn) full() bool {
	most := c.theirs.maxStreams
	if !c.heard {
		most = unheardStreams
	}
	return uint32(len(c.streams)) >= most
}

const unheardStreams = 100

// reset ends a stream with RST_STREAM, unless the peer has sent one (remote) or
// nothing is left to end. The caller holds mu.
func (c *Conn) reset(s *Stream, code ErrCode, remote bool) {
	if s.dead != nil || s.inEnded && s.outEnded {
		return
	}
	if !remote && c.dead == nil {
		c.control(appendRSTStream(c.room(), s.id, code))
	}
	s.outEnded = true
	s.die(&StreamError{code, remote})
}

// closed takes a stream out of the connection. The caller holds mu.
func (c *Conn) closed(s *Stream) {
	if c.streams[s.id] != s {
		return
	}
	delete(c.streams, s.id)
	c.ended.add(s.id, s.inEnded || s.peerReset)
	if c.goingAway != staying && c.goingAway != warned && len(c.streams) == 0 {
		c.end(ErrClosed)
	}
	c.handler.Ended(s, len(c.streams))
}

// end closes the connection when what waits has been sent. The caller holds mu.
func (c *Conn) end(err error) {
	if c.dead != nil || c.ending != nil {
		return
	}
	c.ending = err
	if !c.writing {
		c.writing = true
		go c.writeRest()
	}
}

// Shutdown ends the connection without losing a request: the peer is told to open
// no streams, those that are on their way are served, and the last to end closes
// the connection (RFC 9113 section 6.8). now: those that have not come yet are
// not served.
func (c *Conn) Shutdown(now bool) {
	c.mu.Lock()
	if c.dead == nil {
		switch {
		case c.client:
			c.goingAway = leaving
			c.control(appendGoAway(c.room(), 0, NoError))
		case now && c.goingAway <= warned:
			c.leave()
		case c.goingAway == staying:
			c.goingAway = warned
			c.control(appendPing(appendGoAway(c.room(), maxID, NoError), false, shutdownPing[:]))
		}
		if c.goingAway != warned && len(c.streams) == 0 {
			c.end(ErrClosed)
		}
	}
	c.mu.Unlock()
	c.flushLater()
}

// leave says which stream is the last. The caller holds mu.
func (c *Conn) leave() {
	c.goingAway = leaving
	c.control(appendGoAway(c.room(), c.served, NoError))
	if len(c.streams) == 0 {
		c.end(ErrClosed)
	}
}

// Close closes the connection as it is.
func (c *Conn) Close() {
	c.mu.Lock()
	c.fail(ErrClosed)
	c.mu.Unlock()
	_ = c.in.t.Close()
}
