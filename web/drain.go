package web

import (
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

// Drain ends the connections to some of the host's addresses without anybody's
// losing an answer: each response says that the connection closes with it. New
// connections are served like that, too. One Drain serves all generations of a
// process.
type Drain struct {
	addrs atomic.Pointer[[]netip.Addr] // nil: none
}

// Set begins to drain the connections to these addresses in place of those
// before; none ends it.
func (d *Drain) Set(addrs []netip.Addr) {
	if len(addrs) == 0 {
		d.addrs.Store(nil)
		return
	}
	d.addrs.Store(&addrs)
}

// On reports whether anything is drained.
func (d *Drain) On() bool { return d != nil && d.addrs.Load() != nil }

// has reports whether a connection with that local end is to close.
func (d *Drain) has(local net.Addr) bool {
	if d == nil {
		return false
	}
	addrs := d.addrs.Load()
	return addrs != nil && isTo(local, *addrs)
}

// isTo reports whether a connection with that local end is one to the addresses.
func isTo(local net.Addr, addrs []netip.Addr) bool {
	a, ok := local.(*net.TCPAddr)
	return ok && slices.Contains(addrs, a.AddrPort().Addr().Unmap().WithZone(""))
}

// EndIdle closes the drained connections that wait for another request.
func (g *Generation) EndIdle() {
	g.members.Each(func(c *Conn) {
		if g.Drain.has(c.Local) {
			c.interrupt()
		}
	})
}

// Silent returns how many of the drained connections have not sent anything for
// that long since they were made, and closes them if it is told to.
func (g *Generation) Silent(since time.Duration, end bool) (n int) {
	before := time.Now().Add(-since)
	g.members.Each(func(c *Conn) {
		if c.silent.Load() && c.Start.Before(before) && g.Drain.has(c.Local) {
			n++
			if end {
				c.abort()
			}
		}
	})
	return n
}

// Cut closes the connections to addresses that this host no longer has: nothing
// of them arrives here any more.
func (g *Generation) Cut(addrs []netip.Addr) {
	g.members.Each(func(c *Conn) {
		if isTo(c.Local, addrs) {
			c.abort()
		}
	})
}
