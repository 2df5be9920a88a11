package netif

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"tandem/keepalivedconf"
)

// The kernel's numbers of what keepalivedconf has as words.
var (
	routeTypes = map[string]uint8{
		"unicast": unix.RTN_UNICAST, "local": unix.RTN_LOCAL, "broadcast": unix.RTN_BROADCAST, "anycast": unix.RTN_ANYCAST,
		"multicast": unix.RTN_MULTICAST, "blackhole": unix.RTN_BLACKHOLE, "unreachable": unix.RTN_UNREACHABLE,
		"prohibit": unix.RTN_PROHIBIT, "throw": unix.RTN_THROW, "nat": unix.RTN_NAT, "xresolve": unix.RTN_XRESOLVE,
	}
	routePreferences = map[string]uint8{"low": 3, "medium": 0, "high": 1} // RFC 4191, 2.1
)

// numbered looks a word up, or reads it as a number.
func numbered(words map[string]uint8, word string) (uint8, error) {
	if n, ok := words[word]; ok {
		return n, nil
	}
	n, err := strconv.ParseUint(word, 0, 8)
	return uint8(n), err
}

// routeMessage is the body of an RTM_NEWROUTE or RTM_DELROUTE, with what
// keepalived puts there.
func (s *Stack) routeMessage(message int, r keepalivedconf.Route) ([]nl.NetlinkRequestData, error) {
	kind, err := numbered(routeTypes, r.Type)
	if err != nil {
		return nil, fmt.Errorf("type %q: %w", r.Type, err)
	}
	header := &nl.RtMsg{}
	header.Family = familyNumber(r.Family)
	header.Type = kind
	header.Tos = r.TOS
	header.Protocol = r.Protocol
	header.Scope = uint8(routeScope(message, r))
	if r.OnLink {
		header.Flags = unix.RTNH_F_ONLINK
	}
	table := r.Table
	if r.VRF != "" {
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
	if r.MetricSet {
		number(unix.RTA_PRIORITY, r.Metric)
	}
	if r.Realms != 0 {
		number(unix.RTA_FLOW, r.Realms)
	}
	if r.Expires != 0 {
		number(unix.RTA_EXPIRES, uint32(r.Expires/time.Second))
	}
	if r.Preference != "" {
		preference, err := numbered(routePreferences, r.Preference)
		if err != nil {
			return nil, fmt.Errorf("preference %q: %w", r.Preference, err)
		}
		attribute(unix.RTA_PREF, []byte{preference})
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

func familyNumber(f keepalivedconf.Family) uint8 {
	if f == keepalivedconf.IPv6 {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// routeScope is the scope of a route: as given, or global, which keepalived
// takes for every type. A route is found for removal whatever its scope.
func routeScope(message int, r keepalivedconf.Route) keepalivedconf.Scope {
	switch {
	case r.ScopeSet:
		return r.Scope
	case message == unix.RTM_DELROUTE:
		return keepalivedconf.ScopeNowhere
	}
	return keepalivedconf.ScopeGlobal
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
func (s *Stack) nextHops(family uint8, hops []keepalivedconf.NextHop) ([]byte, error) {
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
func metrics(m keepalivedconf.RouteMetrics) *nl.RtAttr {
	out := nl.NewRtAttr(unix.RTA_METRICS, nil)
	some := false
	add := func(kind int, value []byte) {
		out.AddChild(nl.NewRtAttr(kind, value))
		some = true
	}
	var locked uint32
	for _, one := range []struct {
		kind  int
		name  string
		value uint32
	}{
		{unix.RTAX_MTU, "mtu", m.MTU}, {unix.RTAX_HOPLIMIT, "hoplimit", m.HopLimit}, {unix.RTAX_ADVMSS, "advmss", m.AdvMSS},
		{unix.RTAX_REORDERING, "reordering", m.Reordering}, {unix.RTAX_WINDOW, "window", m.Window},
		{unix.RTAX_CWND, "cwnd", m.Cwnd}, {unix.RTAX_SSTHRESH, "ssthresh", m.SSThresh},
		{unix.RTAX_INITCWND, "initcwnd", m.InitCwnd}, {unix.RTAX_INITRWND, "initrwnd", m.InitRwnd},
		{unix.RTAX_RTT, "rtt", m.RTT}, {unix.RTAX_RTTVAR, "rttvar", m.RTTVar}, {unix.RTAX_RTO_MIN, "rto_min", m.RTOMin},
		{unix.RTAX_QUICKACK, "quickack", bit(m.QuickAck)},
		{unix.RTAX_FASTOPEN_NO_COOKIE, "fastopen_no_cookie", bit(m.FastOpenNoCookie)},
		{unix.RTAX_FEATURES, "features", bit(m.ECN) * unix.RTAX_FEATURE_ECN},
	} {
		if one.value != 0 {
			add(one.kind, nl.Uint32Attr(one.value))
		}
		if slices.Contains(m.Locked, one.name) {
			locked |= 1 << one.kind
		}
	}
	if m.CongCtl != "" {
		add(unix.RTAX_CC_ALGO, nl.ZeroTerminated(m.CongCtl))
		if slices.Contains(m.Locked, "congctl") {
			locked |= 1 << unix.RTAX_CC_ALGO
		}
	}
	if locked != 0 {
		add(unix.RTAX_LOCK, nl.Uint32Attr(locked))
	}
	if !some {
		return nil
	}
	return out
}

func bit(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}
