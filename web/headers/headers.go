// Package headers adds fields to responses: add_header, add_trailer and
// expires (ngx_http_headers_module).
package headers

import (
	"fmt"
	"slices"
	"strings"

	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
	"tandem/web/message"
)

// Module reads:
//
//	add_header name value [always];
//	add_trailer name value [always];
//	add_header_inherit on | off | merge;
//	add_trailer_inherit on | off | merge;
//	expires [modified] time; expires epoch | max | off;
//
// in http, server, location and if in location. Without always, only
// responses with the statuses 200, 201, 204, 206, 301 to 304, 307 and 308 are
// concerned.
var Module = &web.Module{
	Name: "headers",
	Commands: []nc.Command{
		{Name: "expires", In: everywhere, Arity: nc.Take12, Set: readExpires},
		{Name: "add_header", In: everywhere, Arity: nc.Take23, Set: readField(func(c *settings) *[]field { return &c.headers })},
		{Name: "add_trailer", In: everywhere, Arity: nc.Take23, Set: readField(func(c *settings) *[]field { return &c.trailers })},
		{Name: "add_header_inherit", In: everywhere, Arity: nc.Take1,
			Set: nc.SetEnum(web.At(slot, func(c *settings) *nc.Value[inheritance] { return &c.headersInherit }), inheritances...)},
		{Name: "add_trailer_inherit", In: everywhere, Arity: nc.Take1,
			Set: nc.SetEnum(web.At(slot, func(c *settings) *nc.Value[inheritance] { return &c.trailersInherit }), inheritances...)},
	},
	Init: func(h *web.HTTP) error {
		if h.Any(func(l *web.Location) bool { return slot.Of(l).used() }) {
			h.Filter(filter)
		}
		return nil
	},
}

const everywhere = nc.HTTP | nc.Server | nc.Location | nc.LocationIf

type settings struct {
	expires           expires
	headers, trailers []field

	headersInherit, trailersInherit nc.Value[inheritance]
}

func (c *settings) used() bool {
	return c.expires.kind > expiresOff || len(c.headers) > 0 || len(c.trailers) > 0
}

// field is one add_header or add_trailer.
type field struct {
	name   string
	value  *session.Template
	always bool
	replaces
}

// replaces says which field of the response add_header sets anew rather than
// adding another of the same name.
type replaces uint8

const (
	replacesNothing replaces = iota
	replacesLastModified
	replacesETag
)

// inheritance says what becomes of the outer level's fields.
type inheritance int

const (
	inheritOff   inheritance = iota // none of them
	inheritOn                       // they count where the level adds none
	inheritMerge                    // they follow those of the level
)

var inheritances = []nc.Name{
	{Name: "off", Value: int(inheritOff)}, {Name: "on", Value: int(inheritOn)}, {Name: "merge", Value: int(inheritMerge)},
}

var slot = web.NewLocationSlot(func(c, p *settings) error {
	if c.expires.kind == expiresUnset {
		c.expires = p.expires
	}
	c.headersInherit.Inherit(p.headersInherit, inheritOn)
	c.trailersInherit.Inherit(p.trailersInherit, inheritOn)
	c.headers = inherit(c.headers, p.headers, c.headersInherit.V)
	c.trailers = inherit(c.trailers, p.trailers, c.trailersInherit.V)
	return nil
})

func inherit(own, outer []field, how inheritance) []field {
	switch {
	case how == inheritOff:
		return own
	case len(own) == 0:
		return outer
	case how == inheritMerge:
		return slices.Concat(own, outer)
	}
	return own
}

func readField(list func(*settings) *[]field) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		b := web.BlockOf(s)
		value, err := b.HTTP.Template(d, d.Args[1])
		if err != nil {
			return err
		}
		f := field{name: d.Args[0], value: value}
		switch strings.ToLower(f.name) {
		case "last-modified":
			f.replaces = replacesLastModified
		case "etag":
			f.replaces = replacesETag
		}
		if len(d.Args) == 3 {
			if d.Args[2] != "always" {
				return fmt.Errorf("invalid parameter \"%s\"", d.Args[2])
			}
			f.always = true
		}
		to := list(slot.Of(b.Location))
		*to = append(*to, f)
		return nil
	}
}

func filter(r *web.Request) web.Code {
	if !r.IsMain() {
		return web.OK
	}
	c := slot.Of(r.Location)
	if !c.used() {
		return web.OK
	}
	safe := isSafe(r.Response.Status)
	if safe && c.expires.kind > expiresOff {
		c.expires.set(r)
	}
	for i := range c.headers {
		if f := &c.headers[i]; safe || f.always {
			f.add(r)
		}
	}
	for i := range c.trailers {
		if safe || c.trailers[i].always {
			r.ExpectTrailers = true
			r.AddBodyFilter(trailers{})
			break
		}
	}
	return web.OK
}

// isSafe reports whether a status is one that fields are added to unless they
// say always.
func isSafe(status int) bool {
	switch status {
	case 200, 201, 204, 206, 301, 302, 303, 304, 307, 308:
		return true
	}
	return false
}

// add does what one add_header says.
func (f *field) add(r *web.Request) {
	p := &r.Response
	value := f.value.Value(&r.Session)
	switch f.replaces {
	case replacesETag:
		p.Replace("ETag", f.name, value)
	case replacesLastModified:
		p.Replace("Last-Modified", f.name, value)
		p.LastModified = -1
		if t, ok := message.ParseTime(value); ok {
			p.LastModified = t
		}
	default:
		if len(value) > 0 {
			p.Add(f.name, value)
		}
	}
}

// trailers is the body filter that adds the trailers when the body has ended.
type trailers struct{}

// Body implements web.BodyFilter.
func (trailers) Body(r *web.Request, c web.Chunk, next web.Next) error {
	if c.Last && r.IsMain() {
		safe := isSafe(r.Response.Status)
		fields := slot.Of(r.Location).trailers
		for i := range fields {
			f := &fields[i]
			if !safe && !f.always {
				continue
			}
			if value := f.value.Value(&r.Session); len(value) > 0 {
				r.Response.AddTrailer(f.name, value)
			}
		}
	}
	return next.Send(c)
}
