package proxy

import (
	"slices"

	nc "tandem/nginxconf"
	"tandem/proxy/answer"
	"tandem/proxy/cache"
	"tandem/proxy/exchange"
	"tandem/proxy/header"
	"tandem/session"
	"tandem/web"
)

// Module is proxy_pass and its directives.
var Module = &web.Module{
	Name:      "proxy",
	Commands:  commands(),
	Variables: variables,
	Init: func(h *web.HTTP) error {
		if h.Any(func(l *web.Location) bool { return slot.Of(l).pass != nil }) {
			h.AddTempFolder("proxy_temp")
		}
		return nil
	},
}

// settings are those of one location.
type settings struct {
	exchange.Settings
	pass *pass // nil: none; never inherited but by if and limit_except

	setHeaders nc.Value[[]header.Setting]
	setBody    nc.Value[*session.Template]
	method     nc.Value[*session.Template]
	version    nc.Value[version]

	redirect     redirect
	cookieDomain cookieRules
	cookiePath   cookieRules
	cookieFlags  nc.Value[[]flagRule]

	headers *headers // what setHeaders and the defaults come to
	cached  *headers // where the response may be kept; nil: without a cache
}

// version is proxy_http_version.
type version int

const (
	version10 version = 10
	version11 version = 11
	version2  version = 20
)

var slot = web.NewLocationSlot(inherit)

var family = &exchange.Family{
	Prefix: "proxy", NextUpstream: exchange.NextUpstream,
	Answers: answer.Defaults{Hidden: []string{"Date", "Server", "X-Pad"}, OwnServer: true},
}

func inherit(c, p *settings) error {
	c.Settings.Inherit(&p.Settings, family)
	if err := c.InheritBuffers(&p.Settings); err != nil {
		return err
	}
	if err := c.InheritCache(&p.Settings); err != nil {
		return err
	}
	c.redirect.inherit(&p.redirect, c.pass)
	if c.pass == nil {
		c.pass = p.pass
	}
	if c.pass != nil && (c.pass.template != nil || c.pass.target.tls) {
		if err := c.TLS.Use(family.Prefix); err != nil {
			return err
		}
	}
	c.cookieDomain.Inherit(p.cookieDomain, nil)
	c.cookiePath.Inherit(p.cookiePath, nil)
	c.cookieFlags.Inherit(p.cookieFlags, nil)
	if !c.setHeaders.Set {
		c.headers, c.cached = p.headers, p.cached
		for _, sh := range p.setHeaders.V {
			sh.Value.InForce()
		}
	}
	c.setHeaders.Inherit(p.setHeaders, nil)
	if c.headers == nil {
		c.headers = compileHeaders(c.setHeaders.V, false)
	}
	if c.cached == nil && c.Cache.Use.V != nil {
		c.cached = compileHeaders(c.setHeaders.V, true)
	}
	if !c.setBody.Set {
		p.setBody.V.InForce()
	}
	c.setBody.Inherit(p.setBody, nil)
	c.method.Inherit(p.method, nil)
	c.version.Inherit(p.version, version11)
	return nil
}

func of(s *nc.Scope) *settings { return slot.Of(web.BlockOf(s).Location) }

func commands() []nc.Command {
	const in = nc.HTTP | nc.Server | nc.Location
	own := []nc.Command{
		{Name: "proxy_pass", In: nc.Location | nc.LocationIf | nc.LimitExcept, Arity: nc.Take1, Set: readPass},
		{Name: "proxy_set_header", In: in, Arity: nc.Take2, Set: header.ReadSetting(web.At(slot, func(c *settings) *nc.Value[[]header.Setting] { return &c.setHeaders }))},
		{Name: "proxy_set_body", In: in, Arity: nc.Take1,
			Set: setTemplate(func(c *settings) *nc.Value[*session.Template] { return &c.setBody }, true)},
		{Name: "proxy_method", In: in, Arity: nc.Take1,
			Set: setTemplate(func(c *settings) *nc.Value[*session.Template] { return &c.method }, false)},
		{Name: "proxy_http_version", In: in, Arity: nc.Take1,
			Set: nc.SetEnum(web.At(slot, func(c *settings) *nc.Value[version] { return &c.version }),
				nc.Name{Name: "1.0", Value: int(version10)}, nc.Name{Name: "1.1", Value: int(version11)},
				nc.Name{Name: "2", Value: int(version2)})},
		{Name: "proxy_redirect", In: in, Arity: nc.Take12, Set: readRedirect},
		{Name: "proxy_cookie_domain", In: in, Arity: nc.Take12,
			Set: readCookieRule(func(c *settings) *cookieRules { return &c.cookieDomain }, matchDomain)},
		{Name: "proxy_cookie_path", In: in, Arity: nc.Take12,
			Set: readCookieRule(func(c *settings) *cookieRules { return &c.cookiePath }, matchPrefix)},
		{Name: "proxy_cookie_flags", In: in, Arity: nc.Take1234, Set: readCookieFlags},
		{Name: "proxy_pass_trailers", In: in, Arity: nc.Flag,
			Set: nc.SetFlag(web.At(slot, func(c *settings) *nc.Value[bool] { return &c.Answers.PassTrailers }))},
		family.SendLowat(),
		cache.ConvertHead("proxy", func(s *nc.Scope) *cache.Settings { return &of(s).Cache }),
		// Headers are not kept in hashes here.
		{Name: "proxy_headers_hash_max_size", In: in, Arity: nc.Take1},
		{Name: "proxy_headers_hash_bucket_size", In: in, Arity: nc.Take1},
	}
	get := func(s *nc.Scope) *exchange.Settings { return &of(s).Settings }
	return slices.Concat(own, family.Commands(get), family.TLSCommands(get))
}

// setTemplate is the setter of a value that may hold variables. late: see
// web.HTTP.LateTemplate.
func setTemplate(field func(*settings) *nc.Value[*session.Template], late bool) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		v := field(of(s))
		if v.Set {
			return nc.ErrDuplicate
		}
		h := web.BlockOf(s).HTTP
		compile := h.Template
		if late {
			compile = func(d *nc.Directive, text string) (*session.Template, error) { return h.LateTemplate(s, d, text) }
		}
		t, err := compile(d, d.Args[0])
		if err != nil {
			return err
		}
		*v = nc.Value[*session.Template]{V: t, Set: true}
		return nil
	}
}
