// Package slice asks back ends for large responses in parts, each of which may be
// kept in the cache (ngx_http_slice_filter_module).
//
//	slice size;   0: not
//
// in http, server and location. The location passes $slice_range on as the header
// Range, and has it in its key of the cache.
package slice

import (
	"bytes"
	"errors"
	"math"
	"strconv"

	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/web"
	"tandem/web/message"
)

// Module makes a whole response of the first part. It stands before the other
// header filters.
var Module = &web.Module{
	Name: "slice",
	Commands: []nc.Command{
		{Name: "slice", In: nc.HTTP | nc.Server | nc.Location, Arity: nc.Take1,
			Set: nc.SetSize(web.At(conf, func(c *settings) *nc.Value[int64] { return &c.size }))},
	},
	Variables: []web.Variable{{Name: "slice_range", Changeable: true, Get: rangeVariable}},
	Init:      func(h *web.HTTP) error { return filterIfUsed(h, filter) },
}

// Rest has the parts follow that the client asks for. It stands behind the ranges.
var Rest = &web.Module{
	Name: "slice_rest",
	Init: func(h *web.HTTP) error { return filterIfUsed(h, filterRest) },
}

func filterIfUsed(h *web.HTTP, f web.HeaderFilter) error {
	if h.Any(func(l *web.Location) bool { return conf.Of(l).size.V > 0 }) {
		h.Filter(f)
	}
	return nil
}

type settings struct{ size nc.Value[int64] }

var conf = web.NewLocationSlot(func(c, p *settings) error {
	c.size.Inherit(p.size, 0)
	return nil
})

// slices are the parts of one response, which the request and its subrequests
// share.
type slices struct {
	size  int64
	start int64  // of the part that is being asked for, and then of the next one
	end   int64  // of what the client gets
	etag  []byte // of all parts
	came  bool   // the part that was asked for
}

var states = web.NewContext[slices]()

// rangeVariable is the range to ask for. The first time that a request asks for it
// makes it one of several.
func rangeVariable(r *web.Request, dst []byte) ([]byte, bool) {
	s := states.Of(r)
	if s == nil {
		size := conf.Of(r.Location).size.V
		if !r.IsMain() || r.Response.Status != 0 || size == 0 {
			return dst, false
		}
		s = &slices{size: size, start: firstByte(r) / size * size}
		states.Set(r, s)
	}
	dst = strconv.AppendInt(append(dst, "bytes="...), s.start, 10)
	return strconv.AppendInt(append(dst, '-'), s.start+s.size-1, 10), true
}

// firstByte returns where the range begins that the client asks for.
func firstByte(r *web.Request) int64 {
	v := r.Header(message.Range)
	if r.Header(message.IfRange) != nil || len(v) < 7 || !message.EqualLower(v[:6], "bytes=") || bytes.IndexByte(v, ',') >= 0 {
		return 0
	}
	n, _, _ := number(v[6:])
	return n
}

// filter makes 200 of the 206 of a part.
func filter(r *web.Request) web.Code {
	s, p := states.Of(r), &r.Response
	if s == nil {
		return web.OK
	}
	if p.Status != 206 {
		if r.IsMain() {
			states.Set(r, nil)
			return web.OK
		}
		return fail(r, "unexpected status code %d in slice response", p.Status)
	}
	tag := p.ETag()
	if len(s.etag) > 0 && !bytes.Equal(tag, s.etag) {
		return fail(r, "etag mismatch in slice response")
	}
	if tag != nil {
		s.etag = r.Keep(tag)
	}
	part, ok := parseContentRange(p.Get("Content-Range"))
	switch end := min(s.start+s.size, part.length); {
	case !ok:
		return fail(r, "invalid range in slice response")
	case part.length == -1:
		return fail(r, "no complete length in slice response")
	case part.start != s.start || part.end != end:
		return fail(r, "unexpected range in slice response: %d-%d, expected: %d-%d", part.start, part.end, s.start, end)
	}
	s.start, s.end, s.came = part.end, part.length, true
	p.Status, p.StatusLine = 200, nil
	p.ContentLength, p.ContentOffset = part.length, part.start
	p.Del("Content-Range")
	p.Del("Accept-Ranges")
	r.AllowRanges, r.SubrequestRanges, r.SingleRange = true, true, true
	return web.OK
}

func fail(r *web.Request, format string, args ...any) web.Code {
	r.Logf(errorlog.Error, format, args...)
	return web.Error
}

// filterRest settles which parts follow, when the client's range is known.
func filterRest(r *web.Request) web.Code {
	s, p := states.Of(r), &r.Response
	if s == nil || !r.IsMain() || !s.came {
		return web.OK
	}
	if p.Status == 206 {
		if s.start+s.size <= p.ContentOffset {
			s.start = p.ContentOffset / s.size * s.size
		}
		s.end = p.ContentOffset + p.ContentLength
	}
	r.AddFirstBodyFilter(s)
	return web.OK
}

var errMissing = errors.New("missing slice response")

// Body passes the first part on, and has the others follow.
func (s *slices) Body(r *web.Request, c web.Chunk, next web.Next) error {
	if !c.Last {
		return next.Send(c)
	}
	return next.SendAndGoOn(c, func() error {
		for s.start < s.end {
			s.came = false
			if r.Clone(func(sr *web.Request) { states.Set(sr, s) }) == nil || !s.came {
				return errMissing
			}
		}
		return nil
	})
}

// contentRange is the value of a Content-Range.
type contentRange struct {
	start, end int64 // end is the first byte that is not part of it
	length     int64 // of the whole; -1: not told
}

// parseContentRange reads "bytes 0-9/100", with spaces where nginx takes them.
func parseContentRange(v []byte) (c contentRange, ok bool) {
	v, ok = bytes.CutPrefix(v, []byte("bytes "))
	if !ok {
		return c, false
	}
	if c.start, v, ok = number(v); !ok {
		return c, false
	}
	if v, ok = bytes.CutPrefix(spaces(v), []byte("-")); !ok {
		return c, false
	}
	if c.end, v, ok = number(v); !ok || c.end == math.MaxInt64 {
		return c, false
	}
	c.end++
	if v, ok = bytes.CutPrefix(spaces(v), []byte("/")); !ok {
		return c, false
	}
	if rest, unknown := bytes.CutPrefix(spaces(v), []byte("*")); unknown {
		c.length, v = -1, rest
	} else if c.length, v, ok = number(v); !ok {
		return c, false
	}
	return c, len(spaces(v)) == 0
}

func spaces(v []byte) []byte { return bytes.TrimLeft(v, " ") }

// number reads 1*DIGIT that fits into 63 bits, and returns what follows.
func number(v []byte) (n int64, rest []byte, ok bool) {
	v = spaces(v)
	i := 0
	for ; i < len(v) && v[i] >= '0' && v[i] <= '9'; i++ {
		if n > (math.MaxInt64-int64(v[i]-'0'))/10 {
			return 0, v, false
		}
		n = n*10 + int64(v[i]-'0')
	}
	return n, v[i:], i > 0
}
