package handover

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"tandem/vrrp/fsm"
	"tandem/vrrp/netif"
	"tandem/vrrp/peerlink"
)

// loopback is where a successor holds addresses that nobody is to be told of.
const loopback = "lo"

// prepareGrace is how much longer than it was told to a successor stays
// prepared.
const prepareGrace = 2 * time.Second

// The addresses on the loopback are leased from the kernel, as those of a master
// are: a process that dies or hangs does not keep them.
const (
	quietLease   = netif.Lease(2 * time.Second)
	quietRenewal = 500 * time.Millisecond
)

// preparation is what a successor holds of an instance without telling.
type preparation struct {
	addresses  netif.Addresses
	quiet      []netif.Address // on the loopback
	interfaces []string        // that are silenced for it
	until      time.Time
	timer      *time.Timer
}

// silence is an interface on which nobody is told.
type silence struct {
	users  int
	before netif.ARPSettings
}

// prepare takes an instance's addresses for the master that asks, and answers.
func (h *Handover) prepare(name string, master netip.Addr, bound time.Duration) {
	reply := peerlink.Handover{Step: peerlink.Ready}
	hardware, err := h.hold(name, master, bound)
	if err != nil {
		reply = peerlink.Handover{Step: peerlink.Unable, Text: err.Error()}
	}
	reply.Hardware = hardware
	if err := h.c.Link.Send(name, master, reply); err != nil {
		h.unprepare(name)
	}
}

// hold sets the addresses and returns behind which hardware address each is.
func (h *Handover) hold(name string, master netip.Addr, bound time.Duration) (map[netip.Addr]string, error) {
	inst, ok := h.instance(name)
	if !ok || !inst.Plain || len(inst.Addresses) == 0 {
		return nil, errors.New("its addresses are not on an ordinary interface")
	}
	s, ok := h.status(context.Background(), name)
	switch {
	case !ok || s.Role != fsm.Backup:
		return nil, fmt.Errorf("it is %v", s.Role)
	case s.Master != master:
		return nil, fmt.Errorf("the master that it hears is %v", s.Master)
	case s.Priority == fsm.PriorityLow:
		return nil, fmt.Errorf("its own priority is %d", s.Priority)
	}
	hardware := map[netip.Addr]string{}
	p := &preparation{addresses: h.c.Kernel.Addresses(), until: time.Now().Add(bound + prepareGrace)}
	var interfaces []string
	for _, a := range inst.Addresses {
		iface, err := h.c.Kernel.Interface(a.Interface)
		if err != nil {
			return nil, err
		}
		addr := a.Prefix.Addr()
		hardware[addr] = iface.Hardware.String()
		p.quiet = append(p.quiet, onLoopback(addr))
		interfaces = append(interfaces, a.Interface)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.prepared[name] != nil {
		h.release(name) // of an earlier attempt
	}
	h.prepared[name] = p
	if err := h.hide(p, interfaces); err != nil {
		h.release(name)
		return nil, err
	}
	p.timer = time.AfterFunc(quietRenewal, func() { h.keep(name, p) })
	return hardware, nil
}

// onLoopback returns a virtual address where nobody is told of it.
func onLoopback(a netip.Addr) netif.Address {
	return netif.Address{Interface: loopback, Prefix: netip.PrefixFrom(a, a.BitLen()), NoPrefixRoute: true}
}

// hide takes a preparation's addresses on the loopback and keeps the interfaces
// from telling of them. Called with h.mu held.
func (h *Handover) hide(p *preparation, interfaces []string) error {
	for _, name := range interfaces {
		if h.silenced[name] == nil {
			before, err := h.c.Kernel.ARPSettings(name)
			if err != nil {
				return err
			}
			h.silenced[name] = &silence{before: before}
		}
		h.silenced[name].users++
		p.interfaces = append(p.interfaces, name)
	}
	// Written down first: this process may not live to undo it. A full disk is
	// no reason to do without the handover.
	if err := h.writeLeftovers(); err != nil {
		h.c.Log("", err.Error())
	}
	for _, name := range interfaces {
		if err := h.c.Kernel.SetARPSettings(name, h.silenced[name].before.Silent()); err != nil {
			return err
		}
	}
	return p.addresses.Set(p.quiet, quietLease)
}

// keep renews the lease of a preparation until its time is over.
func (h *Handover) keep(name string, p *preparation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.prepared[name] != p:
	case time.Now().After(p.until):
		h.release(name)
	default:
		if err := p.addresses.Set(p.quiet, quietLease); err != nil {
			h.c.Log(name, err.Error())
		}
		p.timer.Reset(quietRenewal)
	}
}

// unprepare lets go of what prepare took.
func (h *Handover) unprepare(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.prepared[name] != nil {
		h.release(name)
	}
}

// arrived lets go of what prepare took when the addresses are on their interface
// too: soon, for the kernel of IPv6 needs a moment to notice.
func (h *Handover) arrived(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.prepared[name]; p != nil {
		p.until = time.Now().Add(quietRenewal)
	}
}

// release undoes what hide did for an instance. Called with h.mu held.
func (h *Handover) release(name string) {
	p := h.prepared[name]
	delete(h.prepared, name)
	if p.timer != nil {
		p.timer.Stop()
	}
	errs := []error{p.addresses.Set(nil, 0)}
	for _, iface := range p.interfaces {
		s := h.silenced[iface]
		if s.users--; s.users > 0 {
			continue
		}
		delete(h.silenced, iface)
		err := h.c.Kernel.SetARPSettings(iface, s.before)
		if !errors.Is(err, netif.ErrNoInterface) { // its settings are gone with it
			errs = append(errs, err)
		}
	}
	if err := errors.Join(append(errs, h.writeLeftovers())...); err != nil {
		h.c.Log(name, err.Error())
	}
}
