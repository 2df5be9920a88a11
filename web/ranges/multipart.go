package ranges

import (
	"errors"
	"strconv"
	"sync/atomic"

	"tandem/internal/errorlog"
	"tandem/web"
)

// Boundaries are numbers that count up, of as many digits as nginx gives them.
const boundaryDigits = 20

var boundaries atomic.Uint64

func appendBoundary(dst []byte, n uint64) []byte {
	var digits [boundaryDigits]byte
	text := strconv.AppendUint(digits[:0], n, 10)
	for range boundaryDigits - len(text) {
		dst = append(dst, '0')
	}
	return append(dst, text...)
}

// manyParts completes the head of a response with several ranges: their parts
// get heads of their own (RFC 9110, 14.6).
func (s *state) manyParts(r *web.Request) {
	p := &r.Response
	boundary := boundaries.Add(1)
	b := appendBoundary(append(r.Scratch(), "\r\n--"...), boundary)
	s.end = r.Keep(append(b, "--\r\n"...))
	b = append(b, "\r\n"...)
	if len(p.ContentType) > 0 {
		b = append(append(b, "Content-Type: "...), p.ContentType...)
		if len(p.Charset) > 0 {
			b = append(append(b, "; charset="...), p.Charset...)
		}
		b = append(b, "\r\n"...)
	}
	s.delimiter = r.Keep(append(b, "Content-Range: bytes "...))

	b = append(b[:0], "multipart/byteranges; boundary="...)
	p.ContentType = r.Keep(appendBoundary(b, boundary))
	p.Charset = nil

	total := int64(len(s.end))
	for _, part := range s.spans {
		total += int64(len(s.delimiter)+len(s.appendPartRange(b[:0], part))) + part.len()
	}
	r.Unscratch(b)
	p.ContentLength = total
	p.Del("Content-Range")
}

func (s *state) appendPartRange(dst []byte, part span) []byte {
	return append(appendContentRange(dst, part, s.length), "\r\n\r\n"...)
}

// manyParts is the body filter of several ranges. What they are of must come as
// one piece, as the content of a file does.
type manyParts state

var errPieces = errors.New("range in overlapped buffers")

// Body implements web.BodyFilter.
func (f *manyParts) Body(r *web.Request, c web.Chunk, next web.Next) error {
	n := c.Len()
	if n == 0 {
		if f.offset > 0 {
			return nil
		}
		return next.Send(c)
	}
	for _, part := range f.spans {
		if f.offset > 0 || part.end > n {
			r.Logf(errorlog.Alert, "%v", errPieces)
			return errPieces
		}
	}
	f.offset = n
	head := r.Scratch()
	defer func() { r.Unscratch(head) }()
	for _, part := range f.spans {
		head = (*state)(f).appendPartRange(append(head[:0], f.delimiter...), part)
		if err := next.Send(web.Chunk{Data: head}); err != nil {
			return err
		}
		body := cut(c, part.start, part.end)
		body.Last, body.Flush = false, false
		if err := next.Send(body); err != nil {
			return err
		}
	}
	return next.Send(web.Chunk{Data: f.end, Last: true})
}
