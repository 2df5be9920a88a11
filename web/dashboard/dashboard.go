// Package dashboard shows how the node stands on a page, live.
//
//	dashboard on | off [write=on|off];    in location
//
// The page is in package status/board. With write=on it has buttons to demote,
// promote and drain, and to load the configuration again, for whoever may use the
// location; browsers give such orders only from the page itself.
package dashboard

import (
	"context"
	"fmt"
	"net/url"
	"sync/atomic"
	"time"

	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/status"
	"tandem/status/board"
	"tandem/web"
)

// Module is the module of the directive dashboard.
var Module = &web.Module{
	Name:     "dashboard",
	Commands: []nc.Command{{Name: "dashboard", In: nc.Location, Arity: nc.Take12, Set: read}},
	Init: func(h *web.HTTP) error {
		if c := realmSlot.Of(&h.Realm); c.used {
			c.over = make(chan struct{})
			h.Background(func(ctx context.Context) {
				<-ctx.Done()
				close(c.over)
			})
		}
		return nil
	},
}

type settings struct{ on, write bool }

// realmSettings is what the pages of a configuration have in common.
type realmSettings struct {
	used    bool
	over    chan struct{} // closed when another configuration takes over
	streams atomic.Int64
}

var (
	slot      = web.NewLocationSlot[settings](nil)
	realmSlot = session.NewRealmSlot[realmSettings]()
)

// maxStreams is how many pages are kept up to date at a time: each has a connection
// for itself.
const maxStreams = 64

func read(s *nc.Scope, d *nc.Directive) error {
	b := web.BlockOf(s)
	c := slot.Of(b.Location)
	on, err := nc.ParseFlag(d.Args[0])
	if err != nil {
		return err
	}
	if len(d.Args) == 2 {
		switch d.Args[1] {
		case "write=on":
			c.write = true
		case "write=off":
		default:
			return fmt.Errorf("invalid parameter \"%s\"", d.Args[1])
		}
	}
	if on {
		c.on = true
		realmSlot.Of(&b.HTTP.Realm).used = true
		b.Location.Handler = serve
	}
	return nil
}

var (
	html  = []byte("text/html; charset=utf-8")
	json  = []byte("application/json")
	event = []byte("text/event-stream")
)

func serve(r *web.Request) web.Code {
	node := r.Server.HTTP.Node
	if node == nil {
		return 503
	}
	switch {
	case r.Method == web.POST:
		return order(r, node)
	case r.Method&(web.GET|web.HEAD) == 0:
		return 405
	}
	r.DiscardBody()
	if string(r.Args) == "events" {
		return follow(r, node)
	}
	for _, h := range board.Headers {
		r.Response.Add(h.Name, []byte(h.Value))
	}
	return r.SendBytes(200, html, board.Page())
}

// order gives the node an order that the page has.
func order(r *web.Request, node status.Node) web.Code {
	r.DiscardBody()
	arg, _ := r.Arg("order")
	command, err := url.QueryUnescape(string(arg))
	switch {
	case err != nil || !board.IsOrder(command):
		return r.SendBytes(404, json, board.Answer(false, "there is no such order"))
	case !slot.Of(r.Location).write:
		r.Logf(errorlog.Error, "order %q is refused: the location has no write=on", command)
		return r.SendBytes(403, json, board.Answer(false, "this page may only be looked at"))
	case !r.SameOrigin():
		r.Logf(errorlog.Error, "order %q is refused: it comes from a page of another origin", command)
		return r.SendBytes(403, json, board.Answer(false, "the order comes from another page"))
	}
	r.Logf(errorlog.Notice, "%q is ordered by a client", command)
	code, text, _ := status.Promptly(node, command)
	return r.SendBytes(200, json, board.Answer(code == 0, text))
}

// interval is how often a page is brought up to date.
const interval = time.Second

// follow sends a report each second until the client has left, or the connection
// is to end: because of another configuration, or for a handover.
func follow(r *web.Request, node status.Node) web.Code {
	c := realmSlot.Of(&r.Server.HTTP.Realm)
	if c.streams.Add(1) > maxStreams {
		c.streams.Add(-1)
		return 503
	}
	defer c.streams.Add(-1)
	p := &r.Response
	p.Status, p.ContentType = 200, event
	p.Add("Cache-Control", []byte("no-cache"))
	p.Add("X-Accel-Buffering", []byte("no"))
	if code := r.SendHeader(); code != web.OK || r.HeaderOnly {
		return code
	}
	left := make(chan struct{})
	r.WatchClient(func() { close(left) })
	defer r.StopWatch()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	may := slot.Of(r.Location).write
	text := []byte(board.Hello)
	for {
		report := node.Report()
		text = append(text, board.Event(report, may)...)
		if code := r.SendBody(web.Chunk{Data: text, Flush: true}); code != web.OK {
			return code
		}
		text = text[:0]
		if report.Web.Draining || report.Stopping {
			return r.SendBody(web.Chunk{Last: true})
		}
		select {
		case <-left:
			return web.StatusClientClosed
		case <-c.over:
			return r.SendBody(web.Chunk{Last: true})
		case <-tick.C:
			r.Waited()
		}
	}
}
