package netif

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"tandem/internal/privilege"
)

// VMAC is an interface on top of another that is made for an instance: a
// macvlan in private mode with a hardware address of its own (use_vmac), or an
// ipvlan, which has that of the other (use_ipvlan). Both are as keepalived
// makes them.
type VMAC struct {
	Name string
	Base string

	// Hardware is the address of a macvlan, see VirtualMAC; nil makes an
	// ipvlan.
	Hardware net.HardwareAddr

	// IPv6 leaves the ARP of a macvlan and its base as it is.
	IPv6 bool

	// Mode is what an ipvlan lets through between those of one base: "bridge",
	// "private" or "vepa"; "" is bridge.
	Mode string

	// Group is the interface group; nil for the base's.
	Group *uint32

	// Address is what the interface has by itself, beside virtual addresses:
	// the address that adverts come from, where that must be on it. The zero
	// Prefix is none.
	Address netip.Prefix

	// Notify makes the kernel tell that the base receives for another hardware
	// address now, which it does not do by itself (netlink_notify_msg).
	Notify bool
}

// VirtualMAC is the hardware address of a virtual router: RFC 9568, 7.3:
// "IPv4 case: 00-00-5E-00-01-{VRID}", "IPv6 case: 00-00-5E-00-02-{VRID}".
func VirtualMAC(ipv6 bool, vrid uint8) net.HardwareAddr {
	family := byte(1)
	if ipv6 {
		family = 2
	}
	return net.HardwareAddr{0x00, 0x00, 0x5e, 0x00, family, vrid}
}

// addrGenModeNone is IN6_ADDR_GEN_MODE_NONE of the kernel's linux/if_link.h.
const addrGenModeNone = 1

// ErrNotVMAC is about an interface that has the name of a VMAC, and is none.
var ErrNotVMAC = errors.New("interface exists and is no macvlan or ipvlan")

// AddVMAC makes the interface, or changes what a dead process left to be like
// it, and sets it up. Like keepalived, it keeps the base interface from
// answering ARP for the VMAC's addresses until RemoveVMAC. The VMAC gets no
// link-local address by itself. It is idempotent. The error is ErrNoInterface,
// wrapped, if the base does not exist, and ErrNotVMAC, wrapped, if the name is
// taken.
func (s *Stack) AddVMAC(v VMAC) error {
	if err := asAdmin(func() error { return s.addVMAC(v) }); err != nil {
		return fmt.Errorf("%s on %s: %w", v.Name, v.Base, privilege.Explain(err, privilege.NetAdmin))
	}
	return nil
}

func (s *Stack) addVMAC(v VMAC) error {
	base, err := s.netlink.LinkByName(v.Base)
	if err != nil {
		return noInterface(err)
	}
	link, err := s.leftVMAC(v, base)
	if err != nil {
		return err
	}
	made := link == nil
	if made {
		if link, err = s.newVMAC(v, base); err != nil {
			return err
		}
	}
	if v.Hardware != nil && !v.IPv6 {
		if err := s.setIPv4Conf(link.Attrs().Index, map[uint16]uint32{
			confARPIgnore: 1, confAcceptLocal: 1, confRPFilter: 0, confPromoteSecondaries: 1,
		}); err != nil {
			return err
		}
		if err := s.quietBase(link); err != nil {
			return err
		}
	}
	if v.Hardware != nil {
		// A kernel without IPv6 makes no link-local addresses either.
		if err := s.netlink.LinkSetIP6AddrGenMode(link, addrGenModeNone); err != nil && !errors.Is(err, unix.EAFNOSUPPORT) {
			return err
		}
	}
	if err := s.netlink.LinkSetUp(link); err != nil {
		return err
	}
	if v.Address.IsValid() {
		// Not for new connections, and there already on the base as a rule.
		if err := s.setAddress(Address{Interface: v.Name, Prefix: v.Address, Deprecated: v.Address.Addr().Is6()}, Forever); err != nil {
			return err
		}
	}
	if made && v.Notify {
		return s.netlink.LinkSetGroup(base, int(base.Attrs().Group))
	}
	return nil
}

// leftVMAC returns what there is of the interface already, made to be like it;
// nil if it has to be made.
func (s *Stack) leftVMAC(v VMAC, base netlink.Link) (netlink.Link, error) {
	link, err := s.netlink.LinkByName(v.Name)
	if err != nil {
		if err := noInterface(err); !errors.Is(err, ErrNoInterface) {
			return nil, err
		}
		return nil, s.removeTwin(v, base)
	}
	like := link.Attrs().ParentIndex == lowest(base)
	switch old := link.(type) {
	case *netlink.Macvlan:
		like = like && v.Hardware != nil && old.Mode == netlink.MACVLAN_MODE_PRIVATE
	case *netlink.IPVlan:
		like = like && v.Hardware == nil && old.Mode == netlink.IPVLAN_MODE_L2 && old.Flag == ipvlanFlags[v.Mode]
	default:
		return nil, ErrNotVMAC
	}
	if !like {
		return nil, s.deleteVMAC(link)
	}
	if v.Hardware != nil && !bytes.Equal(link.Attrs().HardwareAddr, v.Hardware) {
		return link, s.netlink.LinkSetHardwareAddr(link, v.Hardware)
	}
	return link, nil
}

// lowest is the index of the interface that one on top of base is put on: the
// kernel puts none on a macvlan, but beside it.
func lowest(base netlink.Link) int {
	if m, ok := base.(*netlink.Macvlan); ok && m.ParentIndex != 0 {
		return m.ParentIndex
	}
	return base.Attrs().Index
}

// removeTwin removes a macvlan with the hardware address of a new one, which a
// dead process left under another name: the kernel allows one of them.
func (s *Stack) removeTwin(v VMAC, base netlink.Link) error {
	if v.Hardware == nil {
		return nil
	}
	links, err := retryDump(s.netlink.LinkList)
	if err != nil {
		return err
	}
	for _, l := range links {
		m, ok := l.(*netlink.Macvlan)
		if ok && m.ParentIndex == lowest(base) && m.Mode == netlink.MACVLAN_MODE_PRIVATE && bytes.Equal(m.HardwareAddr, v.Hardware) {
			return s.deleteVMAC(m)
		}
	}
	return nil
}

var ipvlanFlags = map[string]netlink.IPVlanFlag{
	"": netlink.IPVLAN_FLAG_BRIDGE, "bridge": netlink.IPVLAN_FLAG_BRIDGE,
	"private": netlink.IPVLAN_FLAG_PRIVATE, "vepa": netlink.IPVLAN_FLAG_VEPA,
}

func (s *Stack) newVMAC(v VMAC, base netlink.Link) (netlink.Link, error) {
	attrs := netlink.LinkAttrs{
		Name: v.Name, ParentIndex: base.Attrs().Index, HardwareAddr: v.Hardware, Group: base.Attrs().Group,
		// In the same VRF, if there is one.
		MasterIndex: s.vrfOf(base), TxQLen: -1,
	}
	if v.Group != nil {
		attrs.Group = *v.Group
	}
	var link netlink.Link = &netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_PRIVATE}
	if v.Hardware == nil {
		link = &netlink.IPVlan{LinkAttrs: attrs, Mode: netlink.IPVLAN_MODE_L2, Flag: ipvlanFlags[v.Mode]}
	}
	if err := s.netlink.LinkAdd(link); err != nil {
		return nil, err
	}
	return s.netlink.LinkByName(v.Name)
}

// vrfOf is the index of the VRF that the interface is in; 0 if it is in none.
func (s *Stack) vrfOf(link netlink.Link) int {
	master, err := s.netlink.LinkByIndex(link.Attrs().MasterIndex)
	if err != nil {
		return 0
	}
	if _, ok := master.(*netlink.Vrf); !ok {
		return 0
	}
	return master.Attrs().Index
}

// RemoveVMAC removes an interface that AddVMAC made, here or in a process that
// died; that it is gone already is no error. An interface of that name that is
// neither macvlan nor ipvlan is left alone.
func (s *Stack) RemoveVMAC(name string) error {
	link, err := s.netlink.LinkByName(name)
	if err == nil {
		switch link.(type) {
		case *netlink.Macvlan, *netlink.IPVlan:
			err = s.deleteVMAC(link)
		default:
			return nil
		}
	} else if err = noInterface(err); errors.Is(err, ErrNoInterface) {
		err = s.restoreBase(name, nil)
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", name, privilege.Explain(err, privilege.NetAdmin))
	}
	return nil
}

func (s *Stack) deleteVMAC(link netlink.Link) error {
	if err := asAdmin(func() error { return s.netlink.LinkDel(link) }); err != nil && !errors.Is(err, unix.ENODEV) {
		return err
	}
	return s.restoreBase(link.Attrs().Name, link)
}

// quiet is a base interface that does not answer ARP for addresses of others.
type quiet struct {
	vmacs map[string]bool   // for whose sake
	old   map[uint16]uint32 // its parameters before
}

// oldConf is how a VMAC's alias says what its base's parameters were before: a
// process that dies cannot put them back, and its successor could not know
// them.
const oldConf = "of tandem; before: arp_ignore %d, arp_filter %d"

// quietBase keeps the base interface from answering ARP for the VMAC.
func (s *Stack) quietBase(vmac netlink.Link) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	base := vmac.Attrs().ParentIndex
	q := s.quiet[base]
	if q == nil {
		old, known := readOldConf(vmac)
		if !known {
			var err error
			if old, err = s.ipv4Conf(base, confARPIgnore, confARPFilter); err != nil {
				return err
			}
		}
		q = &quiet{vmacs: map[string]bool{}, old: old}
		s.quiet[base] = q
	}
	q.vmacs[vmac.Attrs().Name] = true
	alias := fmt.Sprintf(oldConf, q.old[confARPIgnore], q.old[confARPFilter])
	if vmac.Attrs().Alias != alias {
		if err := s.netlink.LinkSetAlias(vmac, alias); err != nil {
			return err
		}
	}
	return s.setIPv4Conf(base, map[uint16]uint32{confARPIgnore: 1, confARPFilter: 1})
}

// readOldConf reads the alias of a VMAC.
func readOldConf(vmac netlink.Link) (old map[uint16]uint32, ok bool) {
	var ignore, filter uint32
	if n, err := fmt.Sscanf(vmac.Attrs().Alias, oldConf, &ignore, &filter); n != 2 || err != nil {
		return nil, false
	}
	return map[uint16]uint32{confARPIgnore: ignore, confARPFilter: filter}, true
}

// restoreBase gives the base interface of a VMAC its parameters back, if it
// was the last one there. vmac is what it was, nil if it was gone.
func (s *Stack) restoreBase(name string, vmac netlink.Link) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	restore := func(base int, old map[uint16]uint32) error {
		if err := s.setIPv4Conf(base, old); err != nil && !errors.Is(err, unix.ENODEV) {
			return err
		}
		return nil
	}
	for base, q := range s.quiet {
		if !q.vmacs[name] {
			continue
		}
		delete(q.vmacs, name)
		if len(q.vmacs) > 0 {
			return nil
		}
		delete(s.quiet, base)
		return restore(base, q.old)
	}
	if vmac == nil || s.quiet[vmac.Attrs().ParentIndex] != nil {
		return nil
	}
	if old, ok := readOldConf(vmac); ok {
		return restore(vmac.Attrs().ParentIndex, old)
	}
	return nil
}

// noInterface turns the library's word for a missing interface into ours.
func noInterface(err error) error {
	var none netlink.LinkNotFoundError
	if errors.As(err, &none) {
		return ErrNoInterface
	}
	return err
}
