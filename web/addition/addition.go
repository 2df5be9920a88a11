// Package addition is nginx's addition module: the responses to other paths are
// put before and behind a response.
//
//	add_before_body uri;
//	add_after_body uri;
//	addition_types type ...;
package addition

import (
	"errors"

	nc "tandem/nginxconf"
	"tandem/web"
)

const everywhere = nc.HTTP | nc.Server | nc.Location

// Module is the addition module.
var Module = &web.Module{
	Name: "addition",
	Commands: []nc.Command{
		{Name: "add_before_body", In: everywhere, Arity: nc.Take1, Set: nc.SetString(web.At(conf, func(c *settings) *nc.Value[string] { return &c.before }))},
		{Name: "add_after_body", In: everywhere, Arity: nc.Take1, Set: nc.SetString(web.At(conf, func(c *settings) *nc.Value[string] { return &c.after }))},
		{Name: "addition_types", In: everywhere, Arity: nc.OneMore, Set: web.SetTypes(web.At(conf, func(c *settings) *nc.Value[*web.TypeSet] { return &c.types }), "text/html")},
	},
	Init: func(h *web.HTTP) error {
		if h.Any(func(l *web.Location) bool { return conf.Of(l).used() }) {
			h.Filter(filter)
		}
		return nil
	},
}

// settings are those of one level.
type settings struct {
	before, after nc.Value[string] // "": nothing
	types         nc.Value[*web.TypeSet]
}

func (c *settings) used() bool { return c.before.V != "" || c.after.V != "" }

var conf = web.NewLocationSlot(func(c, p *settings) error {
	c.before.Inherit(p.before, "")
	c.after.Inherit(p.after, "")
	c.types.Inherit(p.types, web.HTMLOnly)
	return nil
})

// filter is the header filter.
func filter(r *web.Request) web.Code {
	c, p := conf.Of(r.Location), &r.Response
	if p.Status != 200 || !r.IsMain() || !c.used() || !c.types.V.Has(p.ContentType) {
		return web.OK
	}
	p.ClearContentLength()
	r.ClearAcceptRanges()
	r.WeakenETag()
	r.AddBodyFilter(&adding{before: c.before.V, after: c.after.V})
	return web.OK
}

// adding is one response that is added to.
type adding struct{ before, after string }

// errCycle ends a response whose additions go in circles, which has been
// logged.
var errCycle = errors.New("subrequests cycle")

// Body passes a piece on, after what comes before and before what comes after.
func (f *adding) Body(r *web.Request, c web.Chunk, next web.Next) error {
	if f.before != "" {
		path := f.before
		f.before = ""
		if r.Subrequest([]byte(path), nil, web.SubrequestOptions{}) == nil {
			return errCycle
		}
	}
	if !c.Last || f.after == "" {
		return next.Send(c)
	}
	path := f.after
	f.after = ""
	return next.SendAndGoOn(c, func() error {
		if r.Subrequest([]byte(path), nil, web.SubrequestOptions{}) == nil {
			return errCycle
		}
		return nil
	})
}
