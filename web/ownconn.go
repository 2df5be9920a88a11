package web

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// OwnConnections knows the connections that this process made to itself: the
// self-probe's. Their requests are not logged, counted or limited. Only the
// process can announce one, because only it can know the local port before
// the connection has been accepted.
type OwnConnections struct {
	n     atomic.Int64
	addrs sync.Map // netip.AddrPort -> nothing
}

// Announce tells that a connection from local to one of our listeners is our
// own, or, with done, that it has ended.
func (o *OwnConnections) Announce(local netip.AddrPort, done bool) {
	if done {
		o.addrs.Delete(local)
		o.n.Add(-1)
		return
	}
	o.n.Add(1)
	o.addrs.Store(local, nil)
}

// has reports whether a client's address is that of an own connection.
func (o *OwnConnections) has(remote netip.AddrPort) bool {
	if o == nil || o.n.Load() == 0 {
		return false
	}
	_, ok := o.addrs.Load(netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port()))
	return ok
}
