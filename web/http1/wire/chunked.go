package wire

import (
	"bytes"
	"errors"
	"io"

	"tandem/internal/escape"
	"tandem/web/message"
)

// errTooMuch is why DiscardBody gives up on a body.
var errTooMuch = errors.New("request body is too long to discard")

// chunkStage is where in the chunked coding a body stands.
type chunkStage uint8

const (
	chunkSize  chunkStage = iota // before a chunk-size line
	chunkEnd                     // before the CRLF after a chunk's data
	chunkTrail                   // in the trailer section
)

// What is accepted around the data of chunks, in bytes. RFC 9112 section 7.1.1:
// "A recipient MUST ignore unrecognized chunk extensions. A server ought to
// limit the total length of chunk extensions received in a request".
const (
	maxChunkLine     = 1024
	maxChunkOverhead = 16 << 10
	maxChunkDigits   = 16
	maxTrailers      = 100
)

var errChunked = message.Bad(400, "client sent invalid chunked body")

// nextChunk reads up to the data of the next chunk, or to the end of the body.
func (c *Conn) nextChunk() error {
	b := &c.body
	if b.stage == chunkEnd {
		end := c.Buffered()
		for ; len(end) < 2; end = c.Buffered() {
			if len(end) > 0 && end[0] != '\r' {
				return errChunked
			}
			if err := c.fillChunk(); err != nil {
				return err
			}
		}
		if end[0] != '\r' || end[1] != '\n' {
			return errChunked
		}
		c.takeFraming(2)
		b.stage = chunkSize
	}
	if b.stage == chunkSize {
		line, err := c.chunkLine(maxChunkLine, beginsChunk)
		if err != nil {
			return err
		}
		size, extension, ok := parseChunkLine(line)
		if b.overhead += extension; !ok || b.overhead > maxChunkOverhead {
			return errChunked
		}
		if b.left = size; size > 0 {
			return nil
		}
		b.stage = chunkTrail
	}
	return c.readTrailers()
}

// beginsChunk says whether c can begin a chunk-size line.
func beginsChunk(c byte) bool { _, ok := escape.HexDigit(c); return ok }

// chunkLine reads a line that ends with CRLF and returns it without. begins
// says whether a byte can begin the line, so that an endless wait for a line
// end that would not help is avoided.
func (c *Conn) chunkLine(limit int, begins func(byte) bool) ([]byte, error) {
	seen := 0
	for {
		got := c.Buffered()
		if len(got) > 0 && !begins(got[0]) {
			return nil, errChunked
		}
		if i := bytes.IndexByte(got[seen:], '\n'); i >= 0 {
			i += seen
			if i == 0 || got[i-1] != '\r' || i > limit {
				return nil, errChunked
			}
			c.takeFraming(i + 1)
			return got[:i-1], nil
		}
		if seen = len(got); seen > limit {
			return nil, errChunked
		}
		if err := c.fillChunk(); err != nil {
			return nil, err
		}
	}
}

func (c *Conn) takeFraming(n int) {
	c.Discard(n)
	c.body.taken += int64(n)
}

func (c *Conn) fillChunk() error {
	err := c.fillBody()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// parseChunkLine reads chunk-size [ chunk-ext ] (RFC 9112 section 7.1). "A
// recipient MUST anticipate potentially large hexadecimal numerals and prevent
// parsing errors due to integer conversion overflows".
func parseChunkLine(line []byte) (size int64, extension int, ok bool) {
	i := 0
	for ; i < len(line); i++ {
		d, isHex := escape.HexDigit(line[i])
		if !isHex {
			break
		}
		if i == maxChunkDigits || size > (1<<63-1-64)>>4 {
			return 0, 0, false
		}
		size = size<<4 | int64(d)
	}
	if i == 0 {
		return 0, 0, false
	}
	ext := line[i:]
	rest := bytes.Trim(ext, " \t")
	if len(rest) == 0 && len(ext) > 0 || len(rest) > 0 && rest[0] != ';' || message.ControlIndex(ext) >= 0 {
		return 0, 0, false
	}
	return size, len(ext), true
}

// readTrailers reads the trailer section, whose lines are kept apart from the
// buffer until it is complete.
func (c *Conn) readTrailers() error {
	b := &c.body
	for {
		line, err := c.chunkLine(b.trailerLimit, func(byte) bool { return true })
		if err != nil {
			return err
		}
		if len(line) == 0 {
			break
		}
		if len(b.trailerRaw)+len(line)+2 > b.trailerLimit {
			return errChunked
		}
		b.trailerRaw = append(append(b.trailerRaw, line...), '\n')
	}
	for raw := b.trailerRaw; len(raw) > 0; {
		i := bytes.IndexByte(raw, '\n')
		var f message.Field
		if !parseFieldLine(&f, raw[:i], true) || len(b.trailers) == maxTrailers {
			return errChunked
		}
		b.trailers = append(b.trailers, f)
		raw = raw[i+1:]
	}
	b.ended = true
	return nil
}

// Trailers returns the trailer fields of a chunked body that has been read to
// its end. They are what the client says and have not been merged into the
// header fields: "trailer fields ought to be [...] ignored unless the recipient
// understands them" (RFC 9110 section 6.5.1).
func (c *Conn) Trailers() []message.Field { return c.body.trailers }
