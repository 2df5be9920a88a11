package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	nc "tandem/nginxconf"
	"tandem/proxy/block"
	"tandem/proxy/exchange"
	"tandem/proxy/upstream"
	"tandem/session"
	"tandem/web"
)

// pass is what one proxy_pass says.
type pass struct {
	url      string // as written; "" when it has variables
	template *session.Template
	ref      block.Ref
	target   target
	prefix   string // the part of the path that the URI takes the place of
}

// target is a URL that requests go to.
type target struct {
	scheme string // "http://" or "https://"
	tls    bool
	host   string // for the Host header
	port   string // for $proxy_port
	uri    string // what takes the place of the location's name; "": nothing
	key    string // what keys of the cache begin with
}

// readPass reads proxy_pass URL.
func readPass(s *nc.Scope, d *nc.Directive) error {
	b := web.BlockOf(s)
	c := slot.Of(b.Location)
	if c.pass != nil {
		return nc.ErrDuplicate
	}
	l := b.Location
	l.PassTo(handle)
	url := d.Args[0]
	if session.HasVariables(url) {
		t, err := b.HTTP.Template(d, url)
		c.pass = &pass{template: t}
		return err
	}
	t, loc, err := parseTarget(url)
	if err != nil {
		return err
	}
	p := &pass{url: url, target: t, prefix: l.Name}
	if l.Kind == web.NamedLocation || l.Kind == web.RegexLocation || l.Kind == web.Level {
		if t.uri != "" {
			return errors.New("\"proxy_pass\" cannot have URI part in location given by regular expression, " +
				"or inside named location, or inside \"if\" statement, or inside \"limit_except\" block")
		}
		p.prefix = ""
	}
	if p.ref, err = block.Refer(&b.HTTP.Realm, d, loc); err != nil {
		return err
	}
	c.pass = p
	exchange.SetPasser(l, exchange.Passer{Ref: p.ref, Scheme: t.scheme, TLS: t.tls, Settings: &c.Settings,
		Call: func(r *web.Request, keep bool) (*exchange.Exchange, exchange.Protocol) {
			if c.version.V == version2 {
				own := &streamCall{call: call{settings: c, pass: p, target: t}, own: true}
				own.Request = r
				return &own.Exchange, own
			}
			own := &ownCall{call{settings: c, pass: p, target: t}, keep}
			own.Request = r
			return &own.Exchange, own
		}})
	return nil
}

var errURLPrefix = errors.New("invalid URL prefix")

// parseTarget reads a URL.
func parseTarget(url string) (target, upstream.Location, error) {
	t := target{}
	port := 0
	switch {
	case hasPrefixFold(url, "http://"):
		t.scheme, port = url[:7], 80
	case hasPrefixFold(url, "https://"):
		t.scheme, port, t.tls = url[:8], 443, true
	default:
		return t, upstream.Location{}, errURLPrefix
	}
	rest := url[len(t.scheme):]
	l, err := upstream.ParseLocation(rest, port, true)
	if err != nil {
		return t, l, fmt.Errorf("%w in upstream \"%s\"", err, rest)
	}
	t.uri = l.URI
	switch {
	case l.Unix:
		t.host = "localhost"
	case l.Port == port:
		t.host, t.port = l.Host, strconv.Itoa(port)
	default:
		t.port = strconv.Itoa(l.Port)
		t.host = l.Host + ":" + t.port
	}
	t.key = t.cacheKey(l)
	return t, l, nil
}

// cacheKey returns what nginx's keys begin with, unless the configuration gives
// them.
func (t *target) cacheKey(l upstream.Location) string {
	if !l.Unix {
		return t.scheme + t.host
	}
	end := ":"
	if l.URI == "" {
		end = "\x00" // what nginx finds behind the name
	}
	return t.scheme + "unix:" + l.Host + end
}

// AppendKey appends the key of the request in the cache.
func (c *call) AppendKey(dst []byte) []byte { return c.appendURI(append(dst, c.target.key...)) }

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// appendURI appends the path and arguments that go to the back end.
func (c *call) appendURI(dst []byte) []byte {
	r, t := c.Request, c.target
	switch {
	case c.pass.template != nil && t.uri != "":
		return append(dst, t.uri...)
	case t.uri == "" && r.RawPathValid:
		if raw := r.RawURI; len(raw) == 0 || raw[0] == '?' {
			dst = append(dst, '/')
		}
		return append(dst, r.RawURI...)
	}
	path := r.Path
	if r.LocationValid && t.uri != "" {
		dst = append(dst, t.uri...)
		path = path[min(len(c.pass.prefix), len(path)):]
	}
	if r.Internal || pathEscaped(r.RawURI) {
		dst = appendEscaped(dst, path)
	} else {
		dst = append(dst, path...)
	}
	if len(r.Args) > 0 {
		dst = append(append(dst, '?'), r.Args...)
	}
	return dst
}

// pathEscaped reports whether the path of a request target has escapes.
func pathEscaped(raw []byte) bool {
	path, _, _ := bytes.Cut(raw, question)
	return bytes.IndexByte(path, '%') >= 0
}

var question = []byte("?")
