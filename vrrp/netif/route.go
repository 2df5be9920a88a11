package netif

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Route is an entry of a routing table with all that keepalived can say about one.
type Route struct {
	// Destination is what the route leads to; of length 0 for everything. Its family is the route's.
	Destination netip.Prefix

	// Type is an RTN_ number of rtnetlink(7): unicast, blackhole and the like.
	Type uint8

	// From is the source that the route is for, with IPv6; the zero Prefix is any.
	From netip.Prefix

	// Source is the preferred source of what is sent; the zero Addr leaves it to the kernel.
	Source netip.Addr

	// Via is the next router, which may be of the other family; the zero Addr is none.
	Via netip.Addr

	// Device is the interface; "" leaves it to the kernel.
	Device string

	// Table is the routing table; that of VRF, an interface, if there is one.
	Table uint32
	VRF   string

	Protocol uint8
	Scope    *Scope // nil: global
	TOS      uint8
	Metric   *uint32 // nil: the kernel's
	OnLink   bool    // the next router is reached whatever its address is
	Realms   uint32  // from<<16 | to
	Metrics  Metrics

	Expires      time.Duration // IPv6, whole seconds; 0: never
	Preference   *uint8        // IPv6, RFC 4191 section 2.1; nil: the kernel's
	TTLPropagate *bool         // nil: the kernel's

	// NextHops are the ways of a multipath route.
	NextHops []NextHop

	// Order is where the route goes among matching ones.
	Order Order
}

// NextHop is one way of a multipath route.
type NextHop struct {
	Via    netip.Addr // as in Route
	Device string
	Weight int // 1 to 256
	OnLink bool
	Realms uint32
}

// Order is where a route goes among matching ones.
type Order uint8

// The orders of `ip route prepend`, `add` and `append`.
const (
	Prepend Order = iota
	Add           // only if there is no matching route
	Append
)

// Metrics are settings of the connections along a route.
type Metrics struct {
	// Values are the numbers by their RTAX_ numbers; 0 leaves the kernel's.
	Values [unix.RTAX_MAX + 1]uint32

	// CongestionControl is the name of an algorithm; "" leaves the kernel's.
	CongestionControl string

	// Locked has the bit 1<<RTAX_... of those that path MTU discovery and the like may not change.
	Locked uint32
}

// metricNames are the names of the metrics that are numbers, in the order that they are printed in.
var metricNames = []struct {
	kind int
	name string
}{
	{unix.RTAX_MTU, "mtu"}, {unix.RTAX_HOPLIMIT, "hoplimit"}, {unix.RTAX_ADVMSS, "advmss"}, {unix.RTAX_RTT, "rtt"},
	{unix.RTAX_RTTVAR, "rttvar"}, {unix.RTAX_REORDERING, "reordering"}, {unix.RTAX_WINDOW, "window"}, {unix.RTAX_CWND, "cwnd"},
	{unix.RTAX_SSTHRESH, "ssthresh"}, {unix.RTAX_RTO_MIN, "rto_min"}, {unix.RTAX_INITCWND, "initcwnd"},
	{unix.RTAX_INITRWND, "initrwnd"}, {unix.RTAX_QUICKACK, "quickack"}, {unix.RTAX_FASTOPEN_NO_COOKIE, "fastopen_no_cookie"},
}

// routeTypes are the names of RTN_ numbers.
var routeTypes = [...]string{
	unix.RTN_UNICAST: "unicast", unix.RTN_LOCAL: "local", unix.RTN_BROADCAST: "broadcast", unix.RTN_ANYCAST: "anycast",
	unix.RTN_MULTICAST: "multicast", unix.RTN_BLACKHOLE: "blackhole", unix.RTN_UNREACHABLE: "unreachable",
	unix.RTN_PROHIBIT: "prohibit", unix.RTN_THROW: "throw", unix.RTN_NAT: "nat", unix.RTN_XRESOLVE: "xresolve",
}

// words collects the arguments of an `ip` command.
type words []string

func (w *words) add(format string, args ...any) { *w = append(*w, fmt.Sprintf(format, args...)) }

func (w *words) when(on bool, format string, args ...any) {
	if on {
		w.add(format, args...)
	}
}

func (w words) String() string { return strings.Join(w, " ") }

// String is the route as the arguments of `ip route add`.
func (r Route) String() string {
	var w words
	switch {
	case r.Type == unix.RTN_UNICAST:
	case int(r.Type) < len(routeTypes) && r.Type != 0:
		w.add("%s", routeTypes[r.Type])
	default:
		w.add("type %d", r.Type)
	}
	w.add("%v", r.Destination)
	w.when(r.From.IsValid(), "from %v", r.From)
	w.when(r.Source.IsValid(), "src %v", r.Source)
	w.when(r.Via.IsValid(), "via %v", r.Via)
	w.when(r.Device != "", "dev %s", r.Device)
	if r.VRF != "" {
		w.add("vrf %s", r.VRF)
	} else {
		w.add("table %d", r.Table)
	}
	w.add("protocol %d", r.Protocol)
	if r.Scope != nil {
		w.add("scope %v", *r.Scope)
	}
	w.when(r.TOS != 0, "tos %d", r.TOS)
	if r.Metric != nil {
		w.add("metric %d", *r.Metric)
	}
	w.when(r.OnLink, "onlink")
	w.realms(r.Realms)
	w.when(r.Expires != 0, "expires %d", r.Expires/time.Second)
	if r.Preference != nil {
		w.add("pref %d", *r.Preference)
	}
	if r.TTLPropagate != nil {
		w.add("ttl-propagate %v", *r.TTLPropagate)
	}
	w.metrics(r.Metrics)
	for _, h := range r.NextHops {
		w.add("nexthop")
		w.when(h.Via.IsValid(), "via %v", h.Via)
		w.when(h.Device != "", "dev %s", h.Device)
		w.add("weight %d", h.Weight)
		w.when(h.OnLink, "onlink")
		w.realms(h.Realms)
	}
	return w.String()
}

func (w *words) realms(r uint32) { w.when(r != 0, "realms %d/%d", r>>16, r&0xffff) }

func (w *words) metrics(m Metrics) {
	lock := func(kind int) string {
		if m.Locked&(1<<kind) != 0 {
			return "lock "
		}
		return ""
	}
	for _, one := range metricNames {
		w.when(m.Values[one.kind] != 0, "%s %s%d", one.name, lock(one.kind), m.Values[one.kind])
	}
	w.when(m.Values[unix.RTAX_FEATURES]&unix.RTAX_FEATURE_ECN != 0, "features ecn")
	w.when(m.CongestionControl != "", "congctl %s%s", lock(unix.RTAX_CC_ALGO), m.CongestionControl)
}
