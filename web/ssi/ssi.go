// Package ssi is nginx's Server Side Includes: commands in the text of a
// page, <!--#command parameter="value" -->, that are replaced as the page goes
// out.
//
//	ssi on | off;
//	ssi_silent_errors on | off;
//	ssi_types mime-type ...;
//	ssi_value_length length;
//	ssi_last_modified on | off;
//	ssi_min_file_chunk size;            accepted, files are always read in pieces
//	ssi_ignore_recycled_buffers on|off; accepted, there are none
//
// The commands are include (virtual, file, wait, set, stub), echo (var,
// default, encoding), set (var, value), config (errmsg, timefmt), block,
// endblock, if, elif, else, endif (expr).
package ssi

import (
	"time"

	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
)

// Module is the SSI filter. It runs after the filters that change text and
// before those that see a response as a whole.
var Module = &web.Module{
	Name: "ssi",
	Commands: []nc.Command{
		{Name: "ssi", In: levels | nc.LocationIf, Arity: nc.Flag,
			Set: nc.SetFlag(web.At(conf, func(c *settings) *nc.Value[bool] { return &c.on }))},
		{Name: "ssi_silent_errors", In: levels, Arity: nc.Flag,
			Set: nc.SetFlag(web.At(conf, func(c *settings) *nc.Value[bool] { return &c.silent }))},
		{Name: "ssi_types", In: levels, Arity: nc.OneMore,
			Set: web.SetTypes(web.At(conf, func(c *settings) *nc.Value[*web.TypeSet] { return &c.types }), "text/html")},
		{Name: "ssi_value_length", In: levels, Arity: nc.Take1,
			Set: nc.SetSize(web.At(conf, func(c *settings) *nc.Value[int64] { return &c.valueLength }))},
		{Name: "ssi_last_modified", In: levels, Arity: nc.Flag,
			Set: nc.SetFlag(web.At(conf, func(c *settings) *nc.Value[bool] { return &c.lastModified }))},
		{Name: "ssi_min_file_chunk", In: levels, Arity: nc.Take1},
		{Name: "ssi_ignore_recycled_buffers", In: levels, Arity: nc.Flag},
	},
	Variables: []web.Variable{
		{Name: "date_local", Get: dateVariable(time.Now)},
		{Name: "date_gmt", Get: dateVariable(func() time.Time { return time.Now().UTC() })},
	},
	Init: func(h *web.HTTP) error {
		if h.Any(func(l *web.Location) bool { return conf.Of(l).on.V }) {
			h.Filter(filter)
		}
		return nil
	},
}

const levels = nc.HTTP | nc.Server | nc.Location

type settings struct {
	on, silent, lastModified nc.Value[bool]
	types                    nc.Value[*web.TypeSet]
	valueLength              nc.Value[int64]
}

var conf = web.NewLocationSlot(func(c, p *settings) error {
	c.on.Inherit(p.on, false)
	c.silent.Inherit(p.silent, false)
	c.lastModified.Inherit(p.lastModified, false)
	c.types.Inherit(p.types, web.HTMLOnly)
	c.valueLength.Inherit(p.valueLength, 255)
	return nil
})

// page is what the commands of a request and of its subrequests share.
type page struct {
	variables map[string][]byte // of set, by lower-case name
	blocks    map[string][]byte // of block ... endblock, by name
	timeFmt   string            // of config, strftime's
	errMsg    []byte
}

var pages = session.NewRecord[page]()

// pageOf returns what is shared, made when it is first needed.
func pageOf(r *web.Request) *page {
	p := pages.Of(&r.Main.Session)
	if p == nil {
		p = &page{
			variables: map[string][]byte{}, blocks: map[string][]byte{}, timeFmt: defaultTimeFmt,
			errMsg: []byte("[an error occurred while processing the directive]"),
		}
		pages.Set(&r.Main.Session, p)
	}
	return p
}

func filter(r *web.Request) web.Code {
	c := conf.Of(r.Location)
	p := &r.Response
	if !c.on.V || p.ContentLength == 0 || !c.types.V.Has(p.ContentType) {
		return web.OK
	}
	r.AddBodyFilter(&scanner{page: pageOf(r), silent: c.silent.V, valueLength: int(c.valueLength.V)})
	if !r.IsMain() {
		return web.OK
	}
	p.ClearContentLength()
	r.ClearAcceptRanges()
	if c.lastModified.V {
		r.WeakenETag()
		return web.OK
	}
	p.LastModified = -1
	p.SetETag(nil)
	return web.OK
}
