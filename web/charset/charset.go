// Package charset is nginx's charset module: it names the character set of
// responses in Content-Type, and converts them from one set to another.
//
//	charset name | $variable | off;
//	source_charset name | $variable;
//	override_charset on | off;
//	charset_types type ...;
//	charset_map from to { byte byte-or-utf8; ... }
package charset

import (
	"bytes"
	"fmt"
	"strings"

	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
)

const (
	everywhere = nc.HTTP | nc.Server | nc.Location
	anyLevel   = everywhere | nc.LocationIf
)

// Module is the charset module.
var Module = &web.Module{
	Name: "charset",
	Commands: []nc.Command{
		{Name: "charset", In: anyLevel, Arity: nc.Take1, Set: readName(func(c *settings) *nc.Value[name] { return &c.to })},
		{Name: "source_charset", In: anyLevel, Arity: nc.Take1, Set: readName(func(c *settings) *nc.Value[name] { return &c.from })},
		{Name: "override_charset", In: anyLevel, Arity: nc.Flag, Set: nc.SetFlag(web.At(conf, func(c *settings) *nc.Value[bool] { return &c.override }))},
		{Name: "charset_types", In: everywhere, Arity: nc.OneMore, Set: web.SetTypes(web.At(conf, func(c *settings) *nc.Value[*web.TypeSet] { return &c.types }), "text/html")},
		{Name: "charset_map", In: nc.HTTP, Arity: nc.Block | nc.Take2, Set: readMap},
	},
	Init: initModule,
}

var defaultTypes = []string{"text/html", "text/xml", "text/plain", "text/vnd.wap.wml", "application/javascript", "application/rss+xml"}

var defaultSet = web.NewTypeSet(defaultTypes...)

// name is what charset or source_charset says: the name of a set, or the
// variable that holds it. The zero name is off.
type name struct {
	text     []byte
	variable *session.VariableRef
}

func (n name) off() bool { return n.text == nil && n.variable == nil }

// settings are those of one level.
type settings struct {
	to, from nc.Value[name]
	override nc.Value[bool] // also for responses that name their set already
	types    nc.Value[*web.TypeSet]
}

var (
	conf = web.NewLocationSlot(func(c, p *settings) error {
		c.to.Inherit(p.to, name{})
		c.from.Inherit(p.from, name{})
		c.override.Inherit(p.override, false)
		c.types.Inherit(p.types, defaultSet)
		return nil
	})
	mainConf = session.NewRealmSlot[charsets]()
)

// charsets are what is known of character sets in an http block.
type charsets struct {
	known [][]byte // names in directives, without regard to case
	maps  []*table
}

// add notes a name that a directive has used.
func (s *charsets) add(text string) []byte {
	if known := s.find([]byte(text)); known != nil {
		return known
	}
	s.known = append(s.known, []byte(text))
	return s.known[len(s.known)-1]
}

// find returns the name as the configuration has it first, nil if it has not.
func (s *charsets) find(text []byte) []byte {
	for _, known := range s.known {
		if bytes.EqualFold(known, text) {
			return known
		}
	}
	return nil
}

// conversion returns the map between two sets, nil if there is none.
func (s *charsets) conversion(from, to []byte) *conversion {
	for _, m := range s.maps {
		switch {
		case bytes.EqualFold(m.from, from) && bytes.EqualFold(m.to, to):
			return m.forward
		case bytes.EqualFold(m.from, to) && bytes.EqualFold(m.to, from):
			return m.back
		}
	}
	return nil
}

func readName(field func(*settings) *nc.Value[name]) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		b := web.BlockOf(s)
		v := field(conf.Of(b.Location))
		if v.Set {
			return nc.ErrDuplicate
		}
		word := d.Args[0]
		v.Set = true
		switch {
		case word == "off" && d.Name == "charset":
		case strings.HasPrefix(word, "$"):
			ref := b.HTTP.Variable(d, word[1:])
			v.V.variable = &ref
		default:
			v.V.text = mainConf.Of(&b.HTTP.Realm).add(word)
		}
		return nil
	}
}

func initModule(h *web.HTTP) error {
	sets := mainConf.Of(&h.Realm)
	used := false
	var missing error
	h.Each(func(l *web.Location) {
		c := conf.Of(l)
		used = used || !c.to.V.off()
		from, to := c.from.V.text, c.to.V.text
		if from == nil || to == nil || bytes.EqualFold(from, to) || missing != nil {
			return
		}
		if sets.conversion(from, to) == nil {
			missing = noMap(from, to)
		}
	})
	if missing != nil {
		return missing
	}
	if used {
		h.Filter(filter)
	}
	return nil
}

func noMap(from, to []byte) error {
	return fmt.Errorf("no \"charset_map\" between the charsets \"%s\" and \"%s\"", from, to)
}

// filter is the header filter.
func filter(r *web.Request) web.Code {
	to, code := destination(r)
	if to == nil {
		return code
	}
	sets, p := mainConf.Of(r.Realm()), &r.Response
	from := p.Charset
	if len(from) == 0 {
		source := conf.Of(r.Location).from.V
		if source.off() {
			setCharset(r, to)
			return web.OK
		}
		if from = value(r, source); from == nil {
			return web.Error
		}
	}
	if bytes.EqualFold(from, to) {
		setCharset(r, to)
		return web.OK
	}
	if len(p.Get("Content-Encoding")) > 0 && sets.find(from) != nil && sets.find(to) != nil {
		return web.OK
	}
	c := sets.conversion(from, to)
	if c == nil {
		r.Logf(errorlog.Error, "%v", noMap(from, to))
		return web.OK
	}
	setCharset(r, to)
	if c.changesLength() && r.IsMain() {
		p.ClearContentLength()
	}
	r.AddBodyFilter(&recoding{conversion: c})
	return web.OK
}

// destination returns the set that the response is to be in; nil: whichever it
// is in, and code is the filter's answer.
func destination(r *web.Request) (to []byte, code web.Code) {
	p := &r.Response
	if !r.IsMain() {
		// What is included must be in the set of the whole.
		return r.Main.Response.Charset, web.OK
	}
	if len(p.ContentType) == 0 {
		return nil, web.OK
	}
	if len(p.OverrideCharset) > 0 {
		if to = mainConf.Of(r.Realm()).find(p.OverrideCharset); to == nil {
			r.Logf(errorlog.Error, "unknown charset \"%s\" to override", p.OverrideCharset)
		}
		return to, web.OK
	}
	c := conf.Of(r.Location)
	switch {
	case c.to.V.off():
		return nil, web.OK
	case len(p.Charset) > 0 && !c.override.V:
		return nil, web.OK
	case len(p.Charset) == 0 && !c.types.V.Has(p.ContentType):
		return nil, web.OK
	}
	if to = value(r, c.to.V); to == nil {
		return nil, web.Error
	}
	return to, web.OK
}

// value returns the name that a directive comes to; nil for a variable without
// a value.
func value(r *web.Request, n name) []byte {
	if n.variable == nil {
		return n.text
	}
	v, found := n.variable.Append(&r.Session, r.Scratch())
	defer r.Unscratch(v)
	switch {
	case !found:
		return nil
	case len(v) == 0:
		return empty
	}
	return r.Keep(v)
}

var empty = []byte{}

// setCharset names the set of the response, but not of a redirect: old browsers
// would take it for that of the next page.
func setCharset(r *web.Request, to []byte) {
	switch {
	case !r.IsMain():
	case r.Response.Status == 301 || r.Response.Status == 302:
		r.Response.Charset = nil
	default:
		r.Response.Charset = to
	}
}
