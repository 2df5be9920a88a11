// Package ranges answers requests for parts of a body with 206
// (ngx_http_range_filter_module).
package ranges

import (
	"bytes"
	"strconv"

	"tandem/web"
	"tandem/web/message"
)

// Module looks at Range and If-Range. The directive max_ranges belongs to the
// core.
var Module = &web.Module{
	Name: "range",
	Init: func(h *web.HTTP) error {
		h.Filter(filter)
		return nil
	},
}

// state is what the header filter leaves for the body.
type state struct {
	spans  []span
	first  [4]span // memory of spans
	offset int64   // of the next byte that comes from the handler
	length int64   // of the whole body

	// Of several ranges.
	delimiter []byte // what precedes each part, up to its Content-Range
	end       []byte // what follows the last
}

var states = web.NewContext[state]()

func filter(r *web.Request) web.Code {
	p := &r.Response
	if r.Head.Version < message.HTTP10 || p.Status != 200 || !r.IsMain() && !r.SubrequestRanges ||
		p.ContentLength == -1 || !r.AllowRanges {
		return web.OK
	}
	limit := r.Core.MaxRanges.V
	if limit == 0 {
		return web.OK
	}
	value := r.Header(message.Range)
	if !hasUnit(value) || !applies(r) {
		return acceptRanges(r)
	}
	if r.SingleRange {
		limit = 1
	}
	s := states.Take(r)
	s.offset, s.length = p.ContentOffset, p.ContentLength
	var what verdict
	if main := states.Of(r.Main); !r.IsMain() && main != nil && len(main.spans) > 0 {
		s.spans, what = main.spans, partial
	} else {
		s.spans, what = parse(value[len(unit):], p.ContentLength, limit, s.first[:0])
	}
	switch what {
	case ignore:
		return acceptRanges(r)
	case unsatisfiable:
		p.Status = 416
		setContentRange(r, appendUnsatisfied, span{})
		p.ClearContentLength()
		return 416
	}
	p.Status = 206
	p.StatusLine = nil
	if len(s.spans) == 1 {
		s.onePart(r)
		r.AddFirstBodyFilter((*onePart)(s))
	} else {
		s.manyParts(r)
		r.AddFirstBodyFilter((*manyParts)(s))
	}
	return web.OK
}

var unit = []byte("bytes=")

// hasUnit reports whether a Range header is one of bytes, with something behind
// it.
func hasUnit(value []byte) bool {
	return len(value) > len(unit) && bytes.EqualFold(value[:len(unit)], unit)
}

var acceptBytes = []byte("bytes")

func acceptRanges(r *web.Request) web.Code {
	r.Response.Add("Accept-Ranges", acceptBytes)
	return web.OK
}

// applies judges If-Range: an entity tag or a date that must be that of the
// body, or else all of it is sent (RFC 9110, 13.1.5).
func applies(r *web.Request) bool {
	value := r.Header(message.IfRange)
	if value == nil {
		return true
	}
	if len(value) >= 2 && value[len(value)-1] == '"' {
		tag := r.Response.ETag()
		return tag != nil && bytes.Equal(tag, value)
	}
	if r.Response.LastModified == -1 {
		return false
	}
	since, ok := message.ParseTime(value)
	return ok && since == r.Response.LastModified
}

func setContentRange(r *web.Request, text func([]byte, span, int64) []byte, s span) {
	value := text(r.Scratch(), s, r.Response.ContentLength)
	r.Response.Set("Content-Range", r.Keep(value))
	r.Unscratch(value)
}

func appendUnsatisfied(dst []byte, _ span, length int64) []byte {
	return strconv.AppendInt(append(dst, "bytes */"...), length, 10)
}

func appendContentRange(dst []byte, s span, length int64) []byte {
	dst = strconv.AppendInt(dst, s.start, 10)
	dst = strconv.AppendInt(append(dst, '-'), s.end-1, 10)
	return strconv.AppendInt(append(dst, '/'), length, 10)
}

// onePart completes the head of a response with one range.
func (s *state) onePart(r *web.Request) {
	if !r.IsMain() {
		return
	}
	setContentRange(r, func(dst []byte, part span, length int64) []byte {
		return appendContentRange(append(dst, "bytes "...), part, length)
	}, s.spans[0])
	r.Response.ContentLength = s.spans[0].len()
	r.Response.ContentOffset = s.spans[0].start
}

// onePart is the body filter of one range: it lets pass what lies in it.
type onePart state

// Body implements web.BodyFilter.
func (f *onePart) Body(_ *web.Request, c web.Chunk, next web.Next) error {
	part := f.spans[0]
	begin := f.offset
	n := c.Len()
	f.offset += n
	if n == 0 {
		if part.end <= begin {
			// The last byte has been sent, and with it the end.
			return nil
		}
		return next.Send(c)
	}
	if part.end <= begin || part.start >= f.offset {
		return nil
	}
	c = cut(c, max(part.start-begin, 0), min(part.end-begin, n))
	c.Last = c.Last || part.end <= f.offset
	return next.Send(c)
}

// cut returns the bytes from start to end of a piece of a body.
func cut(c web.Chunk, start, end int64) web.Chunk {
	data := int64(len(c.Data))
	out := c
	out.Data = c.Data[min(start, data):min(end, data)]
	out.File.Off = c.File.Off + max(start-data, 0)
	out.File.Len = max(end-data, 0) - max(start-data, 0)
	if out.File.Len == 0 {
		out.File.File = nil
	}
	return out
}
