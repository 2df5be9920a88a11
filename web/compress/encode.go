package compress

import (
	"strconv"
	"sync"

	"tandem/web"
)

// encoding is one response that is being compressed.
type encoding struct {
	coding coding
	pool   *pool
	coder  coder // nil before the first piece and after the last
	out    *[]byte
	r      *web.Request
	next   web.Next
	in     int64 // bytes of the response
	packed int64 // bytes that they became
	done   bool
}

var encodings = web.NewContext[encoding]()

// BelowPostpone marks a filter that sees the response as a whole.
func (e *encoding) BelowPostpone() {}

// choose is the header filter: it finds out whether the response is to be
// compressed, and how.
func choose(r *web.Request) web.Code {
	c := conf.Of(r.Location)
	p := &r.Response
	if !c.any || p.Status != 200 && p.Status != 403 && p.Status != 404 || r.HeaderOnly || len(p.Get("Content-Encoding")) > 0 {
		return web.OK
	}
	best, quality := codings, 0
	for i := range codings {
		s := &c.coded[i]
		if !s.on.V || p.ContentLength != -1 && p.ContentLength < s.minLength.V || !s.types.V.Has(p.ContentType) {
			continue
		}
		Vary(r)
		if q := Accepts(r, i.name()); q > quality {
			best, quality = i, q
		}
	}
	if best == codings {
		return web.OK
	}
	e := encodings.Take(r)
	e.coding, e.pool, e.r = best, c.coded[best].pool, r
	p.Add("Content-Encoding", codingValues[best])
	p.ClearContentLength()
	r.ClearAcceptRanges()
	r.WeakenETag()
	r.AddBodyFilter(e)
	return web.OK
}

func (i coding) name() string { return codingNames[i] }

// outSize is how many bytes are gathered before they go on.
const outSize = 32 << 10

var outs = sync.Pool{New: func() any { b := make([]byte, 0, outSize); return &b }}

// Body compresses a piece.
func (e *encoding) Body(r *web.Request, c web.Chunk, next web.Next) error {
	if e.done {
		return next.Send(c)
	}
	e.next = next
	if e.coder == nil {
		if c.Len() == 0 && !c.Last {
			return nil
		}
		e.out = outs.Get().(*[]byte)
		e.coder = e.pool.get(e)
	}
	err := e.encode(c)
	switch {
	case err != nil:
	case c.Last:
		if err = e.coder.Close(); err == nil {
			err = next.Send(web.Chunk{Data: *e.out, Last: true})
		}
	case c.Flush:
		if err = e.coder.Flush(); err == nil {
			err = next.Send(web.Chunk{Data: *e.out, Flush: true})
			*e.out = (*e.out)[:0]
		}
	}
	if c.Last || err != nil {
		e.end()
	}
	return err
}

func (e *encoding) encode(c web.Chunk) error {
	e.in += c.Len()
	if c.File.Len == 0 {
		_, err := e.coder.Write(c.Data)
		return err
	}
	return c.EachPiece(func(b []byte) error {
		_, err := e.coder.Write(b)
		return err
	})
}

// end gives the memory back.
func (e *encoding) end() {
	e.done = true
	e.pool.put(e.coder)
	e.coder = nil
	*e.out = (*e.out)[:0]
	outs.Put(e.out)
	e.out = nil
}

// Write takes what the compressor puts out.
func (e *encoding) Write(b []byte) (int, error) {
	e.packed += int64(len(b))
	if len(*e.out)+len(b) > outSize {
		if len(*e.out) > 0 {
			if err := e.next.Send(web.Chunk{Data: *e.out}); err != nil {
				return 0, err
			}
			*e.out = (*e.out)[:0]
		}
		if len(b) > outSize {
			return len(b), e.next.Send(web.Chunk{Data: b})
		}
	}
	*e.out = append(*e.out, b...)
	return len(b), nil
}

// ratio is the variable that says how many times smaller a response became,
// with two decimals; it has no value for a response that did not become it.
func ratio(i coding) web.Getter {
	return func(r *web.Request, dst []byte) ([]byte, bool) {
		e := encodings.Of(r)
		if e == nil || e.coding != i || !e.done || e.packed == 0 {
			return dst, false
		}
		hundredths := e.in * 100 / e.packed
		if e.in*1000/e.packed%10 > 4 {
			hundredths++
		}
		dst = append(strconv.AppendInt(dst, hundredths/100, 10), '.')
		return append(dst, byte('0'+hundredths/10%10), byte('0'+hundredths%10)), true
	}
}
