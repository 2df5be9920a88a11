package netif

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// routeMessage is the body of an RTM_NEWROUTE or RTM_DELROUTE, with what
// keepalived puts there.
func (s *Stack) routeMessage(message int, r Route) ([]nl.NetlinkRequestData, error) {
	header := &nl.RtMsg{}
	header.Family = familyNumber(r.Destination.Addr().Is6())
	header.Type = r.Type
	header.Tos = r.TOS
	header.Protocol = r.Protocol
	header.Scope = uint8(routeScope(message, r))
	if r.OnLink {
		header.Flags = unix.RTNH_F_ONLINK
	}
	table := r.Table
	if r.VRF != "" {
		var err error
		if table, err = s.vrfTable(r.VRF); err != nil {
			return nil, err
		}
	}
	data := []nl.NetlinkRequestData{header}
	attribute := func(kind int, value []byte) { data = append(data, nl.NewRtAttr(kind, value)) }
	number := func(kind int, value uint32) { attribute(kind, nl.Uint32Attr(value)) }
	if table < 256 {
		header.Table = uint8(table)
	} else {
		number(unix.RTA_TABLE, table)
	}
	header.Dst_len = uint8(r.Destination.Bits())
	attribute(unix.RTA_DST, r.Destination.Addr().AsSlice())
	if r.From.IsValid() {
		header.Src_len = uint8(r.From.Bits())
		attribute(unix.RTA_SRC, r.From.Addr().AsSlice())
	}
	if r.Source.IsValid() {
		attribute(unix.RTA_PREFSRC, r.Source.AsSlice())
	}
	if r.Via.IsValid() {
		data = append(data, gateway(header.Family, r.Via))
	}
	if r.Device != "" {
		index, err := s.indexOf(r.Device)
		if err != nil {
			return nil, err
		}
		number(unix.RTA_OIF, uint32(index))
	}
	if r.Metric != nil {
		number(unix.RTA_PRIORITY, *r.Metric)
	}
	if r.Realms != 0 {
		number(unix.RTA_FLOW, r.Realms)
	}
	if r.Expires != 0 {
		number(unix.RTA_EXPIRES, uint32(r.Expires/time.Second))
	}
	if r.Preference != nil {
		attribute(unix.RTA_PREF, []byte{*r.Preference})
	}
	if r.TTLPropagate != nil {
		value := byte(0)
		if *r.TTLPropagate {
			value = 1
		}
		attribute(unix.RTA_TTL_PROPAGATE, []byte{value})
	}
	if m := metrics(r.Metrics); m != nil {
		data = append(data, m)
	}
	if len(r.NextHops) > 0 {
		hops, err := s.nextHops(header.Family, r.NextHops)
		if err != nil {
			return nil, err
		}
		attribute(unix.RTA_MULTIPATH, hops)
	}
	return data, nil
}

func familyNumber(ipv6 bool) uint8 {
	if ipv6 {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// routeScope is the scope of a route: as given, or global, which keepalived
// takes for every type. A route is found for removal whatever its scope.
func routeScope(message int, r Route) Scope {
	switch {
	case r.Scope != nil:
		return *r.Scope
	case message == unix.RTM_DELROUTE:
		return ScopeNowhere
	}
	return ScopeGlobal
}

// vrfTable is the routing table of a VRF device.
func (s *Stack) vrfTable(name string) (uint32, error) {
	link, err := s.netlink.LinkByName(name)
	if err != nil {
		return 0, fmt.Errorf("vrf %s: %w", name, err)
	}
	vrf, ok := link.(*netlink.Vrf)
	if !ok {
		return 0, fmt.Errorf("vrf %s: is a %s", name, link.Type())
	}
	return vrf.Table, nil
}

// gateway is the next router, which may be of the other family.
func gateway(family uint8, via netip.Addr) *nl.RtAttr {
	of := uint16(unix.AF_INET)
	if via.Is6() {
		of = unix.AF_INET6
	}
	if uint8(of) == family {
		return nl.NewRtAttr(unix.RTA_GATEWAY, via.AsSlice())
	}
	return nl.NewRtAttr(unix.RTA_VIA, append(binary.NativeEndian.AppendUint16(nil, of), via.AsSlice()...))
}

// nextHops is the ways of a multipath route.
func (s *Stack) nextHops(family uint8, hops []NextHop) ([]byte, error) {
	var out []byte
	for _, h := range hops {
		hop := nl.RtNexthop{RtNexthop: unix.RtNexthop{Hops: uint8(max(h.Weight, 1) - 1)}}
		if h.OnLink {
			hop.Flags = unix.RTNH_F_ONLINK
		}
		if h.Device != "" {
			index, err := s.indexOf(h.Device)
			if err != nil {
				return nil, err
			}
			hop.Ifindex = int32(index)
		}
		if h.Via.IsValid() {
			hop.Children = append(hop.Children, gateway(family, h.Via))
		}
		if h.Realms != 0 {
			hop.Children = append(hop.Children, nl.NewRtAttr(unix.RTA_FLOW, nl.Uint32Attr(h.Realms)))
		}
		out = append(out, hop.Serialize()...)
	}
	return out, nil
}

// metrics is the metrics of a route, nil if it has none.
func metrics(m Metrics) *nl.RtAttr {
	out := nl.NewRtAttr(unix.RTA_METRICS, nil)
	some := false
	add := func(kind int, value []byte) {
		out.AddChild(nl.NewRtAttr(kind, value))
		some = true
	}
	for kind, value := range m.Values {
		if value != 0 {
			add(kind, nl.Uint32Attr(value))
		}
	}
	if m.CongestionControl != "" {
		add(unix.RTAX_CC_ALGO, nl.ZeroTerminated(m.CongestionControl))
	}
	if m.Locked != 0 {
		add(unix.RTAX_LOCK, nl.Uint32Attr(m.Locked))
	}
	if !some {
		return nil
	}
	return out
}
