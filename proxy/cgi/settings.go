package cgi

import (
	"slices"

	nc "tandem/nginxconf"
	"tandem/proxy/answer"
	"tandem/proxy/exchange"
	"tandem/session"
	"tandem/web"
)

// Settings are what the directives say that the three protocols have, for one
// location.
type Settings struct {
	exchange.Settings
	Pass *Pass // nil: none; inherited by if and limit_except alone

	params []param           // as written
	host   *session.Template // HTTP_HOST, unless params give it
	Params *Params           // what both come to; nil: neither is needed
	cached *Params           // where the response may be kept; nil: without a cache
}

// Inherit completes the settings of a level from those around it.
func (c *Settings) Inherit(p *Settings, family *exchange.Family) error {
	c.Settings.Inherit(&p.Settings, family)
	if err := c.InheritBuffers(&p.Settings); err != nil {
		return err
	}
	if err := c.InheritCache(&p.Settings); err != nil {
		return err
	}
	if c.Pass == nil {
		c.Pass = p.Pass
	}
	if c.host == nil {
		c.host = p.host
	}
	if c.params == nil {
		c.params, c.Params, c.cached = p.params, p.Params, p.cached
		p.inForce()
	}
	if c.Params == nil && c.host != nil {
		c.Params = compile(c.params, c.host, false)
	}
	if c.cached == nil && c.host != nil && c.Cache.Use.V != nil {
		c.cached = compile(c.params, c.host, true)
	}
	return nil
}

// inForce has the parameters of the http level looked at, because a server
// inherits them.
func (c *Settings) inForce() {
	for _, p := range c.params {
		p.value.InForce()
	}
}

// nextUpstream are the conditions that *_next_upstream knows: a script that
// answers 502 or 504 is no gateway.
var nextUpstream = []nc.Name{
	{Name: "error", Value: int(exchange.OnError)},
	{Name: "timeout", Value: int(exchange.OnTimeout)},
	{Name: "invalid_header", Value: int(exchange.OnInvalidHeader)},
	{Name: "non_idempotent", Value: int(exchange.OnNonIdempotent)},
	{Name: "http_500", Value: int(exchange.On500)},
	{Name: "http_503", Value: int(exchange.On503)},
	{Name: "http_403", Value: int(exchange.On403)},
	{Name: "http_404", Value: int(exchange.On404)},
	{Name: "http_429", Value: int(exchange.On429)},
	{Name: "updating", Value: int(exchange.OnUpdating)},
	{Name: "off", Value: int(exchange.Never)},
}

// Family returns the family of directives with a prefix, such as "fastcgi", whose
// back ends have the headers hidden that are named.
func Family(prefix string, hidden ...string) *exchange.Family {
	return &exchange.Family{Prefix: prefix, NextUpstream: nextUpstream, Answers: answer.Defaults{Hidden: hidden}}
}

// Commands returns the directives that the three protocols have, as p has them;
// get returns the settings of the level being read.
func (p *Protocol) Commands(get func(*nc.Scope) *Settings) []nc.Command {
	shared := p.Family.Commands(func(s *nc.Scope) *exchange.Settings { return &get(s).Settings })
	return slices.Concat(shared, []nc.Command{
		{Name: p.Prefix + "_pass", In: nc.Location | nc.LocationIf | nc.LimitExcept, Arity: nc.Take1, Set: p.readPass(get)},
		{Name: p.Prefix + "_param", In: nc.HTTP | nc.Server | nc.Location, Arity: nc.Take23, Set: readParam(get)},
	})
}

// AddTempFolder has the folder made for temporary files, which a protocol has
// unless another one is named, where of finds requests passed on.
func (p *Protocol) AddTempFolder(of func(*web.Location) *Settings) func(*web.HTTP) error {
	return func(h *web.HTTP) error {
		if h.Any(func(l *web.Location) bool { c := of(l); return c != nil && c.Pass != nil }) {
			h.AddTempFolder(p.Prefix + "_temp")
		}
		return nil
	}
}
