package http1

import (
	"bytes"
	"fmt"

	"tandem/web/message"
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
func (p *headParser) feed(h *message.Head, b []byte, lim *Limits) (done bool, bad *message.BadRequest) {
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
				return false, message.Bad(400, reasonRequest)
			}
			p.room -= length
			p.start, p.checked = p.pos, p.pos
			continue
		}
		if !p.take(length, lim) {
			return false, p.partial(b[:end], lim)
		}
		switch {
		case !p.fields:
			if bad = parseRequestLine(h, line); bad != nil {
				return false, bad
			}
			p.fields = true
			if h.Version == message.HTTP09 {
				p.pos = p.scan
				return true, nil
			}
		case len(line) == 0:
			p.pos = p.scan
			return true, finish(h, lim)
		default:
			if bad = addField(h, line, lim); bad != nil {
				return false, bad
			}
		}
		p.pos, p.checked = p.scan, p.scan
	}
}

// limit is the longest line that finds a place, its end included: in what is
// left of the present buffer, or in a new large one, to the beginning of which
// nginx copies a line that does not fit.
func (p *headParser) limit(lim *Limits) int {
	if p.large < orDefault(lim.LargeCount, defaultLargeCount) {
		return max(p.room, orDefault(lim.LargeSize, defaultLargeSize))
	}
	return p.room
}

// take accounts for a complete line of n bytes, and says whether it finds a
// place.
func (p *headParser) take(n int, lim *Limits) bool {
	if n > p.limit(lim) {
		return false
	}
	if n > p.room {
		p.large++
		p.room = orDefault(lim.LargeSize, defaultLargeSize)
	}
	p.room -= n
	return true
}

// partial looks at the beginning of a line, from pos to the end of b, so that
// what can never become a request is answered without waiting for its end. No
// more is looked at than what finds a place, so that the answer does not depend
// on how the bytes arrive.
func (p *headParser) partial(b []byte, lim *Limits) *message.BadRequest {
	if len(b) == p.pos {
		return nil
	}
	limit := p.limit(lim)
	tooLong := len(b)-p.pos >= limit
	if tooLong {
		b = b[:p.pos+limit]
	}
	end := len(b)
	if end > p.pos && b[end-1] == '\r' {
		end-- // it may still become a line end
	}
	if line := b[p.pos:end]; len(line) > 0 {
		fresh := b[p.checked:end]
		switch {
		case !p.fields && badMethod(line):
			return message.Bad(400, reasonMethod)
		case !p.fields && (message.ControlIndex(fresh) >= 0 || bytes.IndexByte(fresh, '\t') >= 0):
			return message.Bad(400, reasonRequest)
		case p.fields && (line[0] <= ' ' || message.ControlIndex(fresh) >= 0):
			return badField(line)
		}
		p.checked = end
	}
	switch {
	case !tooLong:
		return nil
	case !p.fields:
		return message.Bad(414, "client sent too long URI")
	}
	return message.Bad(message.StatusHeaderTooLarge,
		fmt.Sprintf(`client sent too long header line: "%s..."`, message.Quote(b[p.pos:])))
}
