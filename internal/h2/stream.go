package h2

import (
	"io"
	"os"
	"time"

	"tandem/internal/flow"
)

// Stream is one request and its response. One goroutine reads from it and one,
// mostly the same, sends on it.
type Stream struct {
	// Value is the Handler's own.
	Value any

	c  *Conn
	id uint32

	// Guarded by c.mu.
	sendWindow int64
	recvWindow int64 // what the peer may still send
	in         []byte
	inAt       int  // in[inAt:] has not been read
	credit     int  // read and not told the peer yet
	window     int  // how much may wait in in
	inEnded    bool // nothing more comes
	outEnded   bool // END_STREAM or RST_STREAM has been sent
	peerReset  bool // the peer has reset it
	malformed  bool // Malformed
	discards   bool // what comes is dropped
	stopped    bool // Interrupt
	dead       error
	urgency    uint8
	queued     bool // among c.waiters
	moved      bool // some of src has been taken
	src        source
	failed     error // why src could not be read

	sender, reader chan struct{} // wake who waits to send, to read
	sendTimer      *time.Timer
	readTimer      *time.Timer
	gone           func() // see Watch
	sent           int64  // bytes of frames

	// SendTimeout is how long sending may wait for the peer, ReadTimeout how long
	// reading may; 0 is for ever.
	SendTimeout, ReadTimeout time.Duration
	// Chunk is how many bytes of a body a frame holds at most: streams take turns
	// frame by frame. It begins with DefaultChunk.
	Chunk int
	// OnWait, if not nil, is called when sending has to wait. It must not block.
	OnWait func()
}

// DefaultChunk is how many bytes of a body a frame holds, if nobody says otherwise.
const DefaultChunk = minMaxFrame

// defaultUrgency is the urgency of a stream whose peer says nothing (RFC 9218
// section 4.1).
const defaultUrgency = 3

// init makes s a fresh stream of c; its channels and timers stay.
func (s *Stream) init(c *Conn, id uint32) {
	in := s.in[:0]
	if cap(in) > keptBody {
		in = nil
	}
	*s = Stream{
		Value: s.Value, c: c, id: id, sendWindow: c.theirs.window, recvWindow: int64(c.window), window: c.window, in: in, urgency: defaultUrgency,
		Chunk: DefaultChunk, sender: s.sender, reader: s.reader, sendTimer: s.sendTimer, readTimer: s.readTimer,
	}
	if s.sender == nil {
		s.sender, s.reader = make(chan struct{}, 1), make(chan struct{}, 1)
	}
	drain(s.sender)
	drain(s.reader)
}

// keptBody is how large a buffer for a body may be to be kept for the next one.
const keptBody = 16 << 10

func drain(c chan struct{}) {
	select {
	case <-c:
	default:
	}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (s *Stream) wakeSender() { wake(s.sender) }

// ID returns the stream's identifier.
func (s *Stream) ID() uint32 { return s.id }

// Conn returns the stream's connection.
func (s *Stream) Conn() *Conn { return s.c }

// Read reads the body as it comes, io.EOF at its end. It waits at most
// ReadTimeout, which is os.ErrDeadlineExceeded.
func (s *Stream) Read(p []byte) (int, error) { return s.read(p, true) }

// ReadNow is Read without waiting; flow.ErrNotYet when nothing is there.
func (s *Stream) ReadNow(p []byte) (int, error) { return s.read(p, false) }

func (s *Stream) read(p []byte, wait bool) (int, error) {
	c := s.c
	c.mu.Lock()
	for s.inAt == len(s.in) {
		err := s.readEnd()
		if err == nil && !wait {
			err = flow.ErrNotYet
		}
		if err != nil {
			c.mu.Unlock()
			return 0, err
		}
		c.mu.Unlock()
		// What the other side waits for must not wait here.
		c.flush(false)
		err = await(s.reader, &s.readTimer, s.ReadTimeout)
		c.mu.Lock()
		if err != nil && s.inAt == len(s.in) {
			c.mu.Unlock()
			return 0, err
		}
	}
	n := copy(p, s.in[s.inAt:])
	if s.inAt += n; s.inAt == len(s.in) {
		s.in, s.inAt = s.in[:0], 0
	}
	told := s.giveCredit(n)
	c.mu.Unlock()
	if told {
		c.flush(false)
	}
	return n, nil
}

// Await waits, as Read does, until ready, which is called with the connection's
// lock held: for what Handler.Head has been told of the stream. What came before
// the stream ended is ready still; io.EOF: nothing more comes.
func (s *Stream) Await(ready func() bool) error {
	c := s.c
	c.mu.Lock()
	for !ready() {
		if err := s.readEnd(); err != nil {
			c.mu.Unlock()
			return err
		}
		c.mu.Unlock()
		err := await(s.reader, &s.readTimer, s.ReadTimeout)
		c.mu.Lock()
		if err != nil && !ready() {
			c.mu.Unlock()
			return err
		}
	}
	c.mu.Unlock()
	return nil
}

// readEnd says why nothing more can be read, nil if it can. The caller holds mu.
func (s *Stream) readEnd() error {
	switch {
	case s.inEnded:
		return io.EOF
	case s.dead != nil:
		return s.dead
	case s.stopped:
		return flow.ErrInterrupted
	}
	return nil
}

// giveCredit lets the peer send n bytes more, told when that is worth a frame.
// The caller holds mu.
func (s *Stream) giveCredit(n int) (told bool) {
	if s.credit += n; s.inEnded || s.dead != nil || s.credit < s.window/2 {
		return false
	}
	s.c.buf = appendWindowUpdate(s.c.room(), s.id, uint32(s.credit))
	s.recvWindow += int64(s.credit)
	s.credit = 0
	return true
}

// Widen lets the peer have up to n bytes under way before they are read, for a
// body that is read as it comes.
func (s *Stream) Widen(n int) {
	s.c.mu.Lock()
	if more := n - s.window; more > 0 && !s.inEnded && s.dead == nil {
		s.window = n
		s.c.buf = appendWindowUpdate(s.c.room(), s.id, uint32(more+s.credit))
		s.recvWindow += int64(more + s.credit)
		s.credit = 0
	}
	s.c.mu.Unlock()
}

// Buffered returns how many bytes of the body can be read without waiting.
func (s *Stream) Buffered() int {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return len(s.in) - s.inAt
}

// Fits reports whether n bytes of a body can be sent now without waiting.
func (s *Stream) Fits(n int64) bool {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	return n <= min(s.sendWindow, c.sendWindow, int64(outLimit-len(c.buf))) && len(c.waiters) == 0
}

// Ended reports whether the peer has sent everything, and all of it been read.
func (s *Stream) Ended() bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.inEnded && s.inAt == len(s.in)
}

// Discard drops what came of the body and what will come.
func (s *Stream) Discard() {
	s.c.mu.Lock()
	s.discards = true
	n := len(s.in) - s.inAt
	s.in, s.inAt = s.in[:0], 0
	s.giveCredit(n)
	s.c.mu.Unlock()
}

// Interrupt has a Read that waits give up with flow.ErrInterrupted, until Resume.
func (s *Stream) Interrupt() {
	s.c.mu.Lock()
	s.stopped = true
	s.c.mu.Unlock()
	wake(s.reader)
}

// Resume ends Interrupt.
func (s *Stream) Resume() {
	s.c.mu.Lock()
	s.stopped = false
	s.c.mu.Unlock()
}

// Watch has gone called, once, when the stream is reset or its connection lost: by
// another goroutine, or at once if it is already. nil ends that: gone is not
// running then and will not be called. gone must not wait, nor use the stream.
func (s *Stream) Watch(gone func()) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if gone != nil && s.dead != nil {
		gone()
		return
	}
	s.gone = gone
}

// Sent returns how many bytes of frames have been sent on the stream, those that
// still wait in memory among them.
func (s *Stream) Sent() int64 {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.sent
}

// Err returns why the stream has been reset or lost, nil if it lives.
func (s *Stream) Err() error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.dead
}

// die has everybody who waits for the stream give up. The caller holds mu.
func (s *Stream) die(err error) {
	if s.dead != nil {
		return
	}
	s.dead = err
	wake(s.sender)
	wake(s.reader)
	if gone := s.gone; gone != nil {
		s.gone = nil
		gone()
	}
}

// await waits for a word on c, for at most d if that is not 0.
func await(c chan struct{}, timer **time.Timer, d time.Duration) error {
	if d <= 0 {
		<-c
		return nil
	}
	t := *timer
	if t == nil {
		t = time.NewTimer(d)
		*timer = t
	} else {
		t.Reset(d)
	}
	select {
	case <-c:
		t.Stop()
		return nil
	case <-t.C:
		return os.ErrDeadlineExceeded
	}
}
