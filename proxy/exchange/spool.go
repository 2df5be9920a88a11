package exchange

import (
	"os"
	"sync"

	"tandem/internal/contain"
	"tandem/web"
)

// spool holds what a back end has sent and a slow client has not taken yet: in
// memory as far as the buffers go, then in a temporary file, so that the back
// end is done with the response as soon as it can be. One goroutine fills it
// while that of the client empties it.
type spool struct {
	mu       sync.Mutex
	changed  sync.Cond
	segments []segment
	memory   int      // bytes of segments in memory
	file     *os.File // nil until needed
	end      int64    // of the file
	ended    bool     // nothing more comes
	err      error    // why not all has come; nil: it has
	dropped  bool     // nobody takes any more
}

// segment is a piece of a response: data, or n bytes of a file.
type segment struct {
	data   []byte
	file   *os.File
	off, n int64
}

func newSpool() *spool {
	s := new(spool)
	s.changed.L = &s.mu
	return s
}

// put adds a piece, which is also at off in the copy unless that is negative;
// it waits for room if need be. It reports false when nobody takes any more.
func (s *spool) put(x *Exchange, data []byte, off int64) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(data) > 0 {
		c := x.Settings
		room := c.memory() - s.memory
		switch {
		case s.dropped:
			return false, nil
		case room > 0:
			n := min(room, len(data))
			s.segments = append(s.segments, segment{data: append([]byte(nil), data[:n]...)})
			s.memory += n
			data = data[n:]
			if off >= 0 {
				off += int64(n)
			}
		case off >= 0:
			s.add(segment{file: x.copy.File(), off: off, n: int64(len(data))})
			data = nil
		case s.end < c.MaxTempFileSize.V:
			n := min(c.MaxTempFileSize.V-s.end, int64(len(data)))
			if err := s.write(x, data[:n]); err != nil {
				return false, &fileError{err}
			}
			data = data[n:]
		default:
			s.changed.Wait()
			continue
		}
		s.changed.Signal()
	}
	return !s.dropped, nil
}

// fileError is why a temporary file could not be written.
type fileError struct{ error }

// write adds a piece to the file.
func (s *spool) write(x *Exchange, data []byte) error {
	if s.file == nil {
		f, err := x.createTemp()
		if err != nil {
			return err
		}
		_ = os.Remove(f.Name())
		s.file = f
		x.log(logWarn, reading, "an upstream response is buffered to a temporary file %s", f.Name())
	}
	if _, err := s.file.WriteAt(data, s.end); err != nil {
		return err
	}
	n := int64(len(data))
	s.add(segment{file: s.file, off: s.end, n: n})
	s.end += n
	return nil
}

// add adds a piece of a file.
func (s *spool) add(piece segment) {
	if i := len(s.segments) - 1; i >= 0 {
		if last := &s.segments[i]; last.file == piece.file && last.off+last.n == piece.off {
			last.n += piece.n
			return
		}
	}
	s.segments = append(s.segments, piece)
}

// finish tells that nothing more comes.
func (s *spool) finish(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended, s.err = true, err
	s.changed.Broadcast()
}

// drop tells that nobody takes any more, and waits until nothing more comes.
func (s *spool) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped = true
	s.changed.Broadcast()
	for !s.ended {
		s.changed.Wait()
	}
}

// take returns the next piece, when there is one; last says that none follows,
// with the error that says why.
func (s *spool) take() (piece segment, last bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.segments) == 0 && !s.ended {
		s.changed.Wait()
	}
	if len(s.segments) > 0 {
		piece = s.segments[0]
		s.segments[0] = segment{}
		s.segments = s.segments[1:]
		s.memory -= len(piece.data)
		s.changed.Broadcast()
	}
	last = s.ended && len(s.segments) == 0
	return piece, last, s.err
}

func (s *spool) close() {
	if s.file != nil {
		_ = s.file.Close()
		s.file = nil
	}
}

// becomeSlow is called when sending to the client has to wait for the first
// time: from now on the response is read without waiting for the client.
func (x *Exchange) becomeSlow() {
	if x.Done || x.spool != nil {
		return
	}
	x.spool = newSpool()
	go func() {
		if err := contain.Run("reading a response", func() { x.fill(x.spool) }); err != nil {
			x.spool.finish(err)
		}
	}()
}

// fill reads the response into the spool. Until the spool says that it has
// ended, everything about the back end belongs to it.
func (x *Exchange) fill(s *spool) {
	rest := x.rest
	wanted := true // somebody takes it
	buf := getBuffer(largeBuffer)
	defer putBuffer(buf)
	for {
		for len(rest) > 0 {
			data, n, err := x.proto.ParseBody(rest)
			rest = rest[n:]
			if err != nil {
				s.finish(err)
				return
			}
			off := x.copyBody(data)
			if wanted {
				wanted, err = s.put(x, data, off)
			}
			if err != nil || !wanted && x.copy == nil {
				s.finish(err)
				return
			}
		}
		if x.Done {
			x.keepCopy()
			x.giveBack(true)
			s.finish(nil)
			return
		}
		n, err := x.readBody(buf)
		if err != nil {
			s.finish(err)
			return
		}
		rest = buf[:n]
	}
}

// drain sends to the client what the spool holds, until all has been sent.
func (x *Exchange) drain(s *spool) web.Code {
	r := x.Request
	defer s.close()
	for {
		piece, last, err := s.take()
		if err != nil && last && piece.n == 0 && piece.data == nil {
			x.rest = nil
			return x.readFailed(err)
		}
		c := web.Chunk{Data: piece.data, Last: last && err == nil}
		if piece.n > 0 {
			c.File = web.FileSegment{File: piece.file, Off: piece.off, Len: piece.n}
		}
		if c.Last {
			x.complete()
		}
		if code := r.SendBody(c); code != web.OK || c.Last {
			x.leave(s)
			return code
		}
		if last && err != nil {
			return x.readFailed(err)
		}
	}
}

// leave ends the use of the spool when the client takes no more. The back end's
// response ends, too, unless it is copied.
func (x *Exchange) leave(s *spool) {
	if x.copy == nil {
		x.hangUp()
	}
	s.drop()
	s.close()
	x.finish(false)
}
