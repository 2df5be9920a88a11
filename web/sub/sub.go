// Package sub is nginx's sub_filter: strings in responses are replaced.
//
//	sub_filter string replacement;   both may hold variables; repeated for several
//	sub_filter_once on | off;        each string is replaced once only
//	sub_filter_types type ...;
//	sub_filter_last_modified on | off;
package sub

import (
	"errors"
	"sync"

	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
)

const everywhere = nc.HTTP | nc.Server | nc.Location

// Module is the sub_filter module.
var Module = &web.Module{
	Name: "sub",
	Commands: []nc.Command{
		{Name: "sub_filter", In: everywhere, Arity: nc.Take2, Set: readPair},
		{Name: "sub_filter_types", In: everywhere, Arity: nc.OneMore, Set: web.SetTypes(web.At(conf, func(c *settings) *nc.Value[*web.TypeSet] { return &c.types }), "text/html")},
		{Name: "sub_filter_once", In: everywhere, Arity: nc.Flag, Set: nc.SetFlag(web.At(conf, func(c *settings) *nc.Value[bool] { return &c.once }))},
		{Name: "sub_filter_last_modified", In: everywhere, Arity: nc.Flag, Set: nc.SetFlag(web.At(conf, func(c *settings) *nc.Value[bool] { return &c.lastModified }))},
	},
	Init: func(h *web.HTTP) error {
		if h.Any(func(l *web.Location) bool { return conf.Of(l).pairs.V != nil }) {
			h.Filter(filter)
		}
		return nil
	},
}

// pair is one sub_filter directive.
type pair struct{ search, replacement *session.Template }

// settings are those of one level.
type settings struct {
	pairs        nc.Value[[]pair]
	once         nc.Value[bool]
	types        nc.Value[*web.TypeSet]
	lastModified nc.Value[bool] // Last-Modified stays

	matcher *matcher // of strings without variables; nil if one has some
}

var conf = web.NewLocationSlot(func(c, p *settings) error {
	c.once.Inherit(p.once, true)
	c.types.Inherit(p.types, web.HTMLOnly)
	c.lastModified.Inherit(p.lastModified, false)
	if !c.pairs.Set {
		c.pairs, c.matcher = p.pairs, p.matcher
		return nil
	}
	var searches [][]byte
	for _, pair := range c.pairs.V {
		if !pair.search.IsLiteral() {
			return nil
		}
		searches = append(searches, []byte(pair.search.Text))
	}
	c.matcher = newMatcher(searches)
	return nil
})

// maxPairs is how many strings nginx replaces in one location.
const maxPairs = 255

func readPair(s *nc.Scope, d *nc.Directive) error {
	b := web.BlockOf(s)
	v := &conf.Of(b.Location).pairs
	if d.Args[0] == "" {
		return errors.New("empty search pattern")
	}
	if len(v.V) == maxPairs {
		return errors.New("number of search patterns exceeds 255")
	}
	search, err := b.HTTP.Template(d, d.Args[0])
	if err != nil {
		return err
	}
	replacement, err := b.HTTP.Template(d, d.Args[1])
	if err != nil {
		return err
	}
	*v = nc.Value[[]pair]{V: append(v.V, pair{search, replacement}), Set: true}
	return nil
}

// filter is the header filter.
func filter(r *web.Request) web.Code {
	c, p := conf.Of(r.Location), &r.Response
	if c.pairs.V == nil || p.ContentLength == 0 || !c.types.V.Has(p.ContentType) {
		return web.OK
	}
	f := &replacing{matcher: c.matcher, once: c.once.V}
	if f.matcher != nil {
		f.pairs = c.pairs.V
	} else if !f.evaluate(r, c.pairs.V) {
		return web.OK
	}
	f.values = make([][]byte, len(f.pairs))
	r.AddBodyFilter(f)
	if !r.IsMain() {
		return web.OK
	}
	p.ClearContentLength()
	if c.lastModified.V {
		r.WeakenETag()
		return web.OK
	}
	p.LastModified = -1
	p.Del("Last-Modified")
	p.SetETag(nil)
	return web.OK
}

// evaluate finds out what to look for in this response; a string that comes to
// nothing is not looked for. It returns false if nothing is left.
func (f *replacing) evaluate(r *web.Request, pairs []pair) bool {
	var searches [][]byte
	for _, p := range pairs {
		if search := p.search.Value(&r.Session); len(search) > 0 {
			searches = append(searches, search)
			f.pairs = append(f.pairs, p)
		}
	}
	if len(searches) == 0 {
		return false
	}
	f.matcher = newMatcher(searches)
	return true
}

// replacing is one response in which strings are replaced.
type replacing struct {
	matcher *matcher
	pairs   []pair
	values  [][]byte // what replaces, once it has been needed; never nil then
	once    bool
	used    int    // how many of the strings have been replaced
	held    []byte // the end of the last piece, which may begin a string
	out     []byte // during Body
	r       *web.Request
}

// outSize is how many bytes are gathered before they go on.
const outSize = 32 << 10

var outs = sync.Pool{New: func() any { b := make([]byte, 0, 2*outSize); return &b }}

// Body replaces strings in a piece.
func (f *replacing) Body(r *web.Request, c web.Chunk, next web.Next) error {
	if f.finished() && len(f.held) == 0 {
		return next.Send(c)
	}
	pooled := outs.Get().(*[]byte)
	f.r, f.out = r, (*pooled)[:0]
	err := f.pass(c, next)
	*pooled, f.out = f.out, nil
	outs.Put(pooled)
	return err
}

func (f *replacing) pass(c web.Chunk, next web.Next) error {
	if err := c.EachPiece(func(b []byte) error { return f.replace(b, next) }); err != nil {
		return err
	}
	if c.Last {
		f.out = append(f.out, f.held...)
		f.held = nil
	}
	if len(f.out) == 0 && !c.Last && !c.Flush {
		return nil
	}
	return next.Send(web.Chunk{Data: f.out, Last: c.Last, Flush: c.Flush})
}

// finished reports whether no string is looked for any more.
func (f *replacing) finished() bool { return f.once && f.used == len(f.pairs) }

func (f *replacing) replace(b []byte, next web.Next) error {
	if len(f.held) > 0 {
		f.held = append(f.held, b...)
		b = f.held
	}
	for len(b) > 0 {
		start, size, which := len(b), 0, -1
		if !f.finished() {
			start, size, which = f.matcher.find(b, f.done())
		}
		f.out = append(f.out, b[:start]...)
		b = b[start:]
		if which < 0 {
			break
		}
		f.out = append(f.out, f.value(which)...)
		b = b[size:]
		if len(f.out) >= outSize {
			if err := next.Send(web.Chunk{Data: f.out}); err != nil {
				return err
			}
			f.out = f.out[:0]
		}
	}
	f.held = append(f.held[:0], b...)
	if len(f.out) < outSize {
		return nil
	}
	err := next.Send(web.Chunk{Data: f.out})
	f.out = f.out[:0]
	return err
}

// done returns what says which strings are not looked for any more.
func (f *replacing) done() [][]byte {
	if f.once {
		return f.values
	}
	return nil
}

// value returns what a string is replaced with, which is found out once.
func (f *replacing) value(which int) []byte {
	if f.values[which] == nil {
		f.used++
		f.values[which] = append([]byte{}, f.pairs[which].replacement.Value(&f.r.Session)...)
	}
	return f.values[which]
}
