// Package userid is nginx's userid module: it gives clients a cookie by which
// they can be told apart in logs.
//
//	userid on | v1 | log | off;
//	userid_name name;            userid_domain name | none;   userid_path path;
//	userid_expires time | max | off;                          userid_flags off | flag ...;
//	userid_mark letter | digit | = | off;                     userid_p3p string | none;
//	userid_service number;
package userid

import (
	"strconv"
	"time"

	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
)

const everywhere = nc.HTTP | nc.Server | nc.Location

// Module is the userid module.
var Module = &web.Module{
	Name: "userid",
	Commands: []nc.Command{
		{Name: "userid", In: everywhere, Arity: nc.Take1, Set: nc.SetEnum(web.At(conf, func(c *settings) *nc.Value[state] { return &c.state }),
			nc.Name{Name: "off", Value: int(off)}, nc.Name{Name: "log", Value: int(logOnly)}, nc.Name{Name: "v1", Value: int(version1)}, nc.Name{Name: "on", Value: int(on)})},
		{Name: "userid_service", In: everywhere, Arity: nc.Take1, Set: nc.SetNumber(web.At(conf, func(c *settings) *nc.Value[int] { return &c.service }))},
		{Name: "userid_name", In: everywhere, Arity: nc.Take1, Set: nc.SetString(web.At(conf, func(c *settings) *nc.Value[string] { return &c.name }))},
		{Name: "userid_domain", In: everywhere, Arity: nc.Take1, Set: nc.SetString(web.At(conf, func(c *settings) *nc.Value[string] { return &c.domain }))},
		{Name: "userid_path", In: everywhere, Arity: nc.Take1, Set: nc.SetString(web.At(conf, func(c *settings) *nc.Value[string] { return &c.path }))},
		{Name: "userid_p3p", In: everywhere, Arity: nc.Take1, Set: nc.SetString(web.At(conf, func(c *settings) *nc.Value[string] { return &c.p3p }))},
		{Name: "userid_expires", In: everywhere, Arity: nc.Take1, Set: readExpires},
		{Name: "userid_mark", In: everywhere, Arity: nc.Take1, Set: readMark},
		{Name: "userid_flags", In: everywhere, Arity: nc.Take123, Set: nc.SetBitmask(web.At(conf, func(c *settings) *nc.Value[flags] { return &c.flags }),
			nc.Name{Name: "off", Value: int(flagOff)}, nc.Name{Name: "secure", Value: int(flagSecure)}, nc.Name{Name: "httponly", Value: int(flagHTTPOnly)},
			nc.Name{Name: "samesite=strict", Value: int(flagSameSite | flagStrict)}, nc.Name{Name: "samesite=lax", Value: int(flagSameSite | flagLax)},
			nc.Name{Name: "samesite=none", Value: int(flagSameSite | flagNone)})},
	},
	Variables: []web.Variable{
		{Name: "uid_got", Get: gotVariable},
		{Name: "uid_set", Get: setVariable},
	},
	Init: initModule,
}

// state says what is done with the cookie.
type state int

const (
	off      state = iota
	logOnly        // what the client sends can be logged
	version1       // cookies of the first kind are given
	on             // cookies of the second kind
)

// flags are the attributes of the cookie.
type flags int

const (
	flagOff flags = 1 << iota
	flagSecure
	flagHTTPOnly
	flagSameSite // given once only
	flagStrict
	flagLax
	flagNone
)

// settings are those of one level.
type settings struct {
	state   nc.Value[state]
	service nc.Value[int] // Set: in place of the server's address
	name    nc.Value[string]
	domain  nc.Value[string] // "" and "none": no attribute
	path    nc.Value[string]
	p3p     nc.Value[string]        // "" and "none": no header
	expires nc.Value[time.Duration] // 0: none; forever: the largest date
	mark    nc.Value[byte]          // 0: none
	flags   nc.Value[flags]

	attributes string // what follows the expiry date
}

// forever stands for the largest date that old browsers understand.
const forever = time.Duration(-1)

var (
	conf     = web.NewLocationSlot(inherit)
	mainConf = session.NewRealmSlot[mainSettings]()
)

type mainSettings struct{ reset session.VariableRef }

func inherit(c, p *settings) error {
	c.state.Inherit(p.state, off)
	c.service.Inherit(p.service, 0)
	c.name.Inherit(p.name, "uid")
	c.domain.Inherit(p.domain, "")
	c.path.Inherit(p.path, "/")
	c.p3p.Inherit(p.p3p, "")
	c.expires.Inherit(p.expires, 0)
	c.mark.Inherit(p.mark, 0)
	c.flags.Inherit(p.flags, flagOff)
	c.attributes = ""
	if c.domain.V != "" && c.domain.V != none {
		c.attributes = "; domain=" + c.domain.V
	}
	c.attributes += "; path=" + c.path.V
	for _, f := range flagTexts {
		if c.flags.V&f.flag != 0 {
			c.attributes += f.text
		}
	}
	return nil
}

const none = "none"

var flagTexts = []struct {
	flag flags
	text string
}{{flagSecure, "; secure"}, {flagHTTPOnly, "; httponly"}, {flagStrict, "; samesite=strict"}, {flagLax, "; samesite=lax"}, {flagNone, "; samesite=none"}}

func readExpires(s *nc.Scope, d *nc.Directive) error {
	v := &conf.Of(web.BlockOf(s).Location).expires
	if v.Set {
		return nc.ErrDuplicate
	}
	v.Set = true
	switch d.Args[0] {
	case "max":
		v.V = forever
	case "off":
	default:
		n, err := nc.ParseSec(d.Args[0])
		if err != nil {
			return nc.ErrInvalidValue
		}
		v.V = n
	}
	return nil
}

func readMark(s *nc.Scope, d *nc.Directive) error {
	v := &conf.Of(web.BlockOf(s).Location).mark
	if v.Set {
		return nc.ErrDuplicate
	}
	v.Set = true
	word := d.Args[0]
	switch {
	case word == "off":
	case len(word) == 1 && (word[0] == '=' || isAlphanumeric(word[0])):
		v.V = word[0]
	default:
		return nc.Complaint("value must be \"off\" or a single letter, digit or \"=\"")
	}
	return nil
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

func initModule(h *web.HTTP) error {
	if !h.Any(func(l *web.Location) bool { return conf.Of(l).state.V != off }) {
		return nil
	}
	// $uid_reset is whatever set or map make of it.
	var err error
	mainConf.Of(&h.Realm).reset, err = h.SettableVariable("uid_reset", func(_ *session.Session, dst []byte) ([]byte, bool) { return dst, true })
	h.Filter(filter)
	return err
}

// filter is the header filter: it gives the cookie.
func filter(r *web.Request) web.Code {
	c := conf.Of(r.Location)
	if !r.IsMain() || c.state.V < version1 {
		return web.OK
	}
	id := identify(r, c)
	if id.give(r, c); id.set == (uid{}) {
		return web.OK
	}
	cookie := append(append(r.Scratch(), c.name.V...), '=')
	cookie = id.appendValue(cookie, c)
	switch {
	case c.expires.V == forever:
		cookie = append(cookie, "; expires=Thu, 31-Dec-37 23:55:55 GMT"...)
	case c.expires.V != 0:
		cookie = appendCookieTime(append(cookie, "; expires="...), time.Now().Add(c.expires.V))
	}
	cookie = append(cookie, c.attributes...)
	r.Response.Add("Set-Cookie", r.Keep(cookie))
	r.Unscratch(cookie)
	if c.p3p.V != "" && c.p3p.V != none {
		r.Response.Add("P3P", []byte(c.p3p.V))
	}
	return web.OK
}

// appendCookieTime appends a date as Netscape wanted it: with two digits for
// the year as long as they suffice.
func appendCookieTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	dst = t.AppendFormat(dst, "Mon, 02-Jan-")
	if year := t.Year(); year > 2037 {
		dst = strconv.AppendInt(dst, int64(year), 10)
	} else {
		dst = t.AppendFormat(dst, "06")
	}
	return t.AppendFormat(dst, " 15:04:05 GMT")
}

func gotVariable(r *web.Request, dst []byte) ([]byte, bool) {
	r = r.Main
	c := conf.Of(r.Location)
	if c.state.V == off {
		return dst, false
	}
	id := identify(r, c)
	if id.got[3] == 0 {
		return dst, false
	}
	return id.got.appendText(dst, c.name.V), true
}

func setVariable(r *web.Request, dst []byte) ([]byte, bool) {
	r = r.Main
	c := conf.Of(r.Location)
	if c.state.V < version1 {
		return dst, false
	}
	id := identify(r, c)
	if id.give(r, c); id.set[3] == 0 {
		return dst, false
	}
	return id.set.appendText(dst, c.name.V), true
}
