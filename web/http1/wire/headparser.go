package wire

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
func (p *headParser) feed(h *message.Head, b []byte, lim *message.Limits) (done bool, bad *message.BadRequest) {
	if p.scan == 0 {
		p.room = orDefault(lim.HeaderBuffer, defaultHeaderBuffer)
	}
	for {
		i := bytes.IndexByte(b[p.scan:], '\n')
		if i < 0 {
			p.scan = len(b)
			return false, p.partial(h, b, lim)
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
			return false, p.partial(h, b[:end], lim)
		}
		switch {
		case !p.fields:
			bad = readRequestLine(h, line)
			if bad == nil || h.Target != nil {
				h.LineSize, h.Size = length, length
			}
			if bad != nil {
				return false, bad
			}
			p.fields = true
			if h.Version == message.HTTP09 {
				p.pos = p.scan
				return true, nil
			}
		case len(line) == 0:
			p.pos, h.Size = p.scan, p.scan-p.start
			return true, finish(h, lim)
		default:
			if !parseFieldLine(h.NextField(), line, lim.UnderscoresInHeaders) {
				return false, badField(line)
			}
			h.Size = p.scan - p.start
			if bad = h.Add(lim.IgnoreInvalidHeaders, orDefault(lim.MaxHeaders, defaultMaxHeaders)); bad != nil {
				return false, bad
			}
		}
		p.pos, p.checked = p.scan, p.scan
	}
}

// limit is the longest line that finds a place, its end included: in what is
// left of the present buffer, or in a new large one, to the beginning of which
// nginx copies a line that does not fit.
func (p *headParser) limit(lim *message.Limits) int {
	if p.large < orDefault(lim.LargeCount, defaultLargeCount) {
		return max(p.room, orDefault(lim.LargeSize, defaultLargeSize))
	}
	return p.room
}

// take accounts for a complete line of n bytes, and says whether it finds a
// place.
func (p *headParser) take(n int, lim *message.Limits) bool {
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
func (p *headParser) partial(h *message.Head, b []byte, lim *message.Limits) *message.BadRequest {
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
		if p.fields {
			if line[0] <= ' ' || message.ControlIndex(b[p.checked:end]) >= 0 {
				return badField(line)
			}
		} else if reason, at := badLine(line, p.checked-p.pos); reason != "" {
			if at < p.room {
				line = line[:min(len(line), p.room)]
			}
			h.Line = untilLineEnd(line)
			return message.Bad(400, reason)
		}
		p.checked = end
	}
	switch {
	case !tooLong:
		return nil
	case !p.fields:
		h.Line = untilLineEnd(b[p.pos:])
		return message.Bad(414, "client sent too long URI")
	}
	return message.Bad(message.StatusHeaderTooLarge,
		fmt.Sprintf(`client sent too long header line: "%s..."`, b[p.pos:][:min(len(b)-p.pos, maxQuotedLine)]))
}

// maxQuotedLine is how much of a field line that is too long nginx's log shows.
const maxQuotedLine = 1748

// untilLineEnd returns what nginx takes for the request line when it has not read
// one: the bytes before the first CR or LF.
func untilLineEnd(b []byte) []byte {
	if i := bytes.IndexAny(b, "\r\n"); i >= 0 {
		return b[:i]
	}
	return b
}
