package proxy

import (
	"bytes"
	"math"

	"tandem/proxy/answer"
)

// chunkDecoder is how far a chunked body has been read. Lines that come in
// pieces are kept in part.
type chunkDecoder struct {
	stage chunkStage
	left  int64  // of the present chunk
	part  []byte // the beginning of a line
	size  int    // of all trailers
}

type chunkStage uint8

const (
	chunkSize chunkStage = iota
	chunkData
	chunkEnd
	chunkTrailer
)

// maxChunkLine bounds a chunk's size with its extensions.
const maxChunkLine = 4 << 10

var (
	errChunked   = &answer.BadField{Reason: "upstream sent invalid chunked response"}
	errTrailers  = &answer.BadField{Reason: "upstream sent too big trailers"}
	errChunkLine = &answer.BadField{Reason: "upstream sent too long chunk header"}
)

// parseChunks undoes the chunked coding up to the next data or the end.
func (c *call) parseChunks(b []byte) (data []byte, n int, err error) {
	d := &c.chunks
	for n < len(b) {
		if d.stage == chunkData {
			size := int(min(int64(len(b)-n), d.left))
			data = b[n : n+size]
			n += size
			if d.left -= int64(size); d.left == 0 {
				d.stage = chunkEnd
			}
			return data, n, nil
		}
		line, used, complete := d.line(b[n:])
		n += used
		if !complete {
			return nil, n, c.boundLine()
		}
		done, err := c.chunkLine(line)
		d.part = d.part[:0]
		if err != nil {
			return nil, n, err
		}
		if done {
			c.Done, c.Reusable = true, !c.Head.Close
			return nil, n, nil
		}
	}
	return nil, n, nil
}

// boundLine keeps a line that comes in pieces from growing without limit.
func (c *call) boundLine() error {
	d := &c.chunks
	switch {
	case d.stage != chunkTrailer:
		if len(d.part) > maxChunkLine {
			return errChunkLine
		}
	case c.settings.Answers.PassTrailers.V:
		if len(d.part)+d.size > int(c.settings.BufferSize.V) {
			return errTrailers
		}
	case len(d.part) > 2:
		// Nobody wants more of it than that it is not empty, and its end.
		d.part = append(d.part[:1], d.part[len(d.part)-1])
	}
	return nil
}

// line returns the line that b completes, without its end, which is CRLF.
func (d *chunkDecoder) line(b []byte) (line []byte, used int, complete bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		d.part = append(d.part, b...)
		return nil, len(b), false
	}
	if len(d.part) == 0 {
		return b[:i+1], i + 1, true
	}
	d.part = append(d.part, b[:i+1]...)
	return d.part, i + 1, true
}

// chunkLine takes a line between the data of chunks.
func (c *call) chunkLine(line []byte) (done bool, err error) {
	d := &c.chunks
	n := len(line) - 2
	if n < 0 || line[n] != '\r' {
		return false, errChunked
	}
	line = line[:n]
	switch d.stage {
	case chunkEnd:
		if n != 0 {
			return false, errChunked
		}
		d.stage = chunkSize
	case chunkSize:
		size, ok := parseChunkSize(line)
		if !ok {
			return false, errChunked
		}
		d.left = size
		d.stage = chunkData
		if size == 0 {
			d.stage = chunkTrailer
		}
	case chunkTrailer:
		if n == 0 {
			return true, nil
		}
		if !c.settings.Answers.PassTrailers.V {
			return false, nil
		}
		if d.size += n + 2; d.size > int(c.settings.BufferSize.V) {
			return false, errTrailers
		}
		return false, c.takeTrailer(line)
	}
	return false, nil
}

// takeTrailer keeps a trailer, whose line does not last.
func (c *call) takeTrailer(line []byte) error {
	f, skip, ok := answer.ParseField(c.Request.Keep(line))
	if !ok {
		return &answer.BadField{Reason: "upstream sent invalid trailer: \"" + answer.Quote(line) + "\""}
	}
	if !skip {
		c.Head.Trailers = append(c.Head.Trailers, f)
	}
	return nil
}

// parseChunkSize reads the hexadecimal size before extensions.
func parseChunkSize(line []byte) (size int64, ok bool) {
	for i, ch := range line {
		var d byte
		switch {
		case '0' <= ch && ch <= '9':
			d = ch - '0'
		case 'a' <= ch|0x20 && ch|0x20 <= 'f':
			d = ch | 0x20 - 'a' + 10
		case i > 0 && (ch == ';' || ch == ' ' || ch == '\t'):
			return size, bytes.IndexByte(line[i:], '\r') < 0
		default:
			return 0, false
		}
		if size > math.MaxInt64>>4 {
			return 0, false
		}
		size = size<<4 | int64(d)
	}
	return size, len(line) > 0
}
