package exchange

import (
	"context"

	"tandem/internal/errorlog"
	"tandem/proxy/block"
	"tandem/proxy/upstream"
	"tandem/web"
)

// Passer is how a location passes requests on, for who asks its back ends on
// the process's own account. Protocols set it where a location has a target.
type Passer struct {
	Ref      block.Ref
	Scheme   string
	TLS      bool
	Settings *Settings
	// Call makes a request of the process's own out of r, which came from
	// Location.OwnRequest: for the URI of r, with the headers that the location
	// gives to requests. The connection is used again if keep is set.
	Call func(r *web.Request, keep bool) (*Exchange, Protocol)
}

var passers = web.NewLocationSlot[Passer](nil)

// SetPasser says how l passes requests on.
func SetPasser(l *web.Location, p Passer) { *passers.Of(l) = p }

// PasserOf returns how l passes requests on; nil: it does not, or where to is
// found out for each request.
func PasserOf(l *web.Location) *Passer {
	if p := passers.Of(l); p.Call != nil {
		return p
	}
	return nil
}

// Failure is why a back end has not answered.
type Failure struct {
	Action string // what was being done, such as "connecting to upstream"
	Reason string
}

func (f *Failure) Error() string { return f.Reason + " while " + f.Action }

// Question is what a back end is asked on the process's own account.
type Question struct {
	Passer *Passer
	Peer   upstream.Addr
	// Pool keeps connections; nil: each question has its own.
	Pool *upstream.Pool
	// Connect: a connection, without TLS, is all that is asked for.
	Connect bool
	// Body is how much of the response's body is wanted, in bytes.
	Body int
	// Send is the request's body, for a StreamProtocol.
	Send []byte
}

// Ask asks one peer. The exchange that it returns holds the head of the
// response, until r ends. The error of a back end that does not answer in time,
// properly, or at all is a *Failure; that of ctx comes as it is.
func (q *Question) Ask(ctx context.Context, r *web.Request) (x *Exchange, body []byte, err error) {
	x, proto := q.Passer.Call(r, q.Pool != nil)
	x.Request, x.Settings, x.ctx = r, q.Passer.Settings, ctx
	x.setProtocol(proto)
	// Nobody else is asked, and what comes of it is no failure of the group's.
	name := q.Passer.Ref.Target().Name
	x.Target = block.Target{
		Group: &upstream.Group{Name: name, Pool: q.Pool}, Name: name, Scheme: q.Passer.Scheme, TLS: q.Passer.TLS && !q.Connect,
	}
	x.record = recordOf(r)
	x.record.begin(x)
	x.room = x.makeBuffer
	failure := &Failure{connecting, "no answer"}
	x.report = func(level errorlog.Level, action, message string) {
		if level <= logError {
			failure = &Failure{action, message}
		}
	}
	x.OwnBody, x.OwnData = q.Send != nil, q.Send
	if x.out, err = proto.AppendRequest(x.out[:0]); err != nil {
		return x, nil, &Failure{sending, err.Error()}
	}
	hungUp := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		x.hangUp()
		close(hungUp)
	})
	defer func() {
		if !stop() {
			<-hungUp
		}
	}()
	for {
		x.Request.Waited()
		x.beginTry()
		x.state().peer = q.Peer.String()
		body, ok := x.ask(q)
		x.finish(ok)
		switch {
		case ctx.Err() != nil:
			return x, nil, ctx.Err()
		case ok:
			return x, body, nil
		case !x.cached:
			return x, nil, failure
		}
		// The idle connection had gone stale, which says nothing of the peer.
	}
}

// ask does what q says in one try; what fails has been reported.
func (x *Exchange) ask(q *Question) (body []byte, ok bool) {
	if q.Connect {
		x.streams = nil
	}
	if _, ok := x.connect(&upstream.Peer{Addr: q.Peer}); !ok || x.ctx.Err() != nil {
		return nil, false
	}
	if q.Connect {
		return nil, true
	}
	if _, ok := x.sendRequest(); !ok {
		return nil, false
	}
	if _, ok := x.link.head(x); !ok {
		return nil, false
	}
	s := x.state()
	s.header, s.status = x.Request.Now().Sub(x.tryBegan), x.Head.Status
	if q.Body == 0 && q.Pool == nil {
		return nil, true
	}
	return x.askBody(q.Body)
}

// maxDropped is how much of a body that nobody wants is read for the sake of
// the connection.
const maxDropped = 64 << 10

// askBody reads the body, as much of it as is wanted.
func (x *Exchange) askBody(wanted int) (body []byte, ok bool) {
	x.body = x.bodyBuffer()
	limit := max(wanted, maxDropped)
	for n := 0; ; {
		for len(x.rest) > 0 && (!x.Done || x.streams != nil) {
			data, used, err := x.proto.ParseBody(x.rest)
			if err != nil {
				x.logReadError(err)
				return nil, false
			}
			x.rest = x.rest[used:]
			n += len(data)
			body = append(body, data[:min(len(data), wanted-len(body))]...)
		}
		// What follows the response belongs to none.
		x.Reusable = x.Reusable && len(x.rest) == 0
		if x.Done || n >= limit {
			return body, true
		}
		got, err := x.readBody(x.body)
		if err != nil {
			x.logReadError(err)
			return nil, false
		}
		x.rest = x.body[:got]
	}
}
