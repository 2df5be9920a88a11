package ipvs

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"tandem/vserver/table"
)

var errMessage = errors.New("the kernel's answer cannot be read")

// attributes are the attributes of a message by their number. One that is twice
// in it counts as it is last.
type attributes map[int][]byte

// Of an attribute (linux/netlink.h): the length of its head, what it is padded
// to, and what takes the flags off its number (NLA_TYPE_MASK).
const (
	attrHead  = 4
	attrAlign = 4
	typeMask  = 0x3fff
)

func parse(data []byte) (attributes, error) {
	a := attributes{}
	for len(data) >= attrHead {
		size := int(nl.NativeEndian().Uint16(data))
		if size < attrHead || size > len(data) {
			return nil, errMessage
		}
		a[int(nl.NativeEndian().Uint16(data[2:])&typeMask)] = data[attrHead:size]
		data = data[min((size+attrAlign-1)&^(attrAlign-1), len(data)):]
	}
	return a, nil
}

// inside parses the nested attribute of that number in a message, which begins
// with the header of generic netlink.
func inside(message []byte, number int) (attributes, error) {
	if len(message) < nl.SizeofGenlmsg {
		return nil, errMessage
	}
	a, err := parse(message[nl.SizeofGenlmsg:])
	if err != nil {
		return nil, err
	}
	if a[number] == nil {
		return nil, errMessage
	}
	return parse(a[number])
}

// number is an attribute of 1, 2, 4 or 8 bytes; 0 if it is not there.
func (a attributes) number(n int) uint64 {
	order := nl.NativeEndian()
	switch v := a[n]; len(v) {
	case 1:
		return uint64(v[0])
	case 2:
		return uint64(order.Uint16(v))
	case 4:
		return uint64(order.Uint32(v))
	case 8:
		return order.Uint64(v)
	}
	return 0
}

// port is an attribute of 2 bytes in network order.
func (a attributes) port(n int) uint16 {
	if v := a[n]; len(v) == 2 {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

func (a attributes) text(n int) string {
	s, _, _ := strings.Cut(string(a[n]), "\x00")
	return s
}

// addr is an attribute that holds an address in as many of its bytes as the
// family has.
func (a attributes) addr(n int, v6 bool) (netip.Addr, bool) {
	size := 4
	if v6 {
		size = 16
	}
	if len(a[n]) < size {
		return netip.Addr{}, false
	}
	return netip.AddrFromSlice(a[n][:size])
}

// decodeService reads a service without destinations, and its counters.
func decodeService(message []byte) (s table.Service, c table.Counters, err error) {
	a, err := inside(message, attrService)
	if err != nil {
		return s, c, err
	}
	v6 := a.number(svcFamily) == unix.AF_INET6
	if mark := uint32(a.number(svcMark)); mark != 0 {
		s.Mark, s.IPv6 = mark, v6
	} else {
		addr, ok := a.addr(svcAddress, v6)
		if !ok {
			return s, c, errMessage
		}
		s.Protocol = table.Protocol(a.number(svcProtocol))
		s.Address = netip.AddrPortFrom(addr, a.port(svcPort))
	}
	s.Scheduler, s.PersistenceEngine = a.text(svcScheduler), a.text(svcEngine)
	if flags := a[svcFlags]; len(flags) >= 4 {
		f := nl.NativeEndian().Uint32(flags)
		s.Flags = table.Flags(f) & (table.OnePacket | table.Sched1 | table.Sched2 | table.Sched3)
		if f&flagPersistent != 0 {
			s.Persistence = time.Duration(a.number(svcTimeout)) * time.Second
		}
	}
	if mask := a[svcMask]; len(mask) == 4 && s.Persistence > 0 {
		if v6 {
			s.Mask = nl.NativeEndian().Uint32(mask)
		} else {
			s.Mask = binary.BigEndian.Uint32(mask)
		}
	}
	c, err = decodeCounters(a, svcStats64, svcStats)
	return s, c, err
}

// decodeDest reads a destination of a service and its counters.
func decodeDest(message []byte, of table.Key) (d table.Destination, c table.DestinationStats, err error) {
	a, err := inside(message, attrDest)
	if err != nil {
		return d, c, err
	}
	v6 := of.V6()
	if family := a[destFamily]; family != nil { // since Linux 3.18
		v6 = a.number(destFamily) == unix.AF_INET6
	}
	addr, ok := a.addr(destAddress, v6)
	if !ok {
		return d, c, errMessage
	}
	d = table.Destination{
		Address: netip.AddrPortFrom(addr, a.port(destPort)),
		Method:  table.Method(a.number(destMethod) & methodMask),
		Weight:  uint32(a.number(destWeight)),
		Upper:   uint32(a.number(destUpper)),
		Lower:   uint32(a.number(destLower)),
	}
	if d.Method == table.Tunneling {
		d.Tunnel = table.Tunnel{
			Type:     table.TunnelType(a.number(destTunnelType)),
			Port:     a.port(destTunnelPort),
			Checksum: table.Checksum(a.number(destTunnelFlags)),
		}
	}
	c = table.DestinationStats{
		Address:    d.Address,
		Weight:     d.Weight,
		Active:     uint32(a.number(destActive)),
		Inactive:   uint32(a.number(destInactive)),
		Persistent: uint32(a.number(destPersistent)),
	}
	c.Counters, err = decodeCounters(a, destStats64, destStats)
	return d, c, err
}

// methodMask takes other flags off a forwarding method (IP_VS_CONN_F_FWD_MASK).
const methodMask = 7

// decodeCounters reads the wide counters, or the narrow ones of a kernel before
// 4.1.
func decodeCounters(a attributes, wide, narrow int) (c table.Counters, err error) {
	data := a[wide]
	if data == nil {
		data = a[narrow]
	}
	s, err := parse(data)
	if err != nil {
		return c, err
	}
	return table.Counters{
		Connections:    s.number(statConnections),
		InPackets:      s.number(statInPackets),
		OutPackets:     s.number(statOutPackets),
		InBytes:        s.number(statInBytes),
		OutBytes:       s.number(statOutBytes),
		ConnectionRate: s.number(statConnectionRate),
		InPacketRate:   s.number(statInPacketRate),
		OutPacketRate:  s.number(statOutPacketRate),
		InByteRate:     s.number(statInByteRate),
		OutByteRate:    s.number(statOutByteRate),
	}, nil
}

// decodeDaemon reads a daemon that runs.
func decodeDaemon(message []byte) (d Daemon, state uint32, err error) {
	a, err := inside(message, attrDaemon)
	if err != nil {
		return d, 0, err
	}
	d = Daemon{
		Interface: a.text(daemonInterface),
		ID:        int(a.number(daemonID)),
		MaxLen:    uint16(a.number(daemonMaxLen)),
		Port:      uint16(a.number(daemonPort)),
		TTL:       uint8(a.number(daemonTTL)),
	}
	if v := a[daemonGroup6]; len(v) == 16 {
		d.Group, _ = netip.AddrFromSlice(v)
	} else if v := a[daemonGroup]; len(v) == 4 {
		d.Group, _ = netip.AddrFromSlice(v)
	}
	return d, uint32(a.number(daemonState)), nil
}

// decodeTimeouts reads the time-outs of connections.
func decodeTimeouts(message []byte) (t Timeouts, err error) {
	if len(message) < nl.SizeofGenlmsg {
		return t, errMessage
	}
	a, err := parse(message[nl.SizeofGenlmsg:])
	if err != nil {
		return t, err
	}
	seconds := func(n int) time.Duration { return time.Duration(a.number(n)) * time.Second }
	return Timeouts{seconds(attrTimeoutTCP), seconds(attrTimeoutTCPFIN), seconds(attrTimeoutUDP)}, nil
}
