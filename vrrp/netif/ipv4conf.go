package netif

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// IPv4 parameters of an interface, numbered as in the kernel's linux/ip.h.
const (
	confRPFilter           = 8
	confARPFilter          = 13
	confARPAnnounce        = 18
	confARPIgnore          = 19
	confPromoteSecondaries = 20
	confAcceptLocal        = 23
)

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

// Attributes of the parameters that hold for all interfaces, from the kernel's
// linux/netconf.h.
const (
	netconfIndex    = 1 // NETCONFA_IFINDEX
	netconfRPFilter = 3 // NETCONFA_RP_FILTER
	netconfAll      = ^uint32(0)
	sizeofNetconf   = 4 // the family, padded
)

// rpFilterOfAll reads net.ipv4.conf.all.rp_filter.
func (s *Stack) rpFilterOfAll() (uint32, error) {
	request := nl.NewNetlinkRequest(unix.RTM_GETNETCONF, unix.NLM_F_ACK)
	header := [sizeofNetconf]byte{unix.AF_INET}
	request.AddRawData(append(header[:], nl.NewRtAttr(netconfIndex, nl.Uint32Attr(netconfAll)).Serialize()...))
	request.Sockets = s.sockets
	messages, err := request.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWNETCONF)
	if err != nil {
		return 0, err
	}
	for _, m := range messages {
		if len(m) < sizeofNetconf {
			continue
		}
		if value := attribute(m[sizeofNetconf:], netconfRPFilter); len(value) == 4 {
			return nl.NativeEndian().Uint32(value), nil
		}
	}
	return 0, nil
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
