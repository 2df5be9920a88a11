package cgi

import (
	"fmt"
	"slices"
	"strings"

	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/proxy/block"
	"tandem/proxy/exchange"
	"tandem/proxy/upstream"
	"tandem/session"
	"tandem/web"
)

// Protocol is how locations pass requests on over one of the three protocols.
type Protocol struct {
	*exchange.Family
	// Scheme is the protocol's name in logs.
	Scheme string
	// Schemes may stand before the address of a back end.
	Schemes []Scheme
	// Handler answers the requests of a location with *_pass.
	Handler web.Handler
	// Own returns what makes requests of the process's own for the location
	// being read, as exchange.Passer has it.
	Own func(*nc.Scope) func(r *web.Request, keep bool) (*exchange.Exchange, exchange.Protocol)
	// RedirectsVariables: a request for the location's name without its final
	// slash is redirected even if the address has variables.
	RedirectsVariables bool
}

// Scheme is a name of a protocol before an address.
type Scheme struct {
	Name string // with "://"
	TLS  bool
}

// Pass is what one *_pass says.
type Pass struct {
	protocol *Protocol
	template *session.Template // nil: no variables
	ref      block.Ref
	scheme   Scheme
}

// UsesTLS reports whether requests may go over TLS.
func (p *Pass) UsesTLS() bool {
	if p.template == nil {
		return p.scheme.TLS
	}
	return slices.ContainsFunc(p.protocol.Schemes, func(s Scheme) bool { return s.TLS })
}

// readPass reads *_pass address.
func (p *Protocol) readPass(get func(*nc.Scope) *Settings) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		b, c := web.BlockOf(s), get(s)
		if c.Pass != nil {
			return nc.ErrDuplicate
		}
		address := d.Args[0]
		variables := session.HasVariables(address)
		l := b.Location
		l.PassTo(p.Handler)
		l.AutoRedirect = l.AutoRedirect && (!variables || p.RedirectsVariables)
		c.Pass = &Pass{protocol: p}
		if err := c.prepareHost(s, d); err != nil {
			return err
		}
		var err error
		if variables {
			c.Pass.template, err = b.HTTP.Template(d, address)
			return err
		}
		var loc upstream.Location
		if c.Pass.scheme, loc, err = p.parse(address); err != nil {
			return err
		}
		if c.Pass.ref, err = block.Refer(&b.HTTP.Realm, d, loc); err != nil {
			return err
		}
		exchange.SetPasser(l, exchange.Passer{
			Ref: c.Pass.ref, Scheme: c.Pass.scheme.Name, TLS: c.Pass.scheme.TLS, Settings: &c.Settings, Call: p.Own(s),
		})
		return nil
	}
}

// parse reads an address with or without a scheme.
func (p *Protocol) parse(address string) (Scheme, upstream.Location, error) {
	scheme := Scheme{Name: p.Scheme}
	for _, sc := range p.Schemes {
		if n := len(sc.Name); len(address) >= n && strings.EqualFold(address[:n], sc.Name) {
			scheme, address = Scheme{address[:n], sc.TLS}, address[n:]
			break
		}
	}
	l, err := upstream.ParseLocation(address, 0, false)
	if err != nil {
		err = fmt.Errorf("%w in upstream \"%s\"", err, address)
	}
	return scheme, l, err
}

// Target returns where a request goes; otherwise the code is what to answer.
func (p *Pass) Target(r *web.Request) (block.Target, web.Code) {
	if p.template == nil {
		t := p.ref.Target()
		t.Scheme, t.TLS = p.scheme.Name, p.scheme.TLS
		return t, web.OK
	}
	scheme, l, err := p.protocol.parse(string(p.template.Value(&r.Session)))
	if err != nil {
		r.Logf(errorlog.Error, "%v", err)
		return block.Target{}, 500
	}
	t, code := exchange.FindTarget(r, l)
	t.Scheme, t.TLS = scheme.Name, scheme.TLS
	return t, code
}
