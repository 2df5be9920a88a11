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

// preparation is what a successor holds of an instance without telling.
type preparation struct {
	addresses  netif.Addresses
	interfaces []string // that are silenced for it
	end        *time.Timer
}

// silence is an interface on which nobody is told.
type silence struct {
	users int
	undo  func() error
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
	h.unprepare(name) // of an earlier attempt
	p := &preparation{}
	p.addresses = h.c.Stack.Addresses()
	hardware := map[netip.Addr]string{}
	var quiet []netif.Address
	for _, a := range inst.Addresses {
		iface, err := h.c.Stack.Interface(a.Interface)
		if err != nil {
			return nil, err
		}
		addr := a.Prefix.Addr()
		hardware[addr] = iface.Hardware.String()
		quiet = append(quiet, netif.Address{Interface: loopback, Prefix: netip.PrefixFrom(addr, addr.BitLen())})
		p.interfaces = append(p.interfaces, a.Interface)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.silence(p.interfaces); err != nil {
		return nil, err
	}
	// The lease ends it even if this process does not live to see it.
	lease := netif.Lease((bound + prepareGrace).Round(time.Second))
	if err := p.addresses.Set(quiet, lease); err != nil {
		_ = p.addresses.Set(nil, 0)
		h.unsilence(p.interfaces)
		return nil, err
	}
	p.end = time.AfterFunc(bound+prepareGrace, func() { h.unprepareThis(name, p) })
	h.prepared[name] = p
	return hardware, nil
}

// unprepare lets go of what prepare took. A successor that has become master
// holds the addresses on their interface by then.
func (h *Handover) unprepare(name string) {
	h.mu.Lock()
	p := h.prepared[name]
	h.mu.Unlock()
	if p != nil {
		h.unprepareThis(name, p)
	}
}

func (h *Handover) unprepareThis(name string, p *preparation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.prepared[name] != p {
		return
	}
	delete(h.prepared, name)
	p.end.Stop()
	if err := p.addresses.Set(nil, 0); err != nil {
		h.c.Log(name, err.Error())
	}
	h.unsilence(p.interfaces)
}

// silence keeps the interfaces from telling about addresses elsewhere. Called
// with h.mu held.
func (h *Handover) silence(interfaces []string) error {
	for n, name := range interfaces {
		s := h.silenced[name]
		if s == nil {
			undo, err := h.c.Stack.Silence(name)
			if err != nil {
				h.unsilence(interfaces[:n])
				return err
			}
			s = &silence{undo: undo}
			h.silenced[name] = s
		}
		s.users++
	}
	return nil
}

// unsilence undoes silence. Called with h.mu held.
func (h *Handover) unsilence(interfaces []string) {
	for _, name := range interfaces {
		s := h.silenced[name]
		if s.users--; s.users > 0 {
			continue
		}
		delete(h.silenced, name)
		if err := s.undo(); err != nil {
			h.c.Log("", err.Error())
		}
	}
}
