package netif

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ndp"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// allNodes is the group that unsolicited neighbour advertisements go to: RFC
// 4861, 7.2.6.
var allNodes = netip.MustParseAddr("ff02::1")

var (
	broadcast        = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	allNodesHardware = net.HardwareAddr{0x33, 0x33, 0, 0, 0, 1} // RFC 2464, 7
)

// announcementFrame is the Ethernet frame that announces the address.
func announcementFrame(link linkInfo, address netip.Addr) ([]byte, error) {
	if address.Is4() {
		return garpFrame(link, address)
	}
	return naFrame(link, address)
}

// garpFrame is keepalived's gratuitous ARP: a request, with the virtual
// address as sender and as target, and the broadcast address as the target's
// hardware address.
func garpFrame(link linkInfo, address netip.Addr) ([]byte, error) {
	packet, err := arp.NewPacket(arp.OperationRequest, link.hardware, address, broadcast, address)
	if err != nil {
		return nil, fmt.Errorf("gratuitous ARP for %s: %w", address, err)
	}
	body, err := packet.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("gratuitous ARP for %s: %w", address, err)
	}
	return append(ethernetHeader(broadcast, link.hardware, unix.ETH_P_ARP), body...), nil
}

// naFrame is an unsolicited neighbour advertisement from the virtual address
// itself.
func naFrame(link linkInfo, address netip.Addr) ([]byte, error) {
	body, err := ndp.MarshalMessageChecksum(&ndp.NeighborAdvertisement{
		Router: link.router,
		// RFC 9568, 6.4.2: "Send an unsolicited ND Neighbor Advertisement with
		// the Router Flag (R) set, the Solicited Flag (S) clear, the Override
		// Flag (O) set". The router flag is set where the machine is one.
		Override:      true,
		TargetAddress: address,
		Options:       []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: link.hardware}},
	}, address, allNodes)
	if err != nil {
		return nil, fmt.Errorf("neighbour advertisement for %s: %w", address, err)
	}
	frame := ethernetHeader(allNodesHardware, link.hardware, unix.ETH_P_IPV6)
	frame = append(frame, 0x60, 0, 0, 0) // version 6, no traffic class, no flow
	frame = binary.BigEndian.AppendUint16(frame, uint16(len(body)))
	// RFC 4861, 7.1.2: "The IP Hop Limit field has a value of 255".
	frame = append(frame, unix.IPPROTO_ICMPV6, hopLimit)
	frame = append(frame, address.AsSlice()...)
	frame = append(frame, allNodes.AsSlice()...)
	return append(frame, body...), nil
}

func ethernetHeader(to, from net.HardwareAddr, protocol uint16) []byte {
	frame := make([]byte, 0, 128)
	frame = append(frame, to...)
	frame = append(frame, from...)
	return binary.BigEndian.AppendUint16(frame, protocol)
}

// Attributes of RTM_GETNETCONF, from the kernel's linux/netconf.h.
const (
	netconfIfindex    = 1
	netconfForwarding = 2
)

// netconfMessage is the kernel's struct netconfmsg: a family.
type netconfMessage [1]byte

func (netconfMessage) Len() int            { return 4 } // padded
func (m netconfMessage) Serialize() []byte { return []byte{m[0], 0, 0, 0} }

// forwardsIPv6 reports whether the interface forwards IPv6, which makes the
// machine a router in its neighbour advertisements. Where the kernel cannot
// tell it is none.
func (s *Stack) forwardsIPv6(index int) bool {
	request := nl.NewNetlinkRequest(unix.RTM_GETNETCONF, unix.NLM_F_ACK)
	request.AddData(netconfMessage{unix.AF_INET6})
	request.AddData(nl.NewRtAttr(netconfIfindex, nl.Uint32Attr(uint32(index))))
	request.Sockets = s.sockets
	messages, err := request.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWNETCONF)
	if err != nil || len(messages) == 0 || len(messages[0]) < 4 {
		return false
	}
	attributes, err := nl.ParseRouteAttr(messages[0][4:])
	if err != nil {
		return false
	}
	for _, a := range attributes {
		if a.Attr.Type == netconfForwarding && len(a.Value) >= 4 {
			return binary.NativeEndian.Uint32(a.Value) != 0
		}
	}
	return false
}
