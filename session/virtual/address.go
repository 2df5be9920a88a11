package virtual

import (
	"net"
	"net/netip"

	"tandem/internal/hostnames"
	"tandem/internal/listen"
	nc "tandem/nginxconf"
	"tandem/session"
)

// Server is a server of http or stream.
type Server interface {
	comparable
	// Virtual returns what a server has to do with others at its address.
	Virtual() (listens []Listen, names []Name, shared *session.Server)
}

// Address is where servers listen, with those that do.
type Address[S Server] struct {
	Addr          listen.Address
	Default       S
	Servers       []S
	Names         *Names[S] // nil: only the default
	TLS           bool
	ProxyProtocol bool

	options      listen.Options
	optionsGiven bool
	defaultGiven bool
}

// Port is one socket to listen on, with the addresses that share it.
type Port[S Server] struct {
	listen.Port
	// addrs: more particular addresses that this wildcard socket accepts
	// for; nil for most.
	addrs    map[netip.Addr]*Address[S]
	fallback *Address[S]
}

// At returns the address for a connection that was made to local.
func (p *Port[S]) At(local net.Addr) *Address[S] {
	if p.addrs == nil {
		return p.fallback
	}
	var ip net.IP
	switch a := local.(type) {
	case *net.TCPAddr:
		ip = a.IP
	case *net.UDPAddr:
		ip = a.IP
	}
	if ip, ok := netip.AddrFromSlice(ip); ok {
		if a := p.addrs[ip.Unmap()]; a != nil {
			return a
		}
	}
	return p.fallback
}

// Addresses calls f for each address of the port.
func (p *Port[S]) Addresses(f func(*Address[S])) {
	f(p.fallback)
	for _, a := range p.addrs {
		f(a)
	}
}

// Deputies returns the servers that a handshake may turn to in place of srv: those
// that listen where it does, unless it is the default one of an address.
func Deputies[S Server](srv S, servers []S, ports []*Port[S]) []*session.Server {
	for _, p := range ports {
		isDefault := false
		p.Addresses(func(a *Address[S]) { isDefault = isDefault || a.Default == srv })
		if isDefault {
			return nil
		}
	}
	var list []*session.Server
	for _, other := range servers {
		if other != srv && shareAddress(srv, other) {
			_, _, shared := other.Virtual()
			list = append(list, shared)
		}
	}
	return list
}

// shareAddress reports whether two servers listen on an address together.
func shareAddress[S Server](a, b S) bool {
	at, _, _ := a.Virtual()
	others, _, _ := b.Virtual()
	for i := range at {
		for j := range others {
			if at[i].Addr == others[j].Addr {
				return true
			}
		}
	}
	return false
}

// Arrange groups the listen directives of all servers by socket, in the order of
// their first mention. One wildcard socket accepts for all addresses of its port,
// unless one asked for a socket of its own.
func Arrange[S Server](s *nc.Scope, servers []S) []*Port[S] {
	byAddr := make(map[listen.Address]*Address[S])
	var order []*Address[S]
	for _, srv := range servers {
		listens, _, shared := srv.Virtual()
		for i := range listens {
			l := &listens[i]
			a := byAddr[l.Addr]
			if a == nil {
				a = &Address[S]{Addr: l.Addr, options: l.Options}
				byAddr[l.Addr] = a
				order = append(order, a)
			}
			a.add(s, srv, l)
			if l.TLS {
				shared.AsksTLS = &l.Pos
			}
		}
	}
	for _, a := range order {
		a.finish(s)
	}
	return ports(order)
}

func (a *Address[S]) add(s *nc.Scope, srv S, l *Listen) {
	if l.given {
		if a.optionsGiven {
			s.ErrorAt(l.Pos, "duplicate listen options for %s", l.Addr)
			return
		}
		a.options, a.optionsGiven = l.Options, true
	}
	var none S
	if l.isDefault {
		if a.defaultGiven {
			s.ErrorAt(l.Pos, "a duplicate default server for %s", l.Addr)
			return
		}
		a.defaultGiven, a.Default = true, srv
	}
	if a.Default == none {
		a.Default = srv
	}
	a.ProxyProtocol = a.ProxyProtocol || l.ProxyProtocol
	a.TLS = a.TLS || l.TLS
	a.Servers = append(a.Servers, srv)
}

func (a *Address[S]) finish(s *nc.Scope) {
	if len(a.Servers) == 1 && onlyPlainNames(a.Servers[0]) {
		return
	}
	a.Names = new(Names[S])
	for _, srv := range a.Servers {
		_, names, shared := srv.Virtual()
		for _, name := range names {
			switch err := a.Names.add(name, srv); err {
			case nil:
			case hostnames.ErrInvalid:
				s.ErrorAt(shared.Pos, "invalid server name or wildcard \"%s\" on %s", name.Text, a.Addr)
			default:
				s.WarnAt(shared.Pos, "conflicting server name \"%s\" on %s, ignored", name.Text, a.Addr)
			}
		}
	}
}

// onlyPlainNames: no regex among the names, whose captures a session may use.
func onlyPlainNames[S Server](srv S) bool {
	_, names, _ := srv.Virtual()
	for _, n := range names {
		if n.re != nil {
			return false
		}
	}
	return true
}

// ports finds out which addresses have a socket of their own.
func ports[S Server](order []*Address[S]) []*Port[S] {
	type wildcard struct {
		port    uint16
		v6, udp bool
	}
	wild := make(map[wildcard]*Port[S])
	var ports []*Port[S]
	key := func(a listen.Address) wildcard { return wildcard{a.IP.Port(), a.IP.Addr().Is6(), a.UDP} }
	open := func(a *Address[S]) *Port[S] {
		p := &Port[S]{Port: listen.Port{Addr: a.Addr, Options: a.options}, fallback: a}
		ports = append(ports, p)
		return p
	}
	for _, a := range order {
		if a.Addr.IsWildcard() {
			wild[key(a.Addr)] = open(a)
		}
	}
	for _, a := range order {
		if a.Addr.IsWildcard() {
			continue
		}
		if p := wild[key(a.Addr)]; a.Addr.Unix == "" && p != nil && !a.options.Bind {
			if p.addrs == nil {
				p.addrs = make(map[netip.Addr]*Address[S])
			}
			p.addrs[a.Addr.IP.Addr().Unmap()] = a
			continue
		}
		open(a)
	}
	return ports
}
