package vrrp

import (
	"strconv"

	"golang.org/x/sys/unix"

	"tandem/keepalivedconf"
	"tandem/vrrp/netif"
)

// convertEach converts a list, in its order.
func convertEach[From, To any](list []From, convert func(From) To) []To {
	var out []To
	for _, one := range list {
		out = append(out, convert(one))
	}
	return out
}

// StaticRoutes returns static_routes, in its order.
func StaticRoutes(k *keepalivedconf.Config) []netif.Route {
	return convertEach(k.StaticRoutes, convertRoute)
}

// StaticRules returns static_rules, in its order.
func StaticRules(k *keepalivedconf.Config) []netif.Rule {
	return convertEach(k.StaticRules, convertRule)
}

// The kernel's numbers of what keepalivedconf has as words.
var (
	routeTypes = map[string]uint8{
		"unicast": unix.RTN_UNICAST, "local": unix.RTN_LOCAL, "broadcast": unix.RTN_BROADCAST, "anycast": unix.RTN_ANYCAST,
		"multicast": unix.RTN_MULTICAST, "blackhole": unix.RTN_BLACKHOLE, "unreachable": unix.RTN_UNREACHABLE,
		"prohibit": unix.RTN_PROHIBIT, "throw": unix.RTN_THROW, "nat": unix.RTN_NAT, "xresolve": unix.RTN_XRESOLVE,
	}
	routePreferences = map[string]uint8{"low": 3, "medium": 0, "high": 1} // RFC 4191 section 2.1
	routeOrders      = map[keepalivedconf.RouteOrder]netif.Order{
		keepalivedconf.RoutePrepend: netif.Prepend, keepalivedconf.RouteAdd: netif.Add, keepalivedconf.RouteAppend: netif.Append,
	}
	ruleActions = map[keepalivedconf.RuleAction]uint8{
		keepalivedconf.RuleTable: unix.FR_ACT_TO_TBL, keepalivedconf.RuleGoto: unix.FR_ACT_GOTO, keepalivedconf.RuleNop: unix.FR_ACT_NOP,
		keepalivedconf.RuleBlackhole: unix.FR_ACT_BLACKHOLE, keepalivedconf.RuleUnreachable: unix.FR_ACT_UNREACHABLE,
		keepalivedconf.RuleProhibit: unix.FR_ACT_PROHIBIT,
	}
	metricNumbers = map[string]int{
		"mtu": unix.RTAX_MTU, "advmss": unix.RTAX_ADVMSS, "rtt": unix.RTAX_RTT, "rttvar": unix.RTAX_RTTVAR,
		"reordering": unix.RTAX_REORDERING, "cwnd": unix.RTAX_CWND, "ssthresh": unix.RTAX_SSTHRESH, "rto_min": unix.RTAX_RTO_MIN,
		"congctl": unix.RTAX_CC_ALGO,
	}
)

// numbered looks a word up, or reads it as the number that it is else.
func numbered(words map[string]uint8, word string) uint8 {
	if n, ok := words[word]; ok {
		return n
	}
	n, _ := strconv.ParseUint(word, 0, 8) // the configuration has no other
	return uint8(n)
}

func convertRoute(r keepalivedconf.Route) netif.Route {
	out := netif.Route{
		Destination: r.Destination, Type: numbered(routeTypes, r.Type), From: r.From, Source: r.Source, Via: r.Via, Device: r.Device,
		Table: r.Table, VRF: r.VRF, Protocol: r.Protocol, TOS: r.TOS, OnLink: r.OnLink, Realms: r.Realms,
		Metrics: convertMetrics(r.Metrics), Expires: r.Expires, TTLPropagate: r.TTLPropagate, Order: routeOrders[r.Order],
	}
	if r.ScopeSet {
		out.Scope = new(netif.Scope(r.Scope))
	}
	if r.MetricSet {
		out.Metric = &r.Metric
	}
	if r.Preference != "" {
		out.Preference = new(numbered(routePreferences, r.Preference))
	}
	for _, h := range r.NextHops {
		out.NextHops = append(out.NextHops, netif.NextHop(h))
	}
	return out
}

func convertMetrics(m keepalivedconf.RouteMetrics) netif.Metrics {
	out := netif.Metrics{CongestionControl: m.CongCtl}
	for kind, value := range map[int]uint32{
		unix.RTAX_MTU: m.MTU, unix.RTAX_HOPLIMIT: m.HopLimit, unix.RTAX_ADVMSS: m.AdvMSS, unix.RTAX_REORDERING: m.Reordering,
		unix.RTAX_WINDOW: m.Window, unix.RTAX_CWND: m.Cwnd, unix.RTAX_SSTHRESH: m.SSThresh, unix.RTAX_INITCWND: m.InitCwnd,
		unix.RTAX_INITRWND: m.InitRwnd, unix.RTAX_RTT: m.RTT, unix.RTAX_RTTVAR: m.RTTVar, unix.RTAX_RTO_MIN: m.RTOMin,
	} {
		out.Values[kind] = value
	}
	if m.QuickAck {
		out.Values[unix.RTAX_QUICKACK] = 1
	}
	if m.FastOpenNoCookie {
		out.Values[unix.RTAX_FASTOPEN_NO_COOKIE] = 1
	}
	if m.ECN {
		out.Values[unix.RTAX_FEATURES] = unix.RTAX_FEATURE_ECN
	}
	for _, name := range m.Locked {
		out.Locked |= 1 << metricNumbers[name]
	}
	return out
}

func convertRule(r keepalivedconf.Rule) netif.Rule {
	out := netif.Rule{
		IPv6: r.Family == keepalivedconf.IPv6, Priority: r.Priority, Invert: r.Invert, From: r.From, To: r.To, TOS: r.TOS,
		Mask: r.FWMask, Input: r.Input, Output: r.Output, TunnelID: r.TunnelID, UIDs: r.UIDRange, SourcePort: r.SourcePort, DestPort: r.DestPort,
		Action: ruleActions[r.Action], Table: r.Table, L3MDev: r.L3MDev, Goto: r.Goto, Realms: r.Realms, Protocol: r.Protocol,
	}
	if r.FWMarkSet {
		out.Mark = &r.FWMark
	}
	if r.IPProto >= 0 {
		out.IPProtocol = new(uint8(r.IPProto))
	}
	if r.SuppressPrefixLength >= 0 {
		out.SuppressPrefixLength = new(uint32(r.SuppressPrefixLength))
	}
	if r.SuppressGroup >= 0 {
		out.SuppressGroup = new(uint32(r.SuppressGroup))
	}
	return out
}

// convertRoutes takes over virtual_routes and virtual_rules.
func convertRoutes(i *keepalivedconf.Instance, ic *InstanceConfig) {
	ic.Routes, ic.Rules = convertEach(i.Routes, convertRoute), convertEach(i.Rules, convertRule)
	for n, r := range i.Routes {
		if !r.NoTrack {
			ic.TrackedRoutes = append(ic.TrackedRoutes, ic.Routes[n])
		}
	}
	for n, r := range i.Rules {
		if !r.NoTrack {
			ic.TrackedRules = append(ic.TrackedRules, ic.Rules[n])
		}
	}
}
