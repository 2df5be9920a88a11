// Package realip is what http and stream have in common of nginx's realip module:
// whose word on the client's address is taken.
//
//	set_real_ip_from ADDRESS | NETWORK | HOST | unix:;
//
// Where the word stands is the server's own: in header fields, in the PROXY
// protocol.
package realip

import (
	"fmt"
	"net"
	"net/netip"

	"tandem/internal/cidr"
	nc "tandem/nginxconf"
	"tandem/session"
)

// Module is set_real_ip_from, and the variables of the address that was replaced.
func Module(in session.Contexts) *session.Module {
	return &session.Module{
		Name:     "realip",
		Commands: []nc.Command{{Name: "set_real_ip_from", In: in.Levels, Arity: nc.Take1, Set: readFrom}},
		Variables: []session.Variable{
			{Name: "realip_remote_addr", Get: func(s *session.Session, dst []byte) ([]byte, bool) { return append(dst, s.PeerText()...), true }},
			{Name: "realip_remote_port", Get: func(s *session.Session, dst []byte) ([]byte, bool) {
				return session.AppendPort(dst, s.PeerAddr().Port()), true
			}},
		},
	}
}

type settings struct{ from *cidr.Set }

var slot = session.NewLevelSlot(func(c, p *settings) error {
	if c.from == nil {
		c.from = p.from
	}
	return nil
})

// Trusted returns the addresses whose word is taken at a level, nil for none.
func Trusted(l *session.Level) *cidr.Set { return slot.Of(l).from }

func readFrom(s *nc.Scope, d *nc.Directive) error {
	c := slot.Of(session.BlockOf(s).Level)
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
