// Package realip is nginx's realip module: it takes the client's address from
// what a trusted proxy says in a header field or in the PROXY protocol. Whom it
// trusts is in session/realip.
//
//	real_ip_header FIELD | X-Real-IP | X-Forwarded-For | proxy_protocol;
//	real_ip_recursive on | off;
package realip

import (
	"net/netip"
	"strings"

	"tandem/internal/forwarded"
	nc "tandem/nginxconf"
	"tandem/session/realip"
	"tandem/web"
	"tandem/web/message"
)

const everywhere = nc.HTTP | nc.Server | nc.Location

// Module is the realip module.
var Module = &web.Module{
	Name: "realip",
	Commands: []nc.Command{
		{Name: "real_ip_header", In: everywhere, Arity: nc.Take1, Set: nc.SetString(web.At(slot, func(c *settings) *nc.Value[string] { return &c.header }))},
		{Name: "real_ip_recursive", In: everywhere, Arity: nc.Flag, Set: nc.SetFlag(web.At(slot, func(c *settings) *nc.Value[bool] { return &c.recursive }))},
	},
	Init: func(h *web.HTTP) error {
		if h.Any(func(l *web.Location) bool { return realip.Trusted(&l.Level) != nil }) {
			// What the server says is done first, what the location says
			// later, if the server's has not changed the address.
			h.Handle(web.PostRead, handle)
			h.Handle(web.PreAccess, handle)
		}
		return nil
	},
}

type settings struct {
	header    nc.Value[string]
	recursive nc.Value[bool]

	source source
	field  string // lower case, for a header of any name
}

// source is where the address is taken from.
type source uint8

const (
	anyField source = iota
	xRealIP
	xForwardedFor
	proxyProtocol
)

var slot = web.NewLocationSlot(func(c, p *settings) error {
	c.header.Inherit(p.header, "X-Real-IP")
	c.recursive.Inherit(p.recursive, false)
	switch c.header.V {
	case "X-Real-IP":
		c.source = xRealIP
	case "X-Forwarded-For":
		c.source = xForwardedFor
	case "proxy_protocol":
		c.source = proxyProtocol
	default:
		c.field = strings.ToLower(c.header.V)
	}
	return nil
})

func handle(r *web.Request) web.Code {
	c := slot.Of(r.Location)
	trusted := realip.Trusted(&r.Location.Level)
	if trusted == nil || r.RemoteChanged() {
		return web.Declined
	}
	var buf [8][]byte
	values := buf[:0]
	port := uint16(0)
	switch c.source {
	case xRealIP:
		if v := r.Header(message.XRealIP); v != nil {
			values = append(values, v)
		}
	case xForwardedFor:
		values = r.Head.Values(values, message.XForwardedFor)
	case proxyProtocol:
		if h := r.ProxyHeader(); h != nil {
			values, port = append(values, h.Source), h.SourcePort
		}
	case anyField:
		if v := r.Head.Get(c.field); v != nil {
			values = append(values, v)
		}
	}
	addr, changed := forwarded.Addr(r.RemoteAddr(), values, trusted, c.recursive.V)
	if !changed {
		return web.Declined
	}
	if c.source == proxyProtocol {
		addr = netip.AddrPortFrom(addr.Addr(), port)
	}
	r.SetRemote(addr)
	return web.Declined
}
