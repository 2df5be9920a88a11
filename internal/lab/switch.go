package lab

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Switch is an Ethernet segment: a bridge without spanning tree and without
// multicast snooping, so that every frame for a group reaches every port.
type Switch struct {
	lab   *Lab
	name  string
	main  int   // interface index of the bridge
	split []int // interface indexes of the bridges a Split made
	ports []*Port
}

// Port is a host's interface on a switch.
type Port struct {
	Host *Host
	Name string // of the interface on the host

	sw  *Switch
	far int // interface index of the cable's end at the switch
}

// Switch makes a segment with nothing connected.
func (l *Lab) Switch() (*Switch, error) {
	l.mu.Lock()
	l.switches++
	s := &Switch{lab: l, name: fmt.Sprintf("sw%d", l.switches)}
	l.mu.Unlock()
	var err error
	s.main, err = s.bridge(s.name)
	return s, err
}

// bridge makes a bridge that is up and returns its interface index.
func (s *Switch) bridge(name string) (int, error) {
	snooping := false
	b := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}, MulticastSnooping: &snooping}
	if err := s.lab.netlink.LinkAdd(b); err != nil {
		return 0, fmt.Errorf("lab: switch %s: %w", name, err)
	}
	link, err := s.lab.netlink.LinkByName(name)
	if err == nil {
		err = s.lab.netlink.LinkSetUp(link)
	}
	if err != nil {
		return 0, fmt.Errorf("lab: switch %s: %w", name, err)
	}
	return link.Attrs().Index, nil
}

// Connect gives the host an interface on the switch with the name and the
// addresses, sets it up, and waits until it carries frames.
func (s *Switch) Connect(h *Host, name string, addresses ...netip.Prefix) (*Port, error) {
	s.lab.mu.Lock()
	s.lab.cables++
	far := fmt.Sprintf("cable%d", s.lab.cables)
	s.lab.mu.Unlock()
	err := s.lab.netlink.LinkAdd(&netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: far, MasterIndex: s.main},
		PeerName:      name,
		PeerNamespace: netlink.NsFd(h.ns.network.Fd()),
	})
	if err != nil {
		return nil, fmt.Errorf("lab: connect %s of %s: %w", name, h.Name, err)
	}
	link, err := s.lab.netlink.LinkByName(far)
	if err != nil {
		return nil, fmt.Errorf("lab: connect %s of %s: %w", name, h.Name, err)
	}
	p := &Port{Host: h, Name: name, sw: s, far: link.Attrs().Index}
	s.ports = append(s.ports, p)
	if err := p.Plug(); err != nil {
		return nil, err
	}
	if err := p.Up(); err != nil {
		return nil, err
	}
	if err := p.awaitCarrier(); err != nil {
		return nil, err
	}
	for _, a := range addresses {
		if err := p.AddAddress(a); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// carrierLimit bounds the wait for a carrier. The kernel announces one at
// once or, if it has just announced others, a second later.
const carrierLimit = 5 * time.Second

// awaitCarrier waits until both ends of the cable are operational: frames
// sent before that are dropped.
func (p *Port) awaitCarrier() error {
	for deadline := time.Now().Add(carrierLimit); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		near, err := p.link()
		if err != nil {
			return err
		}
		far, err := p.sw.lab.netlink.LinkByIndex(p.far)
		if err != nil {
			return fmt.Errorf("lab: cable to %s of %s: %w", p.Name, p.Host.Name, err)
		}
		if near.Attrs().OperState == netlink.OperUp && far.Attrs().OperState == netlink.OperUp {
			return nil
		}
	}
	return fmt.Errorf("lab: interface %s of %s: no carrier after %v", p.Name, p.Host.Name, carrierLimit)
}

// AddAddress adds an address as an operator would, for ever, and waits until
// it can be used.
func (p *Port) AddAddress(a netip.Prefix) error {
	if err := p.address(a, p.Host.netlink.AddrAdd); err != nil || a.Addr().Is4() {
		return err
	}
	for deadline := time.Now().Add(carrierLimit); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		link, err := p.link()
		if err != nil {
			return err
		}
		list, err := p.Host.addresses(link, netlink.FAMILY_V6)
		if err != nil {
			return fmt.Errorf("lab: addresses of %s of %s: %w", p.Name, p.Host.Name, err)
		}
		for _, held := range list {
			if a.Addr() == netip.AddrFrom16([16]byte(held.IP.To16())) && held.Flags&unix.IFA_F_TENTATIVE == 0 {
				return nil
			}
		}
	}
	return fmt.Errorf("lab: address %s on %s of %s: still tentative after %v", a, p.Name, p.Host.Name, carrierLimit)
}

// RemoveAddress removes an address behind everybody's back.
func (p *Port) RemoveAddress(a netip.Prefix) error {
	return p.address(a, p.Host.netlink.AddrDel)
}

func (p *Port) address(a netip.Prefix, change func(netlink.Link, *netlink.Addr) error) error {
	link, err := p.link()
	if err != nil {
		return err
	}
	address := &netlink.Addr{
		IPNet: &net.IPNet{IP: a.Addr().AsSlice(), Mask: net.CIDRMask(a.Bits(), a.Addr().BitLen())},
		// Without a broadcast address, as `ip addr add` does it.
		Broadcast: net.IPv4zero,
	}
	if a.Addr().Is6() {
		address.Flags = unix.IFA_F_NODAD
	}
	if err := change(link, address); err != nil {
		return fmt.Errorf("lab: address %s on %s of %s: %w", a, p.Name, p.Host.Name, err)
	}
	return nil
}

// link is the host's end of the cable.
func (p *Port) link() (netlink.Link, error) {
	link, err := p.Host.netlink.LinkByName(p.Name)
	if err != nil {
		return nil, fmt.Errorf("lab: interface %s of %s: %w", p.Name, p.Host.Name, err)
	}
	return link, nil
}

// Up sets the host's interface up, as `ip link set up` on the host does.
func (p *Port) Up() error { return p.change(p.Host.netlink.LinkSetUp) }

// Down sets the host's interface down, as `ip link set down` on the host does.
func (p *Port) Down() error { return p.change(p.Host.netlink.LinkSetDown) }

// Remove takes the interface out of the host, as unloading its driver does.
// Connect on the switch brings a new one, with another interface index.
func (p *Port) Remove() error { return p.change(p.Host.netlink.LinkDel) }

func (p *Port) change(f func(netlink.Link) error) error {
	link, err := p.link()
	if err != nil {
		return err
	}
	if err := f(link); err != nil {
		return fmt.Errorf("lab: interface %s of %s: %w", p.Name, p.Host.Name, err)
	}
	return nil
}

// Unplug pulls the cable at the switch: the host's interface stays up and
// loses its carrier.
func (p *Port) Unplug() error { return p.atSwitch(p.sw.lab.netlink.LinkSetDown) }

// Plug puts the cable back.
func (p *Port) Plug() error { return p.atSwitch(p.sw.lab.netlink.LinkSetUp) }

func (p *Port) atSwitch(f func(netlink.Link) error) error {
	if err := f(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: p.far}}); err != nil {
		return fmt.Errorf("lab: cable to %s of %s: %w", p.Name, p.Host.Name, err)
	}
	return nil
}

// Split moves each group of ports onto a segment of its own; ports in no
// group stay where they are. Carriers stay up: the hosts do not notice but by
// the silence of the others.
func (s *Switch) Split(groups ...[]*Port) error {
	for _, group := range groups {
		bridge, err := s.bridge(fmt.Sprintf("%s-%d", s.name, len(s.split)+1))
		if err != nil {
			return err
		}
		s.split = append(s.split, bridge)
		for _, p := range group {
			if err := p.move(bridge); err != nil {
				return err
			}
		}
	}
	return nil
}

// Heal brings all ports onto one segment again.
func (s *Switch) Heal() error {
	for _, p := range s.ports {
		if _, err := s.lab.netlink.LinkByIndex(p.far); err != nil {
			continue // removed meanwhile
		}
		if err := p.move(s.main); err != nil {
			return err
		}
	}
	for _, bridge := range s.split {
		if err := s.lab.netlink.LinkDel(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Index: bridge}}); err != nil {
			return fmt.Errorf("lab: switch %s: %w", s.name, err)
		}
	}
	s.split = nil
	return nil
}

func (p *Port) move(bridge int) error {
	return p.atSwitch(func(cable netlink.Link) error {
		return p.sw.lab.netlink.LinkSetMasterByIndex(cable, bridge)
	})
}
