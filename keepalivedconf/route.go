package keepalivedconf

import (
	"net/netip"
	"time"
)

// Route is an entry of virtual_routes or static_routes, in the grammar of `ip route add`.
type Route struct {
	Pos          Pos
	Family       Family
	Type         string       // unicast, blackhole, unreachable, prohibit, throw, local, ... or a number
	Destination  netip.Prefix // length 0 for default
	From         netip.Prefix // IPv6 only; invalid: any
	Source       netip.Addr   // preferred source; invalid: the kernel's choice
	Via          netip.Addr   // invalid: none
	Device       string
	VRF          string // its table is the route's
	Table        uint32
	Protocol     uint8
	Scope        Scope
	ScopeSet     bool // scope was given; otherwise it follows from type and gateway
	TOS          uint8
	Metric       uint32
	MetricSet    bool
	OnLink       bool
	Realms       uint32
	Metrics      RouteMetrics
	Expires      time.Duration // IPv6; 0: never
	Preference   string        // IPv6 router preference: low, medium, high or a number; "": none
	TTLPropagate *bool
	NextHops     []NextHop
	Order        RouteOrder
	NoTrack      bool
	TrackGroup   string // of a static route
}

// NextHop is one way of a multipath route.
type NextHop struct {
	Via    netip.Addr
	Device string
	Weight int // 1 to 256
	OnLink bool
	Realms uint32
}

// RouteOrder is where a route goes among matching ones.
type RouteOrder uint8

// The orders of `prepend`, `add` and `append`.
const (
	RoutePrepend RouteOrder = iota
	RouteAdd                // only if there is no matching route
	RouteAppend
)

func (o RouteOrder) String() string {
	switch o {
	case RoutePrepend:
		return "prepend"
	case RouteAdd:
		return "add"
	case RouteAppend:
		return "append"
	}
	panic("keepalivedconf: impossible route order")
}

// Numbers of rtnetlink(7) that keepalived uses.
const (
	tableMain          = 254
	protocolKeepalived = 18
)

// routeTypes is the names of types of routes, by their numbers in rtnetlink(7).
var routeTypes = []string{"", "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable", "prohibit",
	"throw", "nat", "xresolve"}
