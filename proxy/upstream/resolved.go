package upstream

import (
	"net/netip"
	"time"
)

// Resolved is one of the addresses that a server's name, or service, stands
// for now.
type Resolved struct {
	Addr netip.AddrPort
	// Of a service: the name of the host, its weight, and whether others come
	// first.
	Name   string
	Weight int
	Backup bool
}

// Resolved gives a server of the group its present addresses. Peers that are
// still there keep what is known of them; requests under way are not
// disturbed. srv must be the value that NewGroup got.
func (g *Group) Resolved(srv *Server, addrs []Resolved) {
	g.mu.Lock()
	defer g.mu.Unlock()
	primary := renew(g.primary.peers, srv, addrs, false)
	var backup []*Peer
	if g.backup != nil {
		backup = g.backup.peers
	}
	g.use(primary, renew(backup, srv, addrs, true))
	g.requeue(time.Now())
}

// renew returns peers with those of srv replaced.
func renew(peers []*Peer, srv *Server, addrs []Resolved, backup bool) []*Peer {
	var kept []*Peer
	taken := make([]bool, len(addrs))
	for i := range addrs {
		taken[i] = (srv.Backup || addrs[i].Backup) != backup
	}
	for _, p := range peers {
		if p.of != srv {
			kept = append(kept, p)
			continue
		}
		for i := range addrs {
			if !taken[i] && addrs[i].is(p) {
				taken[i] = true
				kept = append(kept, p)
				break
			}
		}
	}
	for i := range addrs {
		if !taken[i] {
			kept = append(kept, addrs[i].peer(srv))
		}
	}
	return kept
}

// is reports whether p is the peer of the address.
func (a *Resolved) is(p *Peer) bool {
	if p.Addr != TCPAddr(a.Addr) {
		return false
	}
	return a.Name == "" || p.Server == a.Name && (p.of.Weight != 1 || p.weight == a.weight())
}

// weight is that of a service's server, which is at least 1.
func (a *Resolved) weight() int { return max(1, a.Weight) }

// peer makes the peer of the address.
func (a *Resolved) peer(srv *Server) *Peer {
	p := newPeer(srv, TCPAddr(a.Addr))
	if a.Name != "" {
		p.Server = a.Name
		if srv.Weight == 1 {
			p.weight, p.effective = a.weight(), a.weight()
		}
	}
	return p
}

// AddressesOf returns the present addresses of a server of the group.
func (g *Group) AddressesOf(srv *Server) []Resolved {
	g.mu.Lock()
	defer g.mu.Unlock()
	var addrs []Resolved
	list := func(s *set, backup bool) {
		if s == nil {
			return
		}
		for _, p := range s.peers {
			if p.of != srv {
				continue
			}
			r := Resolved{Addr: p.Addr.IP, Backup: backup}
			if p.Server != srv.Name {
				r.Name, r.Weight = p.Server, p.weight
			}
			addrs = append(addrs, r)
		}
	}
	list(g.primary, false)
	list(g.backup, true)
	return addrs
}
