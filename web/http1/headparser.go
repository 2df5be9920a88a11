package http1

import (
	"bytes"
	"fmt"
)

// headParser reads a head from a growing slice of bytes, line by line. When
// the bytes move, it starts again from the beginning.
type headParser struct {
	pos     int  // where the first line not yet read begins
	scan    int  // no line end between pos and here
	checked int  // no forbidden byte between pos and here
	start   int  // where the request line begins, after empty lines
	fields  bool // the request line has been read
	room    int  // what is left of the buffer nginx would be reading into
	large   int  // how many large buffers nginx would have taken
}

// feed reads on in b, which holds everything received of this head since its
// first byte and perhaps what comes after. It says whether the head is
// complete; then pos is its length.
func (p *headParser) feed(h *Head, b []byte, lim *Limits) (done bool, bad *BadRequest) {
	if p.scan == 0 {
		p.room = orDefault(lim.HeaderBuffer, defaultHeaderBuffer)
	}
	for {
		i := bytes.IndexByte(b[p.scan:], '\n')
		if i < 0 {
			p.scan = len(b)
			return false, p.partial(b, lim)
		}
		end := p.scan + i
		line := b[p.pos:end]
		length := end + 1 - p.pos
		p.scan = end + 1
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		if len(line) == 0 && !p.fields {
			// "A server that is expecting to receive and parse a request-line
			// SHOULD ignore at least one empty line (CRLF) received prior to the
			// request-line" (RFC 9112 section 2.2).
			p.pos = p.scan
			if p.pos > orDefault(lim.HeaderBuffer, defaultHeaderBuffer) {
				return false, &BadRequest{400, reasonRequest}
			}
			p.room -= length
			p.start, p.checked = p.pos, p.pos
			continue
		}
		if !p.take(length, lim) {
			return false, p.tooLarge(line)
		}
		switch {
		case !p.fields:
			if bad = h.parseRequestLine(line); bad != nil {
				return false, bad
			}
			p.fields = true
			if h.Version == HTTP09 {
				p.pos = p.scan
				return true, nil
			}
		case len(line) == 0:
			p.pos = p.scan
			return true, h.finish(lim)
		default:
			if bad = h.addField(line, lim); bad != nil {
				return false, bad
			}
		}
		p.pos, p.checked = p.scan, p.scan
	}
}

// fits says whether a line of n bytes finds a place, and whether in a new
// large buffer: nginx copies a line that does not fit into the rest of a
// buffer to the beginning of the next one.
func (p *headParser) fits(n int, lim *Limits) (ok, anew bool) {
	if n <= p.room {
		return true, false
	}
	return p.large < orDefault(lim.LargeCount, defaultLargeCount) &&
		n <= orDefault(lim.LargeSize, defaultLargeSize), true
}

// take accounts for a complete line of n bytes.
func (p *headParser) take(n int, lim *Limits) bool {
	ok, anew := p.fits(n, lim)
	if ok && anew {
		p.large++
		p.room = orDefault(lim.LargeSize, defaultLargeSize)
	}
	p.room -= n
	return ok
}

// tooLarge is the answer to a line that finds no place.
func (p *headParser) tooLarge(line []byte) *BadRequest {
	if !p.fields {
		return &BadRequest{414, "client sent too long URI"}
	}
	return &BadRequest{StatusHeaderTooLarge, fmt.Sprintf(`client sent too long header line: "%s..."`, quote(line))}
}

// partial looks at the beginning of a line, so that what can never become a
// request is answered without waiting for its end.
func (p *headParser) partial(b []byte, lim *Limits) *BadRequest {
	line := b[p.pos:]
	if len(line) == 0 {
		return nil
	}
	if ok, _ := p.fits(len(line)+1, lim); !ok {
		return p.tooLarge(line)
	}
	// A CR at the very end may still become a line end.
	end := len(b)
	if b[end-1] == '\r' {
		end--
	}
	if p.pos == end {
		return nil
	}
	if !p.fields {
		if badMethod(b[p.pos:end]) {
			return &BadRequest{400, reasonMethod}
		}
		if fresh := b[p.checked:end]; controlIndex(fresh) >= 0 || bytes.IndexByte(fresh, '\t') >= 0 {
			return &BadRequest{400, reasonRequest}
		}
	} else if line[0] <= ' ' || controlIndex(b[p.checked:end]) >= 0 {
		return badField(line)
	}
	p.checked = end
	return nil
}
