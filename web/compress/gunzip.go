package compress

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/klauspost/compress/gzip"

	nc "tandem/nginxconf"
	"tandem/web"
)

// Gunzip unpacks responses with "Content-Encoding: gzip" for clients that do
// not accept it (ngx_http_gunzip_filter_module).
var Gunzip = &web.Module{
	Name: "gunzip",
	Commands: []nc.Command{
		{Name: "gunzip", In: everywhere, Arity: nc.Flag, Set: nc.SetFlag(web.At(gunzipConf, func(c *gunzipSettings) *nc.Value[bool] { return &c.on }))},
		{Name: "gunzip_buffers", In: everywhere, Arity: nc.Take2, Set: checkBuffers},
	},
	Init: func(h *web.HTTP) error {
		if h.Any(func(l *web.Location) bool { return gunzipConf.Of(l).on.V }) {
			h.Filter(unpack)
		}
		return nil
	},
}

type gunzipSettings struct{ on nc.Value[bool] }

var gunzipConf = web.NewLocationSlot(func(c, p *gunzipSettings) error {
	c.on.Inherit(p.on, false)
	return nil
})

// unpack is the header filter.
func unpack(r *web.Request) web.Code {
	p := &r.Response
	if !gunzipConf.Of(r.Location).on.V || !bytes.EqualFold(p.Get("Content-Encoding"), codingValues[gzipCoding]) {
		return web.OK
	}
	Vary(r)
	if AcceptsGzip(r) {
		return web.OK
	}
	p.Del("Content-Encoding")
	p.ClearContentLength()
	r.ClearAcceptRanges()
	r.WeakenETag()
	r.AddBodyFilter(new(unpacking))
	return web.OK
}

// unpacking is one response that is being unpacked. The unpacker wants to read
// and the filter is written to, so the unpacker is a coroutine: it runs until it
// has used up a piece and goes on with the next.
type unpacking struct {
	piece  []byte // not read yet
	last   bool   // no further piece comes
	next   web.Next
	yield  func(struct{}) bool
	resume func() (struct{}, bool)
	err    error
}

// unpacker is the memory that unpacking takes.
type unpacker struct {
	gzip gzip.Reader
	in   *bufio.Reader
	out  [outSize]byte
}

var unpackers = sync.Pool{New: func() any { return &unpacker{in: bufio.NewReader(nil)} }}

// Body unpacks a piece.
func (u *unpacking) Body(r *web.Request, c web.Chunk, next web.Next) error {
	if u.err != nil {
		return u.err
	}
	if u.resume == nil {
		var stop func()
		u.resume, stop = iter.Pull(u.run)
		r.OnEnd(stop)
	}
	u.next = next
	err := c.EachPiece(func(b []byte) error {
		u.piece = b
		u.resume()
		return u.err
	})
	if err == nil && c.Last {
		u.last = true
		u.resume()
		err = u.err
	}
	if err != nil || !c.Last && !c.Flush {
		return err
	}
	return next.Send(web.Chunk{Last: c.Last, Flush: c.Flush})
}

// errAbandoned ends the coroutine of a response that was not sent to its end.
var errAbandoned = errors.New("response abandoned")

// run is the coroutine.
func (u *unpacking) run(yield func(struct{}) bool) {
	m := unpackers.Get().(*unpacker)
	defer unpackers.Put(m)
	u.yield = yield
	m.in.Reset(u)
	err := m.gzip.Reset(m.in)
	for err == nil {
		var n int
		n, err = m.gzip.Read(m.out[:])
		if n > 0 {
			if sendErr := u.next.Send(web.Chunk{Data: m.out[:n]}); sendErr != nil {
				u.err = sendErr
				return
			}
		}
	}
	if err != io.EOF || !u.last {
		u.err = fmt.Errorf("inflate() failed: %w", err)
	}
}

// Read waits for the next piece.
func (u *unpacking) Read(p []byte) (int, error) {
	for len(u.piece) == 0 {
		if u.last {
			return 0, io.EOF
		}
		if !u.yield(struct{}{}) {
			return 0, errAbandoned
		}
	}
	n := copy(p, u.piece)
	u.piece = u.piece[n:]
	return n, nil
}
