// Package table says which virtual servers are wanted, in the terms of the
// kernel's IP Virtual Server (linux/ip_vs.h), and what an engine that serves
// them has to do. It is pure.
package table

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Table is everything that is to be served. The order does not matter.
type Table struct {
	Services []Service
}

// Key tells services apart, as the kernel does.
type Key struct {
	// Protocol of Address. Zero for a firewall mark, which has none.
	Protocol Protocol
	// Address that clients come to. Port 0 is every port, which the kernel only
	// has for persistent services. Invalid for a firewall mark.
	Address netip.AddrPort
	// Mark is the firewall mark of the packets (nft: meta mark set). Zero for an
	// address.
	Mark uint32
	// IPv6 is the family of the packets with Mark. False for an address.
	IPv6 bool
}

// Service is a virtual server: what clients come to, and how they are spread
// over its destinations.
type Service struct {
	Key
	// Scheduler by its name in the kernel: rr, wrr, lc, wlc, lblc, lblcr, dh, sh,
	// mh, sed, nq, fo, ovf, twos.
	Scheduler string
	// Flags of the scheduler, and one-packet scheduling.
	Flags Flags
	// Persistence is how long a client stays with its destination, in whole
	// seconds. Zero: every connection is spread anew.
	Persistence time.Duration
	// Mask makes one client of many while there is Persistence. For IPv4 it is a
	// network mask with the first octet in the highest bits, which need not be
	// solid; for IPv6 the length of a prefix. Zero: every address is a client.
	Mask uint32
	// PersistenceEngine by its name in the kernel: "sip", or empty.
	PersistenceEngine string
	// Destinations that connections go to.
	Destinations []Destination
	// Known are the addresses that the configuration has as destinations of this
	// service, whether they are in at present or not. An engine that finds one in
	// the kernel that is not among Destinations removes it, though it was
	// another process that put it there. May be nil.
	Known []netip.AddrPort
}

// Destination is a real server of a service.
type Destination struct {
	// Address of the real server. With DR and TUN the port is the service's (0 for
	// a firewall mark): packets keep theirs.
	Address netip.AddrPort
	// Method by which packets get there.
	Method Method
	// Tunnel is how they are wrapped if Method is Tunneling.
	Tunnel Tunnel
	// Weight, 0 to 2147483647. With 0 connections that are there go on and none is
	// added.
	Weight uint32
	// Upper and Lower thresholds of connections: above Upper none is added until
	// there are fewer than Lower. Zero: no limit, and three quarters of Upper.
	Upper, Lower uint32
}

// Tunnel is how the packets of Tunneling are wrapped.
type Tunnel struct {
	Type TunnelType
	// Port of the UDP that GUE is carried in. Zero for the others.
	Port uint16
	// Checksum of GUE and GRE.
	Checksum Checksum
}

// V6 tells whether the service is for packets of IPv6.
func (k Key) V6() bool { return k.IPv6 || k.Address.Addr().Is6() }

// Compare orders keys as ipvsadm lists them: addresses before marks; then by
// family, protocol, address and port.
func (k Key) Compare(o Key) int {
	return cmp.Or(
		cmp.Compare(k.Mark, o.Mark),
		cmp.Compare(number(k.V6()), number(o.V6())),
		cmp.Compare(k.Protocol, o.Protocol),
		k.Address.Compare(o.Address),
	)
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Clone returns a copy that shares nothing with t.
func (t Table) Clone() Table {
	out := Table{Services: slices.Clone(t.Services)}
	for i := range out.Services {
		s := &out.Services[i]
		s.Destinations = slices.Clone(s.Destinations)
		s.Known = slices.Clone(s.Known)
	}
	return out
}

// Sorted returns a copy of t in the order of ipvsadm's list.
func (t Table) Sorted() Table {
	out := t.Clone()
	slices.SortStableFunc(out.Services, func(a, b Service) int { return a.Compare(b.Key) })
	for i := range out.Services {
		slices.SortStableFunc(out.Services[i].Destinations, func(a, b Destination) int { return a.Address.Compare(b.Address) })
	}
	return out
}

// String returns t as "ipvsadm -Sn" prints it: in its order, a line for each
// service and destination, so that "ipvsadm -R" would read it.
func (t Table) String() string {
	var b strings.Builder
	for _, s := range t.Sorted().Services {
		b.WriteString(s.Rule())
		b.WriteByte('\n')
		for _, d := range s.Destinations {
			b.WriteString(d.Rule(s.Key))
			b.WriteByte('\n')
		}
	}
	return b.String()
}
