package handover

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"tandem/vrrp/detour"
	"tandem/vrrp/peerlink"
)

// detours are those of one Away.
type detours struct {
	list    []Detour
	packets uint64 // that were sent on by those that are closed
}

func (d *detours) forwarded() uint64 {
	n := d.packets
	for _, one := range d.list {
		n += one.Forwarded()
	}
	return n
}

func (d *detours) close() {
	d.packets = d.forwarded()
	for _, one := range d.list {
		one.Close()
	}
	d.list = nil
}

// redirect begins to send new connections on, for each interface and successor.
func (h *Handover) redirect(legs []*leg) *detours {
	type way struct{ iface, to string }
	ways := map[way][]netip.Addr{}
	for _, l := range legs {
		for _, a := range l.Addresses {
			if to := l.hardware[a.Prefix.Addr()]; to != "" {
				w := way{a.Interface, to}
				ways[w] = append(ways[w], a.Prefix.Addr())
			}
		}
	}
	begun := &detours{}
	for w, addrs := range ways {
		to, err := net.ParseMAC(w.to)
		if err == nil {
			h.c.Privileged(func() {
				var d Detour
				if d, err = h.c.Redirect(detour.Config{Interface: w.iface, Addresses: addrs, To: to, Listeners: h.c.Web.Listeners()}); err == nil {
					begun.list = append(begun.list, d)
				}
			})
		}
		if err != nil {
			h.c.Log("", fmt.Sprintf("new connections cannot be sent on to the successor: %v", err))
			h.forget(legs, addrs)
		}
	}
	return begun
}

// deserted reports whether a successor that new connections are sent on to is
// gone, or does not serve any longer. They are this node's again then, and VRRP
// finds a new master by its own timers.
func (h *Handover) deserted(legs []*leg) bool {
	peers := h.c.Link.Sessions()
	for _, l := range legs {
		well := slices.ContainsFunc(peers, func(p peerlink.Session) bool {
			return p.Instance == l.Name && p.Addr == l.successor && p.Info.Health == ""
		})
		if l.hardware != nil && !well {
			h.c.Log(l.Name, l.node+" is gone: its connections are served here again")
			return true
		}
	}
	return false
}

// forget notes that connections to the addresses are not sent on.
func (h *Handover) forget(legs []*leg, addrs []netip.Addr) {
	for _, l := range legs {
		for _, a := range addrs {
			delete(l.hardware, a)
		}
	}
}
