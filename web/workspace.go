package web

import "sync"

// workspace is what answering a request takes: the request itself with its
// memory, and the buffers of the response. A connection has one only while it
// answers, so that the many that wait for their next request cost little, and
// the few that are busy share memory that is in the processor's caches.
type workspace struct {
	request Request
	stream  http1Stream
}

var workspaces = sync.Pool{New: func() any {
	w := new(workspace)
	w.request.init()
	w.request.stream = &w.stream
	return w
}}

// takeRequest gives the connection a request to read.
func (c *conn) takeRequest() *Request {
	w := workspaces.Get().(*workspace)
	w.request.conn, w.stream.c = c, c
	w.request.sentBefore = c.wire.Sent()
	c.space, c.req = w, &w.request
	return c.req
}

// maxKeptOutput is how large a buffer for a response may be to be kept.
const maxKeptOutput = 2 * maxWaiting

// dropRequest ends the use of the connection's request.
func (c *conn) dropRequest() {
	w := c.space
	c.space, c.req = nil, nil
	w.request.reset()
	w.request.conn = nil
	out := w.stream.out[:0]
	if cap(out) > maxKeptOutput {
		out = nil
	}
	w.stream = http1Stream{out: out}
	workspaces.Put(w)
}
