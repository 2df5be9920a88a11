// Package realip is nginx's realip module: it takes the client's address from
// what a trusted proxy says in a header field or in the PROXY protocol.
//
//	set_real_ip_from ADDRESS | NETWORK | HOST | unix:;
//	real_ip_header FIELD | X-Real-IP | X-Forwarded-For | proxy_protocol;
//	real_ip_recursive on | off;
package realip

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"tandem/internal/cidr"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
	"tandem/web/forwarded"
	"tandem/web/message"
)

const everywhere = nc.HTTP | nc.Server | nc.Location

// Module is the realip module.
var Module = &web.Module{
	Name: "realip",
	Commands: []nc.Command{
		{Name: "set_real_ip_from", In: everywhere, Arity: nc.Take1, Set: readFrom},
		{Name: "real_ip_header", In: everywhere, Arity: nc.Take1, Set: nc.SetString(web.At(slot, func(c *settings) *nc.Value[string] { return &c.header }))},
		{Name: "real_ip_recursive", In: everywhere, Arity: nc.Flag, Set: nc.SetFlag(web.At(slot, func(c *settings) *nc.Value[bool] { return &c.recursive }))},
	},
	Variables: []web.Variable{
		{Name: "realip_remote_addr", Get: func(r *web.Request, dst []byte) ([]byte, bool) { return append(dst, r.PeerText()...), true }},
		{Name: "realip_remote_port", Get: func(r *web.Request, dst []byte) ([]byte, bool) {
			return session.AppendPort(dst, r.PeerAddr().Port()), true
		}},
	},
	Init: func(h *web.HTTP) error {
		if h.Any(func(l *web.Location) bool { return slot.Of(l).from != nil }) {
			// What the server says is done first, what the location says
			// later, if the server's has not changed the address.
			h.Handle(web.PostRead, handle)
			h.Handle(web.PreAccess, handle)
		}
		return nil
	},
}

type settings struct {
	from      *cidr.Set // nil: nobody is trusted
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
	if c.from == nil {
		c.from = p.from
	}
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

func readFrom(s *nc.Scope, d *nc.Directive) error {
	c := slot.Of(web.BlockOf(s).Location)
	if c.from == nil {
		c.from = new(cidr.Set)
	}
	text := d.Args[0]
	if text == "unix:" {
		c.from.AddUnix()
		return nil
	}
	if network, exact, ok := cidr.Parse(text); ok {
		if !exact {
			s.Warnf(d, "low address bits of %s are meaningless", text)
		}
		c.from.Add(network)
		return nil
	}
	// A name is looked up once, as nginx does.
	found, err := net.LookupIP(text)
	if err != nil || len(found) == 0 {
		return fmt.Errorf("host not found in set_real_ip_from \"%s\"", text)
	}
	for _, ip := range found {
		if addr, ok := netip.AddrFromSlice(ip); ok {
			addr = addr.Unmap()
			c.from.Add(netip.PrefixFrom(addr, addr.BitLen()))
		}
	}
	return nil
}

func handle(r *web.Request) web.Code {
	c := slot.Of(r.Location)
	if c.from == nil || r.RemoteChanged() {
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
	addr, changed := forwarded.Addr(r.RemoteAddr(), values, c.from, c.recursive.V)
	if !changed {
		return web.Declined
	}
	if c.source == proxyProtocol {
		addr = netip.AddrPortFrom(addr.Addr(), port)
	}
	r.SetRemote(addr)
	return web.Declined
}
