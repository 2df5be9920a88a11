package web

import (
	"errors"
	"io"
	"sync"

	"tandem/internal/flow"
)

// FileSegment is a part of an open file.
type FileSegment struct {
	File     flow.File // open until Request.Send returns
	Off, Len int64
}

// BodyFilter stands in the way of a response body. One is made for each
// response that it concerns, by a header filter.
type BodyFilter interface {
	// Body takes the next piece and hands on, through next, what it makes of
	// it. After a piece that is Last no more follows.
	Body(r *Request, c Chunk, next Next) error
}

// Next is the rest of the chain after one body filter.
type Next struct {
	r *Request
	i int
}

// Send hands a piece to the rest of the chain.
func (n Next) Send(c Chunk) error {
	if n.r.goesOn && n.i == n.r.postponeIndex() {
		c.Last = false
	}
	if n.i < len(n.r.filters) {
		return n.r.filters[n.i].Body(n.r, c, Next{n.r, n.i + 1})
	}
	return n.r.sendPastFilters(c)
}

// SendAndGoOn hands on the last piece of a main request's own body, has more add
// to the response, through subrequests, and then ends it. For filters that
// belong to the request alone c is the last piece; those that see the response
// as a whole see it go on.
func (n Next) SendAndGoOn(c Chunk, more func() error) error {
	n.r.goesOn = true
	c.Last = true
	err := n.Send(c)
	n.r.goesOn = false
	if err == nil {
		err = more()
	}
	if err != nil {
		return err
	}
	return Next{n.r, n.r.postponeIndex()}.Send(Chunk{Last: true})
}

// AddBodyFilter puts f behind the body filters that are there already.
func (r *Request) AddBodyFilter(f BodyFilter) { r.filters = append(r.filters, f) }

// AddFirstBodyFilter puts f before the body filters that are there already.
func (r *Request) AddFirstBodyFilter(f BodyFilter) {
	r.filters = append(r.filters, nil)
	copy(r.filters[1:], r.filters)
	r.filters[0] = f
}

// ErrBodySent reports a piece of a body after its last one.
var ErrBodySent = errors.New("web: body after its end")

// Send gives the next piece of the response's body to the filters.
func (r *Request) Send(c Chunk) error {
	if r.HeaderOnly {
		return nil
	}
	return Next{r, 0}.Send(c)
}

// sendPastFilters takes what the filters of r left: to the client, to the
// main request's remaining filters, or into memory.
func (r *Request) sendPastFilters(c Chunk) error {
	switch {
	case r.InMemoryOutput:
		return r.collect(c)
	case r.IsMain():
		return r.carrier.SendBody(c)
	}
	// A subrequest's body becomes part of the main one's, which goes on.
	c.Last = false
	if c.Len() == 0 && !c.Flush {
		return nil
	}
	r.output = r.output || c.Len() > 0
	return Next{r.Main, r.Main.postponeIndex()}.Send(c)
}

// HasOutput reports whether a subrequest has sent anything of a body.
func (r *Request) HasOutput() bool { return r.output || len(r.Output) > 0 }

// collect keeps a subrequest's body in r.Output.
func (r *Request) collect(c Chunk) error {
	limit := r.Core.SubrequestBuffer.V
	if int64(len(r.Output))+c.Len() > limit {
		r.Logf(errLevelError, "too big subrequest response while sending to client")
		return ErrTooBig
	}
	r.Output = append(r.Output, c.Data...)
	if c.File.Len > 0 {
		start := len(r.Output)
		r.Output = append(r.Output, make([]byte, c.File.Len)...)
		if _, err := c.File.File.ReadAt(r.Output[start:], c.File.Off); err != nil {
			return err
		}
	}
	return nil
}

// ErrTooBig reports a subrequest response beyond subrequest_output_buffer_size.
var ErrTooBig = errors.New("web: too big subrequest response")

// BelowPostpone is implemented by body filters that see a response as a whole,
// subrequests included, such as gzip: they come after the point at which the
// bodies of subrequests join that of the main request.
type BelowPostpone interface{ BelowPostpone() }

// postponeIndex is where in the filters the bodies of subrequests join.
func (r *Request) postponeIndex() int {
	for i, f := range r.filters {
		if _, ok := f.(BelowPostpone); ok {
			return i
		}
	}
	return len(r.filters)
}

// copyBuffer is how much of a file is read at a time for filters that need
// bytes.
const copyBuffer = 32 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

// EachPiece calls f with the bytes of c piece by piece, reading files, for
// filters that work on bytes. The slice is valid during the call.
func (c *Chunk) EachPiece(f func([]byte) error) error {
	if len(c.Data) > 0 {
		if err := f(c.Data); err != nil {
			return err
		}
	}
	if c.File.Len == 0 {
		return nil
	}
	pooled := copyBuffers.Get().(*[copyBuffer]byte)
	defer copyBuffers.Put(pooled)
	buf := pooled[:]
	off, left := c.File.Off, c.File.Len
	for left > 0 {
		n, err := c.File.File.ReadAt(buf[:min(int64(len(buf)), left)], off)
		if n == 0 {
			if err == io.EOF {
				return io.ErrUnexpectedEOF
			}
			return err
		}
		if err := f(buf[:n]); err != nil {
			return err
		}
		off += int64(n)
		left -= int64(n)
	}
	return nil
}
