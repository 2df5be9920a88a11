package trap

import (
	"net/netip"

	"github.com/gosnmp/gosnmp"
)

// VirtualServer is what notifications tell of a virtual server.
type VirtualServer struct {
	// What clients come to is one of Group, Mark and Address.
	Group     string
	Mark      uint32
	Address   netip.AddrPort
	TCP       bool
	Up, Total int // real servers
}

// QuorumStatus of KEEPALIVED-MIB.
type QuorumStatus int

// What may be told of a quorum.
const (
	QuorumMet      QuorumStatus = 1
	QuorumLost     QuorumStatus = 2
	QuorumStopping QuorumStatus = 3
)

// RealServer sends realServerStateChange. It does not wait.
func (s *Sender) RealServer(v VirtualServer, address netip.AddrPort, up bool) {
	s.virtual("realServerStateChange", trapRealServer, v, []gosnmp.SnmpPDU{
		integer(realAddressType, addressType(address.Addr())), octets(realAddress, address.Addr()), unsigned(realPort, uint32(address.Port())),
		integer(realStatus, truth(up)),
	}, nil)
}

// Quorum sends virtualServerQuorumStateChange. It does not wait.
func (s *Sender) Quorum(v VirtualServer, status QuorumStatus, needed int) {
	s.virtual("virtualServerQuorumStateChange", trapQuorum, v, nil, []gosnmp.SnmpPDU{
		integer(virtualQuorumStatus, int(status)), unsigned(virtualQuorum, uint32(needed)),
	})
}

// virtual sends a notification with what there is to tell of a virtual server between
// other variables.
func (s *Sender) virtual(name, oid string, v VirtualServer, before, after []gosnmp.SnmpPDU) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.config.Checkers {
		return
	}
	list := before
	const mark, address, group = 1, 2, 3 // VirtualServerType
	switch {
	case v.Group != "":
		list = append(list, integer(virtualType, group), text(virtualGroup, v.Group))
	case v.Mark != 0:
		list = append(list, integer(virtualType, mark), unsigned(virtualMark, v.Mark))
	default:
		list = append(list, integer(virtualType, address), integer(virtualAddressType, addressType(v.Address.Addr())),
			octets(virtualAddress, v.Address.Addr()), unsigned(virtualPort, uint32(v.Address.Port())))
	}
	list = append(append(list, integer(virtualProtocol, truth(v.TCP))), after...)
	list = append(list, unsigned(virtualRealUp, uint32(v.Up)), unsigned(virtualRealTotal, uint32(v.Total)), text(routerID, s.config.RouterID))
	s.put(&s.config, name, oid, list...)
}

// addressType is an InetAddressType.
func addressType(a netip.Addr) int {
	if a.Is4() {
		return 1
	}
	return 2
}

// truth is a TruthValue.
func truth(b bool) int {
	if b {
		return 1
	}
	return 2
}

func octets(oid string, a netip.Addr) gosnmp.SnmpPDU {
	return gosnmp.SnmpPDU{Name: oid, Type: gosnmp.OctetString, Value: a.AsSlice()}
}

func unsigned(oid string, value uint32) gosnmp.SnmpPDU {
	return gosnmp.SnmpPDU{Name: oid, Type: gosnmp.Gauge32, Value: value}
}
