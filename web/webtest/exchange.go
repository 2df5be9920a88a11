package webtest

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"tandem/internal/flow"
	"tandem/web"
	"tandem/web/message"
)

// Exchange is a request without a connection, and what comes of it: a carrier in
// memory, of no version of HTTP.
type Exchange struct {
	// What the client sends. The zero values are GET, "/", "localhost" and HTTP/2.
	Method, Target, Host string
	Version              message.Version
	Fields               []string // "Name: value"
	// Body is sent in these pieces; nil: there is none. With Announced the client
	// tells its length.
	Body      []string
	Announced bool
	// BodyEnd is what ReadBody returns after Body; nil: io.EOF. flow.ErrNotYet: the
	// rest does not come before Continue.
	BodyEnd error
	// Faulty is what DropBody finds.
	Faulty error
	// SendError is what all sending comes to.
	SendError error

	// What has come of it. Head is the fields in their order, "Name: value".
	Status  int
	Head    []string
	Content string
	Trailer []string
	Interim []string // "103 Name: value, Name: value"
	// Ended: the response has come to its end. Flushed is how often what waited
	// was sent, Dropped whether the body was, Reset and TooSlow what became of a
	// client that was too slow.
	Ended, Dropped, TooSlow, Reset bool
	Flushed                        int

	Request *web.Request

	mu          sync.Mutex
	changed     *sync.Cond
	left        bool
	gone        func()
	slow        func()
	interrupted bool
	taken       int64
}

// New reads a configuration and puts it to work without sockets: its requests are
// exchanges. It ends with the test.
func New(t testing.TB, conf string, modules []*web.Module, files map[string]string) *Server {
	t.Helper()
	s := newServer(t, files)
	s.read(t, conf, modules)
	s.Gen = web.NewGeneration(s.HTTP, s.stats)
	t.Cleanup(func() {
		s.Gen.Retire(nil)
		s.Gen.Abort()
	})
	return s
}

// Exchange has the server answer x, on a connection of its own to the first
// port.
func (s *Server) Exchange(t testing.TB, x *Exchange) *Exchange {
	t.Helper()
	return s.ExchangeBy(t, x, x)
}

// ExchangeBy is Exchange with a carrier that is x and can do more.
func (s *Server) ExchangeBy(t testing.TB, carrier web.Carrier, x *Exchange) *Exchange {
	t.Helper()
	c := s.Gen.Connect(s.HTTP.Ports[0], localAddr, clientAddr)
	defer c.Disconnect()
	x.mu.Lock()
	x.changed, x.Body = sync.NewCond(&x.mu), slices.Clone(x.Body)
	x.mu.Unlock()
	r := web.NewRequest(carrier)
	x.Request = r
	r.Open(c)
	if bad := x.fill(r.Head, &r.Server.Core.Limits); bad != nil {
		r.Refuse(bad)
	} else {
		r.Serve()
	}
	return x
}

var (
	localAddr  = net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:8080"))
	clientAddr = net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.2:1234"))
)

// Ask is Exchange for a GET.
func (s *Server) Ask(t testing.TB, target string, fields ...string) *Exchange {
	t.Helper()
	return s.Exchange(t, &Exchange{Target: target, Fields: fields})
}

// fill makes the head of the request.
func (x *Exchange) fill(h *message.Head, lim *message.Limits) *message.BadRequest {
	or := func(s, otherwise string) []byte {
		if s == "" {
			return []byte(otherwise)
		}
		return []byte(s)
	}
	h.Reset()
	h.Method, h.Target = or(x.Method, "GET"), or(x.Target, "/")
	if h.Version = x.Version; h.Version == 0 {
		h.Version = message.HTTP2
	}
	h.Protocol = []byte(h.Version.String())
	h.Line = fmt.Appendf(nil, "%s %s %s", h.Method, h.Target, h.Protocol)
	h.LineRead, h.Complete, h.Size = true, true, len(h.Line)
	fields := append([]string{"Host: " + string(or(x.Host, "localhost"))}, x.Fields...)
	h.Body = x.Body != nil
	if x.Announced {
		h.ContentLength = int64(len(strings.Join(x.Body, "")))
		fields = append(fields, fmt.Sprint("Content-Length: ", h.ContentLength))
	}
	for _, line := range fields {
		name, value, _ := strings.Cut(line, ": ")
		f := h.NextField()
		*f = message.Field{Name: []byte(name), Value: []byte(value), ID: message.LookupFieldID([]byte(name))}
		if bad := h.Add(lim.IgnoreInvalidHeaders, 100); bad != nil {
			return bad
		}
	}
	h.Expect100 = string(h.Lookup(message.Expect)) == "100-continue"
	return nil
}

// Leave has the client give the request up, or its connection break.
func (x *Exchange) Leave() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.left = true
	x.tell()
	x.changed.Broadcast()
}

// tell calls what waits for the client to leave, if it has.
func (x *Exchange) tell() {
	if x.left && x.gone != nil {
		gone := x.gone
		x.gone = nil
		gone()
	}
}

// Continue has the client send these pieces and then the end of its body.
func (x *Exchange) Continue(pieces ...string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.Body, x.BodyEnd = append(x.Body, pieces...), nil
	x.changed.Broadcast()
}

// Field returns the value of a field of the response, "" without one.
func (x *Exchange) Field(name string) string {
	for _, f := range x.Head {
		if n, value, _ := strings.Cut(f, ": "); n == name {
			return value
		}
	}
	return ""
}

// SendHead and what follows make it a web.Carrier.
func (x *Exchange) SendHead() error {
	x.Status = x.Request.Response.Status
	x.Request.WriteFields(x)
	for _, f := range x.Head {
		x.Request.HeadBytes += int64(len(f))
	}
	x.Ended = x.Request.HeaderOnly
	return x.SendError
}

// WriteField notes a field.
func (x *Exchange) WriteField(name, value []byte) {
	x.Head = append(x.Head, fmt.Sprintf("%s: %s", name, value))
}

// WriteOwn adds nothing: a carrier in memory has no connection to speak of.
func (x *Exchange) WriteOwn() {}

// SendBody notes a piece of the body.
func (x *Exchange) SendBody(c web.Chunk) error {
	if x.SendError != nil || x.Ended {
		return x.SendError
	}
	if c.Flush {
		x.Flushed++
	}
	err := c.EachPiece(func(b []byte) error {
		x.Content += string(b)
		return nil
	})
	if c.Last {
		x.Ended = true
		for _, f := range x.Request.Response.Trailers() {
			x.Trailer = append(x.Trailer, fmt.Sprintf("%s: %s", f.Name, f.Value))
		}
	}
	return err
}

// SendInterim notes an interim response.
func (x *Exchange) SendInterim(status int, fields []web.ResponseField) error {
	var list []string
	for _, f := range fields {
		list = append(list, fmt.Sprintf("%s: %s", f.Name, f.Value))
	}
	x.Interim = append(x.Interim, strings.TrimSpace(fmt.Sprint(status, " ", strings.Join(list, ", "))))
	return x.SendError
}

// Flush counts.
func (x *Exchange) Flush() error {
	x.Flushed++
	return x.SendError
}

// Sent returns the length of the head and of the content.
func (x *Exchange) Sent() int64 { return x.Request.HeadBytes + int64(len(x.Content)) }

// ReadBody returns the next piece.
func (x *Exchange) ReadBody(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for {
		n, err := x.next(p)
		switch {
		case err != flow.ErrNotYet:
			return n, err
		case x.left:
			return 0, io.ErrUnexpectedEOF
		case x.interrupted:
			return 0, flow.ErrInterrupted
		}
		x.changed.Wait()
	}
}

// ReadBodyNow returns the next piece if it has come.
func (x *Exchange) ReadBodyNow(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.next(p)
}

func (x *Exchange) next(p []byte) (int, error) {
	if len(x.Body) == 0 {
		if x.BodyEnd == nil {
			return 0, io.EOF
		}
		return 0, x.BodyEnd
	}
	n := copy(p, x.Body[0])
	if x.Body[0] = x.Body[0][n:]; x.Body[0] == "" {
		x.Body = x.Body[1:]
	}
	x.taken += int64(n)
	return n, nil
}

// BodyBuffered returns the length of the pieces that there are.
func (x *Exchange) BodyBuffered() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := 0
	for _, piece := range x.Body {
		n += len(piece)
	}
	return n
}

// BodyTaken returns how much has been read.
func (x *Exchange) BodyTaken() int64 { return x.taken }

// BodyDone reports whether the end has come.
func (x *Exchange) BodyDone() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.Body) == 0 && x.BodyEnd == nil
}

// DropBody notes that the body is not wanted.
func (x *Exchange) DropBody() error {
	x.Dropped = true
	return x.Faulty
}

// Watch waits for Leave.
func (x *Exchange) Watch(gone func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.gone = gone
	x.tell()
}

// StopWatch ends Watch.
func (x *Exchange) StopWatch() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.gone = nil
}

// OnSlow waits for Slow.
func (x *Exchange) OnSlow(slow func()) { x.slow = slow }

// Slow has a write wait.
func (x *Exchange) Slow() {
	if slow := x.slow; slow != nil {
		x.slow = nil
		slow()
	}
}

// InterruptBody ends ReadBody.
func (x *Exchange) InterruptBody() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.interrupted = true
	x.changed.Broadcast()
}

// ResumeBody ends InterruptBody.
func (x *Exchange) ResumeBody() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.interrupted = false
}

// Configure takes over nothing.
func (x *Exchange) Configure() {}

// TimedOut notes what is to become of the client.
func (x *Exchange) TimedOut(reset bool) { x.TooSlow, x.Reset = true, reset }
