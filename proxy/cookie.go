package proxy

import (
	"bytes"
	"fmt"
	"strings"

	nc "tandem/nginxconf"
	"tandem/web/message"
)

// cookieRules are what proxy_cookie_domain or proxy_cookie_path says at one
// level; nil with Set: off.
type cookieRules = nc.Value[[]rule]

// readCookieRule reads proxy_cookie_domain or proxy_cookie_path: off, or from
// to.
func readCookieRule(field func(*settings) *cookieRules, plain matchKind) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		v := field(of(s))
		if v.Set && v.V == nil {
			return nc.ErrDuplicate
		}
		if len(d.Args) == 1 {
			return cookieOff(d, v.Set, func() { v.Set = true })
		}
		from, to := d.Args[0], d.Args[1]
		if plain == matchDomain && !strings.HasPrefix(from, "~") {
			from, to = strings.TrimPrefix(from, "."), strings.TrimPrefix(to, ".")
		}
		ru, err := compileRule(s, d, from, to, plain, plain == matchDomain)
		v.V, v.Set = append(v.V, ru), true
		return err
	}
}

// cookieOff is the one-word form of the proxy_cookie directives.
func cookieOff(d *nc.Directive, set bool, off func()) error {
	if d.Args[0] != "off" {
		return fmt.Errorf("invalid parameter \"%s\"", d.Args[0])
	}
	if set {
		return nc.ErrDuplicate
	}
	off()
	return nil
}

// attribute is one part of a Set-Cookie header: the cookie itself, or an
// attribute.
type attribute struct {
	name, value []byte // value nil: without "="
	removed     bool
}

// maxAttributes is what a cookie is parsed into at most; the rest stays as it
// is in the last one.
const maxAttributes = 32

// parseCookie splits the value of a Set-Cookie header.
func parseCookie(attrs []attribute, v []byte) []attribute {
	for {
		part, rest, more := v, []byte(nil), false
		if len(attrs) < maxAttributes-1 {
			part, rest, more = bytes.Cut(v, []byte(";"))
		}
		name, value, has := bytes.Cut(part, []byte("="))
		a := attribute{name: bytes.Trim(name, " ")}
		if has {
			a.value = nonNil(bytes.Trim(value, " "))
		}
		attrs = append(attrs, a)
		if !more {
			return attrs
		}
		v = rest
	}
}

// RewriteCookie rewrites domain, path and flags of a cookie.
func (c *call) RewriteCookie(v []byte) []byte {
	set := c.settings
	if set.cookieDomain.V == nil && set.cookiePath.V == nil && set.cookieFlags.V == nil {
		return v
	}
	var room [maxAttributes + 3]attribute
	attrs := parseCookie(room[:0], v)
	if attrs[0].value == nil {
		return v
	}
	r := c.Request
	changed := false
	for i := 1; i < len(attrs); i++ {
		a := &attrs[i]
		if a.value == nil {
			continue
		}
		var rules []rule
		switch {
		case message.EqualLower(a.name, "domain"):
			rules = set.cookieDomain.V
		case message.EqualLower(a.name, "path"):
			rules = set.cookiePath.V
		}
		if value, ok := rewrite(r, rules, a.value); ok {
			a.value, changed = value, true
		}
	}
	if flags := cookieFlagsOf(r, set.cookieFlags.V, attrs[0].name); flags != 0 {
		attrs, changed = flags.edit(attrs), true
	}
	if !changed {
		return v
	}
	return r.Keep(joinCookie(nil, attrs))
}

// joinCookie puts the parts together again.
func joinCookie(dst []byte, attrs []attribute) []byte {
	for i := range attrs {
		a := &attrs[i]
		if a.removed {
			continue
		}
		if i > 0 {
			dst = append(dst, "; "...)
		}
		dst = append(dst, a.name...)
		if a.value != nil {
			dst = append(append(dst, '='), a.value...)
		}
	}
	return dst
}
