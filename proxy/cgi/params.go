package cgi

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	nc "tandem/nginxconf"
	"tandem/proxy/exchange"
	"tandem/session"
	"tandem/web"
	"tandem/web/message"
)

// param is one *_param directive.
type param struct {
	name       string
	value      *session.Template
	ifNotEmpty bool
}

// readParam reads *_param name value [if_not_empty].
func readParam(get func(*nc.Scope) *Settings) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		if len(d.Args) == 3 && d.Args[2] != "if_not_empty" {
			return fmt.Errorf("invalid parameter \"%s\"", d.Args[2])
		}
		h := web.BlockOf(s).HTTP
		value, err := h.LateTemplate(s, d, d.Args[1])
		if err != nil {
			return err
		}
		c := get(s)
		c.params = append(c.params, param{d.Args[0], value, len(d.Args) == 3})
		return c.prepareHost(s, d)
	}
}

// prepareHost makes the value that HTTP_HOST has unless a directive gives it
// another one.
func (c *Settings) prepareHost(s *nc.Scope, d *nc.Directive) (err error) {
	if c.host == nil {
		c.host, err = web.BlockOf(s).HTTP.Template(d, "$host$is_request_port$request_port")
	}
	return err
}

// Params are the parameters of requests: those of the configuration, and the
// client's headers, each as HTTP_ with its name in upper case and "_" for "-"
// (RFC 3875 section 4.1.18).
type Params struct {
	list []compiledParam
	// replaced are the parameters of headers, in upper case, that are not what
	// the headers say because the configuration gives them.
	replaced map[string]bool
	// modifiedSince and noneMatch: it is asked whether an entry of the cache still
	// holds.
	modifiedSince, noneMatch bool
}

type compiledParam struct {
	name       []byte
	literal    []byte            // the value, unless it holds variables
	value      *session.Template // nil: literal
	ifNotEmpty bool
}

const headerPrefix = "HTTP_"

// Where the response may be kept, it is to be whole, and is for others, too.
const (
	modifiedSince = "HTTP_IF_MODIFIED_SINCE"
	noneMatch     = "HTTP_IF_NONE_MATCH"
)

var conditionalParams = []string{
	modifiedSince, "HTTP_IF_UNMODIFIED_SINCE", noneMatch, "HTTP_IF_MATCH", "HTTP_RANGE", "HTTP_IF_RANGE",
}

// compile joins the directives with the default of HTTP_HOST; cached says that the
// response may be kept.
func compile(params []param, host *session.Template, cached bool) *Params {
	hasHost := slices.ContainsFunc(params, func(p param) bool { return strings.EqualFold(p.name, "HTTP_HOST") })
	if !hasHost {
		params = append(slices.Clip(params), param{"HTTP_HOST", host, true})
	}
	c := &Params{replaced: make(map[string]bool)}
	for _, p := range params {
		if header, ok := strings.CutPrefix(p.name, headerPrefix); ok && header != "" {
			c.replaced[strings.ToUpper(p.name)] = true
			if p.value.Text == "" {
				continue
			}
		}
		compiled := compiledParam{name: []byte(p.name), ifNotEmpty: p.ifNotEmpty}
		if p.value.IsLiteral() {
			compiled.literal = []byte(p.value.Text)
		} else {
			compiled.value = p.value
		}
		c.list = append(c.list, compiled)
	}
	if cached {
		c.modifiedSince, c.noneMatch = !c.replaced[modifiedSince], !c.replaced[noneMatch]
		for _, name := range conditionalParams {
			c.replaced[name] = true
		}
	}
	return c
}

// AppendPair appends a parameter as it goes over the wire.
type AppendPair func(dst, name, value []byte) ([]byte, error)

// AppendParams appends the parameters of a request.
func (c *Settings) AppendParams(x *exchange.Exchange, dst []byte, pair AppendPair) ([]byte, error) {
	params := c.Params
	if x.Caches() {
		params = c.cached
	}
	return params.append(x, dst, c.PassRequestHeaders.V, pair)
}

// append appends the parameters of a request; headers says whether those of the
// client's headers are among them.
func (c *Params) append(x *exchange.Exchange, dst []byte, headers bool, pair AppendPair) ([]byte, error) {
	r := x.Request
	for i := range c.list {
		p := &c.list[i]
		scratch := r.Scratch()
		value := p.literal
		if p.value != nil {
			scratch = p.value.Append(&r.Session, scratch)
			value = scratch
		}
		var err error
		if len(value) > 0 || !p.ifNotEmpty {
			dst, err = pair(dst, p.name, value)
		}
		r.Unscratch(scratch)
		if err != nil {
			return dst, err
		}
	}
	if c.modifiedSince || c.noneMatch {
		var err error
		if dst, err = c.appendConditions(x, dst, pair); err != nil {
			return dst, err
		}
	}
	if !headers {
		return dst, nil
	}
	return c.appendHeaders(r, dst, pair)
}

// appendConditions appends by what it is asked whether an entry of the cache still
// holds.
func (c *Params) appendConditions(x *exchange.Exchange, dst []byte, pair AppendPair) (_ []byte, err error) {
	modified, etag := x.Validators()
	if c.modifiedSince && modified != -1 {
		if dst, err = pair(dst, []byte(modifiedSince), message.AppendDate(nil, modified)); err != nil {
			return dst, err
		}
	}
	if c.noneMatch && len(etag) > 0 {
		dst, err = pair(dst, []byte(noneMatch), etag)
	}
	return dst, err
}

// appendHeaders appends the client's headers; those of one name become one
// parameter.
func (c *Params) appendHeaders(r *web.Request, dst []byte, pair AppendPair) ([]byte, error) {
	fields := r.Head.Fields
	for i := range fields {
		f := &fields[i]
		name := appendParamName(r.Scratch(), f.Name)
		joined := r.Scratch()
		var err error
		if !c.replaced[string(name)] && !hasName(fields[:i], f) {
			value := f.Value
			if hasName(fields[i+1:], f) {
				joined = appendJoined(joined, fields[i:])
				value = joined
			}
			dst, err = pair(dst, name, value)
		}
		r.Unscratch(joined)
		r.Unscratch(name)
		if err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// appendParamName appends the parameter's name for a header.
func appendParamName(dst, header []byte) []byte {
	dst = append(dst, headerPrefix...)
	for _, c := range header {
		switch {
		case c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		case c == '-':
			c = '_'
		}
		dst = append(dst, c)
	}
	return dst
}

// hasName reports whether one of the fields has the name of f.
func hasName(fields []message.Field, f *message.Field) bool {
	for i := range fields {
		if sameName(&fields[i], f) {
			return true
		}
	}
	return false
}

func sameName(a, b *message.Field) bool {
	return a.ID == b.ID && (a.ID != 0 || bytes.EqualFold(a.Name, b.Name))
}

// appendJoined appends the values of all fields with the name of the first.
func appendJoined(dst []byte, fields []message.Field) []byte {
	first := &fields[0]
	separator := ", "
	if first.ID == message.Cookie {
		separator = "; "
	}
	dst = append(dst, first.Value...)
	for i := 1; i < len(fields); i++ {
		if f := &fields[i]; sameName(f, first) {
			dst = append(append(dst, separator...), f.Value...)
		}
	}
	return dst
}
