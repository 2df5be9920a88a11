package node

import (
	"net/netip"
	"syscall"
	"time"

	"tandem/vrrp/detour"
)

// servingSide is the web side of a node as a handover sees it.
type servingSide struct{ n *node }

// Drain implements handover.Web.
func (s servingSide) Drain(addrs []netip.Addr) { s.n.drain.Set(addrs) }

// EndIdle implements handover.Web.
func (s servingSide) EndIdle() { s.generation().web.EndIdle() }

// Silent implements handover.Web.
func (s servingSide) Silent(since time.Duration, end bool) int {
	return s.generation().web.Silent(since, end)
}

// Cut implements handover.Web.
func (s servingSide) Cut(addrs []netip.Addr) {
	s.generation().web.Cut(addrs)
	s.generation().stream.Cut(addrs)
	if b := s.n.balance.Load(); b != nil {
		b.Cut(addrs)
	}
}

// Listeners implements handover.Web.
func (s servingSide) Listeners() (list []detour.Listener) {
	s.n.set.Sockets(func(addr netip.AddrPort, raw syscall.RawConn) {
		list = append(list, detour.Listener{Addr: addr, Conn: raw})
	})
	return list
}

// generation is the one in force: those before it end their connections anyway.
func (s servingSide) generation() *generation { return s.n.inForce.Load().generation }
