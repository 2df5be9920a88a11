// Package sticky binds clients to the peers of an upstream block:
//
//	sticky cookie name [expires=time] [domain=domain] [httponly] [samesite=strict|lax|none|$variable] [secure] [path=path];
//	sticky route $variable ...;
//	sticky learn create=$variable lookup=$variable zone=name:size [timeout=time] [header];
package sticky

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	nc "tandem/nginxconf"
	"tandem/proxy/block"
	"tandem/proxy/upstream"
	"tandem/session"
	"tandem/web"
)

// sticky is what binds clients to a peer of an upstream: a cookie that names
// the peer, a variable that does, or sessions that are learned.
type sticky struct {
	lookup []session.VariableRef // the first that is not empty names the peer or the session

	cookie   *stickyCookie
	create   []session.VariableRef // of learn: the session that a response begins
	sessions *sessions
	early    bool // sessions begin with the head of the response
}

// stickyCookie is the cookie that tells clients their peer.
type stickyCookie struct {
	name             string
	domain, sameSite *session.Template // nil: none
	path             string            // with "; path="; "": none
	expires          nc.Value[time.Duration]
	forever          bool
	httpOnly, secure bool
}

// settings are those of an upstream block.
type settings struct{ sticky *sticky } // nil: none

var slot = block.NewSlot[settings]()

// Commands is the sticky directive.
var Commands = []nc.Command{
	{Name: "sticky", In: nc.Upstream, Arity: nc.TwoMore, Set: readSticky},
}

// readSticky reads sticky cookie | route | learn.
func readSticky(s *nc.Scope, d *nc.Directive) error {
	c := slot.Read(s)
	if c.sticky != nil {
		return nc.ErrDuplicate
	}
	st := new(sticky)
	c.sticky = st
	_, realm := block.Reading(s)
	switch d.Args[0] {
	case "cookie":
		return st.readCookie(realm, d)
	case "route":
		for _, arg := range d.Args[1:] {
			if !strings.HasPrefix(arg, "$") {
				return fmt.Errorf("invalid variable name \"%s\"", arg)
			}
			st.lookup = append(st.lookup, realm.Variable(d, arg[1:]))
		}
		return nil
	case "learn":
		return st.readLearn(s, d)
	}
	return fmt.Errorf("unknown parameter \"%s\"", d.Args[0])
}

// readCookie reads sticky cookie name [expires=time] [domain=domain]
// [httponly] [samesite=strict|lax|none|$variable] [secure] [path=path].
func (st *sticky) readCookie(realm *session.Realm, d *nc.Directive) error {
	c := &stickyCookie{name: d.Args[1]}
	if c.name == "" {
		return nc.Complaint("empty cookie name")
	}
	st.cookie = c
	for _, arg := range d.Args[2:] {
		if err := c.parameter(realm, d, arg); err != nil {
			return err
		}
	}
	st.lookup = append(st.lookup, realm.Variable(d, "cookie_"+c.name))
	return nil
}

func duplicateParameter(name string) error {
	return nc.Complaint("parameter \"" + name + "\" is duplicate")
}

func (c *stickyCookie) parameter(realm *session.Realm, d *nc.Directive, arg string) error {
	name, value, has := strings.Cut(arg, "=")
	set := false
	var err error
	switch {
	case has && name == "domain":
		if set = c.domain != nil; !set {
			if value == "" {
				return nc.Complaint("no value for \"domain\"")
			}
			c.domain, err = realm.Template(d, value)
		}
	case has && name == "path":
		if set = c.path != ""; !set {
			if value == "" {
				return nc.Complaint("no value for \"path\"")
			}
			c.path = "; path=" + value
		}
	case has && name == "expires":
		if set = c.expires.Set; !set {
			err = c.setExpires(value)
		}
	case has && name == "samesite":
		if set = c.sameSite != nil; !set {
			if c.sameSite, err = realm.Template(d, value); err == nil && c.sameSite.IsLiteral() && !isSameSite(value) {
				return nc.Complaint("invalid \"samesite\" parameter value")
			}
		}
	case arg == "httponly":
		set, c.httpOnly = c.httpOnly, true
	case arg == "secure":
		set, c.secure = c.secure, true
	default:
		return fmt.Errorf("unknown parameter \"%s\"", arg)
	}
	if set {
		return duplicateParameter(name)
	}
	return err
}

func (c *stickyCookie) setExpires(value string) error {
	c.expires.Set = true
	if value == "max" {
		c.forever = true
		return nil
	}
	var err error
	if c.expires.V, err = nc.ParseSec(value); err != nil {
		return nc.Complaint("invalid \"expires\" parameter value")
	}
	return nil
}

func isSameSite(value string) bool {
	switch strings.ToLower(value) {
	case "strict", "lax", "none":
		return true
	}
	return false
}

// first returns the first of the variables that has a value, nil for none.
func firstOf(r *web.Request, refs []session.VariableRef) []byte {
	for _, ref := range refs {
		scratch := r.Scratch()
		value, found := ref.Append(&r.Session, scratch)
		kept := []byte(nil)
		if found {
			kept = r.Keep(value)
		}
		r.Unscratch(value)
		if len(kept) > 0 {
			return kept
		}
	}
	return nil
}

// Binding is what binds one request to a peer. The zero value binds it to none.
type Binding struct {
	sticky    *sticky // nil: none
	session   []byte  // what the request is bound by
	to        string  // the SID of the peer that it is bound to
	cookieSet bool    // the cookie has been set; it is
	cookieAt  int     // the header of the response with that index
}

// Begin binds a request that is about to choose a peer of t.
func (b *Binding) Begin(t *block.Target, sel *upstream.Selection, r *web.Request) {
	if c := slot.Of(t); c != nil && c.sticky != nil {
		b.sticky = c.sticky
		sel.Hint = c.sticky.hint(b, r)
	}
}

// hint returns the SID of the peer that the request is bound to, nil for none.
func (st *sticky) hint(b *Binding, r *web.Request) []byte {
	id := firstOf(r, st.lookup)
	b.session = id
	if st.sessions == nil || id == nil {
		return id
	}
	return st.sessions.find(id, time.Now())
}

// Chosen notes the peer that was chosen, and tells the client.
func (b *Binding) Chosen(r *web.Request, sid string) {
	if b.sticky == nil {
		return
	}
	b.to = sid
	c := b.sticky.cookie
	if c == nil {
		return
	}
	value := append(r.Scratch(), c.name...)
	value = append(append(value, '='), sid...)
	value = c.appendAttributes(r, value, time.Now())
	kept := r.Keep(value)
	r.Unscratch(value)
	// A try after a failed one takes the cookie of that one back.
	if fields := r.Response.Fields(); b.cookieSet && b.cookieAt < len(fields) {
		fields[b.cookieAt].Value = kept
		return
	}
	b.cookieSet, b.cookieAt = true, len(r.Response.Fields())
	r.Response.AddBytes(setCookieName, kept)
}

var setCookieName = []byte("Set-Cookie")

func (c *stickyCookie) appendAttributes(r *web.Request, dst []byte, now time.Time) []byte {
	switch {
	case c.forever:
		dst = append(dst, "; expires=Thu, 31-Dec-37 23:55:55 GMT; max-age=315360000"...)
	case c.expires.Set:
		seconds := int64(c.expires.V / time.Second)
		dst = append(dst, "; expires="...)
		dst = appendCookieDate(dst, now.Add(c.expires.V))
		dst = strconv.AppendInt(append(dst, "; max-age="...), seconds, 10)
	}
	if domain := c.domain.Value(&r.Session); len(domain) > 0 {
		dst = append(append(dst, "; domain="...), domain...)
	}
	if c.httpOnly {
		dst = append(dst, "; httponly"...)
	}
	if c.secure {
		dst = append(dst, "; secure"...)
	}
	if same := c.sameSite.Value(&r.Session); len(same) > 0 {
		if !c.sameSite.IsLiteral() && !isSameSite(string(same)) {
			same = []byte("strict")
		}
		dst = append(append(dst, "; samesite="...), same...)
	}
	return append(dst, c.path...)
}

// appendCookieDate appends a time as nginx writes it in cookies: a year beyond
// 2037 has four digits.
func appendCookieDate(dst []byte, t time.Time) []byte {
	t = t.UTC()
	if t.Year() > 2037 {
		return t.AppendFormat(dst, "Mon, 02-Jan-2006 15:04:05 GMT")
	}
	return t.AppendFormat(dst, "Mon, 02-Jan-06 15:04:05 GMT")
}

// Answered notes that the peer has sent the head of its response.
func (b *Binding) Answered(r *web.Request) {
	if b.sticky != nil && b.sticky.sessions != nil && b.sticky.early {
		b.learn(r)
	}
}

// Ended notes that the peer's response is complete, or never will be.
func (b *Binding) Ended(r *web.Request) {
	if b.to != "" && b.sticky.sessions != nil && !b.sticky.early {
		b.learn(r)
	}
	b.to = ""
}

// learn binds the session that the response has begun, or that the request
// belongs to, to the peer.
func (b *Binding) learn(r *web.Request) {
	id, create := firstOf(r, b.sticky.create), true
	if id == nil {
		id, create = b.session, false
	}
	if id != nil && b.to != "" {
		b.sticky.sessions.bind(id, b.to, create, time.Now())
	}
}
