package grpc

import (
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

// pass is what one grpc_pass says.
type pass struct {
	template *session.Template // nil: no variables
	ref      block.Ref
	target   target
}

// target is an address that requests go to.
type target struct {
	scheme string // "grpc://" or "grpcs://", as written
	tls    bool
	host   string // for :authority
}

func (p *pass) usesTLS() bool { return p.template != nil || p.target.tls }

// readPass reads grpc_pass address.
func readPass(s *nc.Scope, d *nc.Directive) error {
	b := web.BlockOf(s)
	c := slot.Of(b.Location)
	if c.pass != nil {
		return nc.ErrDuplicate
	}
	l := b.Location
	l.PassTo(handle)
	c.pass = new(pass)
	address := d.Args[0]
	var err error
	if session.HasVariables(address) {
		c.pass.template, err = b.HTTP.Template(d, address)
		return err
	}
	var loc upstream.Location
	if c.pass.target, loc, err = parseTarget(address); err != nil {
		return err
	}
	if c.pass.ref, err = block.Refer(&b.HTTP.Realm, d, loc); err != nil {
		return err
	}
	t := c.pass.target
	exchange.SetPasser(l, exchange.Passer{Ref: c.pass.ref, Scheme: t.scheme, TLS: t.tls, Settings: &c.Settings,
		Call: func(r *web.Request, _ bool) (*exchange.Exchange, exchange.Protocol) {
			own := &call{settings: c, target: t, own: true}
			own.Request = r
			return &own.Exchange, own
		}})
	return nil
}

// parseTarget reads an address with or without a scheme.
func parseTarget(address string) (target, upstream.Location, error) {
	t := target{scheme: "grpc://"}
	rest := address
	for _, scheme := range []string{"grpc://", "grpcs://"} {
		if n := len(scheme); len(address) >= n && strings.EqualFold(address[:n], scheme) {
			t.scheme, t.tls, rest = address[:n], n == len("grpcs://"), address[n:]
		}
	}
	l, err := upstream.ParseLocation(rest, 0, false)
	if err != nil {
		return t, l, fmt.Errorf("%w in upstream \"%s\"", err, rest)
	}
	switch {
	case l.Unix:
		t.host = "localhost"
	case l.Written:
		t.host = l.Host + ":" + strconv.Itoa(l.Port)
	default:
		t.host = l.Host
	}
	return t, l, nil
}

// find settles where a request goes; otherwise the code is what to answer.
func (c *call) find(p *pass) (block.Target, web.Code) {
	r := c.Request
	if p.template == nil {
		c.target = p.target
		t := p.ref.Target()
		t.Scheme, t.TLS = p.target.scheme, p.target.tls
		return t, web.OK
	}
	t, l, err := parseTarget(string(p.template.Value(&r.Session)))
	if err != nil {
		r.Logf(logError, "%v", err)
		return block.Target{}, 500
	}
	c.target = t
	to, code := exchange.FindTarget(r, l)
	to.Scheme, to.TLS = t.scheme, t.tls
	return to, code
}
