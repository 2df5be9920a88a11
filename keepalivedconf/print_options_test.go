package keepalivedconf

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// settings collects the settings of an address, route or rule.
type settings []string

func (o *settings) add(format string, args ...any) { *o = append(*o, fmt.Sprintf(format, args...)) }

func (o *settings) when(on bool, format string, args ...any) {
	if on {
		o.add(format, args...)
	}
}

// String is the address in the grammar of virtual_ipaddress, with what it comes to filled in.
func (a Address) String() string {
	o := settings{a.Prefix.String()}
	o.when(a.Peer.IsValid(), "peer %v", a.Peer)
	o.when(a.Broadcast.IsValid(), "brd %v", a.Broadcast)
	o.when(a.Device != "", "dev %s", a.Device)
	o.add("scope %v", a.Scope)
	o.when(a.Label != "", "label %s", a.Label)
	o.when(a.PreferredLifetime != Forever, "preferred_lft %d", a.PreferredLifetime/time.Second)
	o.when(a.Home, "home")
	o.when(a.DAD, "-nodad")
	o.when(a.ManageTemporary, "mngtmpaddr")
	o.when(a.NoPrefixRoute, "noprefixroute")
	o.when(a.AutoJoin, "autojoin")
	o.when(a.UseVMAC, "use_vmac")
	o.when(a.NoTrack, "no_track")
	o.when(a.TrackGroup != "", "track_group %s", a.TrackGroup)
	return strings.Join(o, " ")
}

// String is the route in the grammar of `ip route`, with what it comes to filled in.
func (r Route) String() string {
	var o settings
	o.when(r.Type != "unicast", "%s", r.Type)
	o.add("%v", r.Destination)
	o.when(r.From.IsValid(), "from %v", r.From)
	o.when(r.Source.IsValid(), "src %v", r.Source)
	o.when(r.Via.IsValid(), "via %v", r.Via)
	o.when(r.Device != "", "dev %s", r.Device)
	o.when(r.VRF != "", "vrf %s", r.VRF)
	o.add("table %d protocol %d", r.Table, r.Protocol)
	o.when(r.ScopeSet, "scope %v", r.Scope)
	o.when(r.TOS != 0, "tos %d", r.TOS)
	o.when(r.MetricSet, "metric %d", r.Metric)
	o.when(r.OnLink, "onlink")
	o.when(r.Realms != 0, "realms %d/%d", r.Realms>>16, r.Realms&0xffff)
	o.when(r.Expires != 0, "expires %v", r.Expires)
	o.when(r.Preference != "", "pref %s", r.Preference)
	if t := r.TTLPropagate; t != nil {
		o.add("ttl-propagate %v", *t)
	}
	r.Metrics.add(&o)
	for _, h := range r.NextHops {
		o.add("nexthop")
		o.when(h.Via.IsValid(), "via %v", h.Via)
		o.when(h.Device != "", "dev %s", h.Device)
		o.add("weight %d", h.Weight)
		o.when(h.OnLink, "onlink")
		o.when(h.Realms != 0, "realms %d/%d", h.Realms>>16, h.Realms&0xffff)
	}
	o.when(r.Order != RoutePrepend, "%v", r.Order)
	o.when(r.NoTrack, "no_track")
	o.when(r.TrackGroup != "", "track_group %s", r.TrackGroup)
	return strings.Join(o, " ")
}

func (m RouteMetrics) add(o *settings) {
	for _, v := range []struct {
		name  string
		value uint32
	}{
		{"mtu", m.MTU}, {"hoplimit", m.HopLimit}, {"advmss", m.AdvMSS}, {"rtt", m.RTT}, {"rttvar", m.RTTVar},
		{"reordering", m.Reordering}, {"window", m.Window}, {"cwnd", m.Cwnd}, {"ssthresh", m.SSThresh}, {"rto_min", m.RTOMin},
		{"initcwnd", m.InitCwnd}, {"initrwnd", m.InitRwnd},
	} {
		lock := ""
		if slices.Contains(m.Locked, v.name) {
			lock = "lock "
		}
		o.when(v.value != 0, "%s %s%d", v.name, lock, v.value)
	}
	o.when(m.QuickAck, "quickack 1")
	o.when(m.FastOpenNoCookie, "fastopen_no_cookie 1")
	o.when(m.ECN, "features ecn")
	o.when(m.CongCtl != "", "congctl %s", m.CongCtl)
}

// String is the rule in the grammar of `ip rule`, with what it comes to filled in.
func (r Rule) String() string {
	var o settings
	o.when(r.Family == IPv6, "inet6")
	o.when(r.Invert, "not")
	for _, end := range []struct {
		name string
		p    netip.Prefix
	}{{"from", r.From}, {"to", r.To}} {
		o.when(end.p.IsValid(), "%s %v", end.name, end.p)
	}
	o.add("priority %d", r.Priority)
	o.when(r.TOS != 0, "tos %d", r.TOS)
	o.when(r.FWMarkSet, "fwmark %#x/%#x", r.FWMark, r.FWMask)
	o.when(r.Input != "", "iif %s", r.Input)
	o.when(r.Output != "", "oif %s", r.Output)
	o.when(r.TunnelID != 0, "tunnel-id %d", r.TunnelID)
	if u := r.UIDRange; u != nil {
		o.add("uidrange %d-%d", u[0], u[1])
	}
	o.when(r.IPProto >= 0, "ipproto %d", r.IPProto)
	if s := r.SourcePort; s != nil {
		o.add("sport %d-%d", s[0], s[1])
	}
	if d := r.DestPort; d != nil {
		o.add("dport %d-%d", d[0], d[1])
	}
	o.when(r.L3MDev, "l3mdev")
	switch r.Action {
	case RuleTable:
		o.when(!r.L3MDev, "table %d", r.Table)
	case RuleGoto:
		o.add("goto %d", r.Goto)
	default:
		o.add("%v", r.Action)
	}
	o.when(r.Realms != 0, "realms %d/%d", r.Realms>>16, r.Realms&0xffff)
	o.when(r.SuppressPrefixLength >= 0, "suppress_prefixlength %d", r.SuppressPrefixLength)
	o.when(r.SuppressGroup >= 0, "suppress_ifgroup %d", r.SuppressGroup)
	o.add("protocol %d", r.Protocol)
	o.when(r.NoTrack, "no_track")
	o.when(r.TrackGroup != "", "track_group %s", r.TrackGroup)
	return strings.Join(o, " ")
}
