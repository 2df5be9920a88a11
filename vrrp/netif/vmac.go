package netif

import (
	"bytes"
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// VMAC is an interface with a hardware address of its own on top of another
// (use_vmac): a macvlan in private mode, as keepalived makes it.
type VMAC struct {
	Name string
	Base string

	// Hardware is its address; see VirtualMAC.
	Hardware net.HardwareAddr

	// Group is its interface group; nil for the base's.
	Group *uint32
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

// IPv4 parameters of an interface, numbered as in the kernel's linux/ip.h.
const (
	confRPFilter           = 8
	confARPFilter          = 13
	confARPIgnore          = 19
	confPromoteSecondaries = 20
	confAcceptLocal        = 23
)

// addrGenModeNone is IN6_ADDR_GEN_MODE_NONE of the kernel's linux/if_link.h.
const addrGenModeNone = 1

// ErrNotVMAC is about an interface that has the name of a VMAC, and is none.
var ErrNotVMAC = errors.New("interface exists and is no macvlan")

// AddVMAC makes the interface, or changes what a dead process left to be like
// it, and sets it up. Like keepalived, it keeps the base interface from
// answering ARP for the VMAC's addresses until RemoveVMAC. The VMAC gets no
// link-local address by itself. The error is ErrNoInterface, wrapped, if the
// base does not exist, and ErrNotVMAC, wrapped, if the name is taken.
func (s *Stack) AddVMAC(v VMAC) error {
	if err := s.addVMAC(v); err != nil {
		return fmt.Errorf("VMAC %s on %s: %w", v.Name, v.Base, permission(err, NetAdmin))
	}
	return nil
}

func (s *Stack) addVMAC(v VMAC) error {
	base, err := s.netlink.LinkByName(v.Base)
	if err != nil {
		return noInterface(err)
	}
	link, err := s.netlink.LinkByName(v.Name)
	if err == nil {
		old, ok := link.(*netlink.Macvlan)
		if !ok {
			return ErrNotVMAC
		}
		if old.ParentIndex != base.Attrs().Index || old.Mode != netlink.MACVLAN_MODE_PRIVATE {
			if err := s.netlink.LinkDel(old); err != nil {
				return err
			}
			link = nil
		}
	} else if err := noInterface(err); !errors.Is(err, ErrNoInterface) {
		return err
	} else {
		link = nil
	}
	if link == nil {
		if link, err = s.newVMAC(v, base); err != nil {
			return err
		}
	} else if !bytes.Equal(link.Attrs().HardwareAddr, v.Hardware) {
		if err := s.netlink.LinkSetHardwareAddr(link, v.Hardware); err != nil {
			return err
		}
	}
	index := link.Attrs().Index
	if err := s.setIPv4Conf(index, map[uint16]uint32{
		confARPIgnore: 1, confAcceptLocal: 1, confRPFilter: 0, confPromoteSecondaries: 1,
	}); err != nil {
		return err
	}
	// A kernel without IPv6 makes no link-local addresses either.
	if err := s.netlink.LinkSetIP6AddrGenMode(link, addrGenModeNone); err != nil && !errors.Is(err, unix.EAFNOSUPPORT) {
		return err
	}
	if err := s.netlink.LinkSetUp(link); err != nil {
		return err
	}
	return s.quietBase(v.Name, base.Attrs().Index)
}

func (s *Stack) newVMAC(v VMAC, base netlink.Link) (netlink.Link, error) {
	group := base.Attrs().Group
	if v.Group != nil {
		group = *v.Group
	}
	err := s.netlink.LinkAdd(&netlink.Macvlan{
		LinkAttrs: netlink.LinkAttrs{
			Name: v.Name, ParentIndex: base.Attrs().Index, HardwareAddr: v.Hardware, Group: group,
			// In the same VRF, if there is one.
			MasterIndex: s.vrfOf(base), TxQLen: -1,
		},
		Mode: netlink.MACVLAN_MODE_PRIVATE,
	})
	if err != nil {
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

// RemoveVMAC removes an interface that AddVMAC made; that it is gone already
// is no error.
func (s *Stack) RemoveVMAC(name string) error {
	link, err := s.netlink.LinkByName(name)
	if err == nil {
		err = s.netlink.LinkDel(link)
	}
	err = noInterface(err)
	if err != nil && !errors.Is(err, ErrNoInterface) && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("remove VMAC %s: %w", name, permission(err, NetAdmin))
	}
	if err := s.restoreBase(name); err != nil {
		return fmt.Errorf("remove VMAC %s: %w", name, permission(err, NetAdmin))
	}
	return nil
}

// quiet is a base interface that does not answer ARP for addresses of others.
type quiet struct {
	vmacs map[string]bool   // for whose sake
	old   map[uint16]uint32 // its parameters before
}

// quietBase keeps the base interface from answering ARP for the VMAC.
func (s *Stack) quietBase(name string, base int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.quiet[base]
	if q == nil {
		old, err := s.ipv4Conf(base, confARPIgnore, confARPFilter)
		if err != nil {
			return err
		}
		q = &quiet{vmacs: map[string]bool{}, old: old}
		s.quiet[base] = q
	}
	q.vmacs[name] = true
	return s.setIPv4Conf(base, map[uint16]uint32{confARPIgnore: 1, confARPFilter: 1})
}

// restoreBase gives the base interface of a VMAC its parameters back, if it
// was the last one there.
func (s *Stack) restoreBase(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for base, q := range s.quiet {
		if !q.vmacs[name] {
			continue
		}
		delete(q.vmacs, name)
		if len(q.vmacs) > 0 {
			return nil
		}
		delete(s.quiet, base)
		if err := s.setIPv4Conf(base, q.old); err != nil && !errors.Is(err, unix.ENODEV) {
			return err
		}
	}
	return nil
}

// PromoteSecondaries lets the other addresses of a prefix stay when its first
// one is removed (promote_secondaries).
func (s *Stack) PromoteSecondaries(iface string) error {
	index, err := s.indexOf(iface)
	if err == nil {
		err = s.setIPv4Conf(index, map[uint16]uint32{confPromoteSecondaries: 1})
	}
	if err != nil {
		return fmt.Errorf("promote_secondaries on %s: %w", iface, permission(err, NetAdmin))
	}
	return nil
}

// Attributes of an interface's IPv4 side, from the kernel's linux/if_link.h.
const ipv4ConfAttribute = 1 // IFLA_INET_CONF

// setIPv4Conf sets parameters of net.ipv4.conf for an interface. It does it by
// netlink, because /proc shows the namespace of the calling thread.
func (s *Stack) setIPv4Conf(index int, values map[uint16]uint32) error {
	request := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_ACK)
	header := nl.NewIfInfomsg(unix.AF_UNSPEC)
	header.Index = int32(index)
	request.AddData(header)
	specific := nl.NewRtAttr(unix.IFLA_AF_SPEC, nil)
	conf := specific.AddRtAttr(unix.AF_INET, nil).AddRtAttr(ipv4ConfAttribute, nil)
	for number, value := range values {
		conf.AddRtAttr(int(number), nl.Uint32Attr(value))
	}
	request.AddData(specific)
	return s.execute(request)
}

// ipv4Conf reads parameters of net.ipv4.conf of an interface.
func (s *Stack) ipv4Conf(index int, numbers ...uint16) (map[uint16]uint32, error) {
	request := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_ACK)
	header := nl.NewIfInfomsg(unix.AF_UNSPEC)
	header.Index = int32(index)
	request.AddData(header)
	request.Sockets = s.sockets
	messages, err := request.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	if err != nil {
		return nil, err
	}
	values := map[uint16]uint32{}
	for _, m := range messages {
		if len(m) < unix.SizeofIfInfomsg {
			continue
		}
		conf := attribute(attribute(attribute(m[unix.SizeofIfInfomsg:], unix.IFLA_AF_SPEC), unix.AF_INET), ipv4ConfAttribute)
		for _, n := range numbers {
			// The kernel sends an array that begins with parameter 1.
			if at := int(n-1) * 4; at+4 <= len(conf) {
				values[n] = nl.NativeEndian().Uint32(conf[at:])
			}
		}
	}
	return values, nil
}

// attribute is the value of the attribute of that kind, nil if there is none.
func attribute(data []byte, kind uint16) []byte {
	list, err := nl.ParseRouteAttr(data)
	if err != nil {
		return nil
	}
	for _, a := range list {
		if a.Attr.Type&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER) == kind {
			return a.Value
		}
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
