package web

import (
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"tandem/internal/flow"
	"tandem/web/http1"
)

// OwnRequest makes a request that no client has sent, for what a module does on
// its own account with the settings of a location, such as checking the health
// of its back ends: a GET for uri with the User-Agent given. Its variables have
// values as far as they do not tell of a client. It cannot be answered, and it
// is neither counted nor logged. End ends it.
func (l *Location) OwnRequest(uri, userAgent string) (*Request, error) {
	srv := l.Server
	c := &conn{
		net: nobody{strings.NewReader("GET " + uri + " HTTP/1.0\r\nUser-Agent: " + userAgent + "\r\n\r\n")},
		gen: &Generation{HTTP: srv.HTTP, stats: new(Stats)}, start: time.Now(), scheme: "http", own: true,
	}
	c.flow = flow.NewConn(c.net)
	c.wire = http1.NewConn(c.flow)
	r := newRequest(c)
	r.Server, r.Start = srv, c.start
	r.setLocation(l)
	r.vars.reset(srv.HTTP.variables.stored)
	// Nothing is to be sent.
	r.HeaderSent = true
	if err := c.wire.ReadHead(r.Head, &srv.Core.Limits); err != nil {
		r.End()
		return nil, fmt.Errorf("cannot make a request for \"%s\": %w", uri, err)
	}
	r.MethodName, r.Method, r.RawURI = r.Head.Method, GET, r.Head.Target
	r.RawPathValid = r.takePath()
	return r, nil
}

// End ends a request that OwnRequest has made.
func (r *Request) End() {
	r.runCleanups()
	r.conn.wire.Release()
	r.conn.flow.Release()
}

// nobody is the client of a request that none has sent: what would have come
// from it can be read, nothing be written.
type nobody struct{ *strings.Reader }

func (nobody) Write([]byte) (int, error)        { return 0, io.ErrClosedPipe }
func (nobody) Close() error                     { return nil }
func (nobody) LocalAddr() net.Addr              { return nil }
func (nobody) RemoteAddr() net.Addr             { return nil }
func (nobody) SetDeadline(time.Time) error      { return nil }
func (nobody) SetReadDeadline(time.Time) error  { return nil }
func (nobody) SetWriteDeadline(time.Time) error { return nil }
