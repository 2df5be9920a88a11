package keepalivedconf

import (
	"net/netip"
	"slices"
	"time"

	"tandem/keepalivedconf/text"
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

// words walks over the words of one route or rule.
type words struct {
	b      *builder
	s      *Statement
	at     int  // of the word looked at
	broken bool // the line is dropped
	lost   bool // because a word is missing
}

// next is the word after this one; without one the line is reported and dropped.
func (w *words) next() string {
	if w.at+1 >= len(w.s.Words) {
		if !w.broken {
			w.b.missing(w.s, len(w.s.Words))
		}
		w.broken, w.lost = true, true
		w.at = len(w.s.Words)
		return ""
	}
	w.at++
	return w.s.Words[w.at]
}

// fail reports why the line is dropped, unless it is already.
func (w *words) fail(format string, args ...any) bool {
	if !w.broken {
		w.b.err(w.s, format, args...)
		w.broken = true
	}
	return false
}

// number reads a number up to high; format has one %s for the word.
func (w *words) number(into *uint32, high uint32, format string) bool {
	word := w.next()
	if w.broken {
		return false
	}
	v, ok := w.b.unsigned(w.s, word, 0, high)
	if !ok {
		return w.fail(format, word)
	}
	*into = v
	return true
}

// addr reads an address without a length.
func (w *words) addr(word, format string) (netip.Addr, bool) {
	if w.broken {
		return netip.Addr{}, false
	}
	p, ok := w.b.prefix(w.s, word, false)
	if !ok {
		return netip.Addr{}, w.fail(format, word)
	}
	return p.Addr(), true
}

// network reads a destination: a prefix, or default, any and all, whose family is open.
func (w *words) network(word, format string) (p netip.Prefix, any, ok bool) {
	if w.broken {
		return p, false, false
	}
	switch word {
	case "default", "any", "all":
		return p, true, true
	case "default6":
		w.b.note(w.s, "'default6' is deprecated - please replace with 'inet6 default'")
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0), false, true
	}
	if p, ok = w.b.prefix(w.s, word, true); !ok {
		return p, false, w.fail(format, word)
	}
	return p, false, true
}

// family takes a family for the whole line.
func (w *words) family(into *Family, f Family, format string, args ...any) bool {
	if *into == FamilyUnset {
		*into = f
	} else if *into != f {
		return w.fail(format, args...)
	}
	return true
}

func anyOf(f Family) netip.Prefix {
	if f == IPv6 {
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
}

// parseRoute reads one line of a block of routes; a route that cannot be read is reported and dropped.
func (b *builder) parseRoute(s *Statement, static bool) (Route, bool) {
	r := Route{Pos: s.Pos, Type: "unicast", Table: tableMain}
	w := &words{b: b, s: s}
	const mixed = "Cannot mix IPv4 and IPv6 addresses for route"
	destination, fromAny, destinationAny, written := false, false, false, ""
	protocol := false
loop:
	for ; w.at < len(s.Words) && !w.broken; w.at++ {
		switch word := s.Words[w.at]; word {
		// keepalived skips the word after inet and inet6 as well, so that "inet6 default" loses its destination.
		case "inet6":
			w.family(&r.Family, IPv6, "inet6 specified for IPv4 route")
		case "inet":
			w.family(&r.Family, IPv4, "inet specified for IPv6 route")
		case "src":
			if a, ok := w.addr(w.next(), "invalid route src address %s"); ok && w.family(&r.Family, familyOf(a), mixed) {
				r.Source = a
			}
		case "via", "gw":
			if word == "gw" {
				b.err(s, `"gw" for routes is deprecated. Please use "via"`)
			}
			if a, ok := w.gateway("invalid route via address %s"); ok && w.family(&r.Family, familyOf(a), mixed) {
				r.Via = a
			}
		case "from":
			name := w.next()
			p, all, ok := w.network(name, "invalid route from address %s")
			switch {
			case !ok:
			case all:
				fromAny = true
			case p.Addr().Is4():
				w.fail("route from address only supported with IPv6 (%s)", name)
			case w.family(&r.Family, IPv6, mixed):
				r.From = p
			}
		case "as":
			if w.next() == "to" {
				w.next()
			}
			b.err(s, `"as to" for MPLS only - ignoring`)
		case "tos", "dsfield":
			name := w.next()
			if v, ok := b.find(dsfieldNames, name); ok {
				r.TOS = uint8(v)
			} else {
				w.fail("TOS value %s is invalid", name)
			}
		case "table":
			name := w.next()
			var ok bool
			if r.Table, ok = b.find(tableNames, name); !ok {
				w.fail("Routing table %s not found for route", name)
			}
		case "protocol":
			name := w.next()
			v, ok := b.find(protoNames, name)
			if !ok {
				w.fail("Protocol %s not found or invalid for route", name)
			}
			r.Protocol, protocol = uint8(v), true
		case "scope":
			name := w.next()
			v, ok := b.find(scopeNames, name)
			if !ok {
				w.fail("Scope %s not found or invalid for route", name)
			}
			r.Scope, r.ScopeSet = Scope(v), true
		case "metric", "priority", "preference":
			r.MetricSet = w.number(&r.Metric, maxUint32, "Invalid metric %s specified for route")
		case "dev", "oif":
			r.Device = w.device("WARNING - interface %s for VROUTE nexthop doesn't exist")
		case "onlink":
			r.OnLink = true
		case "encap":
			b.unsupported(s, "encap")
			return r, false
		case "expires":
			var seconds uint32
			if w.family(&r.Family, IPv6, "expires is only valid for IPv6") &&
				w.number(&seconds, maxUint32, "Invalid expires time %s specified for route") {
				r.Expires = time.Duration(seconds) * time.Second
			}
		case "realms":
			name := w.next()
			v, ok := b.realms(name)
			if !ok {
				w.fail("Invalid realms %s for route", name)
			} else if w.family(&r.Family, IPv4, "realms are only valid for IPv4") {
				r.Realms = v
			}
		case "pref":
			if !w.family(&r.Family, IPv6, "pref is only valid for IPv6") {
				break
			}
			switch name := w.next(); {
			case w.broken:
			case name == "low" || name == "medium" || name == "high":
				r.Preference = name
			default:
				if _, ok := b.unsigned(s, name, 0, 255); ok {
					r.Preference = name
				} else {
					w.fail("Invalid pref value %s specified for route", name)
				}
			}
		case "ttl-propagate":
			switch name := w.next(); {
			case w.broken:
			case name == "enabled":
				r.TTLPropagate = new(true)
			case name == "disabled":
				r.TTLPropagate = new(false)
			default:
				b.err(s, "%s value %s not recognised", "ttl-propagate", name)
			}
		case "add":
			r.Order = RouteAdd
		case "prepend":
			r.Order = RoutePrepend
		case "append":
			r.Order = RouteAppend
		case "or":
			b.err(s, `"or" for routes is deprecated. Please use "nexthop"`)
			if len(r.NextHops) > 0 {
				b.err(s, `"or" route already specified - ignoring subsequent`)
				w.next()
				break
			}
			if a, ok := w.addr(w.next(), `Invalid "or" address %s`); ok {
				r.NextHops = []NextHop{{Via: r.Via, Weight: 1}, {Via: a, Weight: 1}}
				r.Via = netip.Addr{}
			}
		case "nexthop":
			if len(r.NextHops) > 0 {
				b.err(s, `Cannot specify nexthops with "or" route`)
			} else {
				// A next hop that cannot be read is left out; the route stays.
				w.nextHops(&r)
				w.broken = w.lost
			}
			break loop
		case "no_track":
			r.NoTrack = true
		case "vrf":
			r.VRF = w.next()
		default:
			if static && word == "track_group" {
				if name := w.next(); !w.broken {
					b.trackGroup(s, &r.TrackGroup, name)
				}
				break
			}
			if known := w.metric(word, &r.Metrics); known {
				break
			}
			if word == "to" {
				word = w.next()
			}
			if kind, ok := routeType(word); ok {
				r.Type = kind
				word = w.next()
			}
			p, all, ok := w.network(word, "unknown route keyword %s")
			if !ok {
				break
			}
			destination, destinationAny, written = true, all, word
			if !all {
				r.Destination = p
				w.family(&r.Family, familyOf(p.Addr()), mixed+" (%s)", word)
			}
		}
	}
	if w.broken {
		return r, false
	}
	if !destination {
		b.err(s, "Route must have a destination")
		return r, false
	}
	if !r.NoTrack {
		if protocol && r.Protocol != protocolKeepalived {
			b.err(s, "Route cannot be tracked if protocol is not RTPROT_KEEPALIVED(%d), resetting protocol", protocolKeepalived)
		}
		r.Protocol = protocolKeepalived
		if r.Device == "" {
			b.say(text.KindWarning, s.Pos, "Warning - cannot track route %s with no interface specified, not tracking", written)
			b.hint("write `dev INTERFACE`, so that the instance is at fault when that is down, or no_track")
		}
	}
	if r.TrackGroup != "" && r.Device == "" {
		b.err(s, "Static route cannot have track group if no oif specified")
		r.TrackGroup = ""
	}
	if r.Family == FamilyUnset {
		r.Family = IPv4
	}
	if destinationAny {
		r.Destination = anyOf(r.Family)
	}
	if fromAny {
		r.From = anyOf(r.Family)
	}
	return r, true
}

// routeType reads the type of a route by name or number; a number without a name stays one.
func routeType(word string) (string, bool) {
	if word == "brd" {
		return "broadcast", true
	}
	if n, ok := text.Number(word, 255); ok {
		if n > 0 && int(n) < len(routeTypes) {
			return routeTypes[n], true
		}
		return word, true
	}
	return word, word != "" && slices.Contains(routeTypes, word)
}

// gateway reads "[inet|inet6] ADDRESS".
func (w *words) gateway(format string) (netip.Addr, bool) {
	word := w.next()
	var want Family
	switch word {
	case "inet":
		want, word = IPv4, w.next()
	case "inet6":
		want, word = IPv6, w.next()
	}
	a, ok := w.addr(word, format)
	if ok && want != FamilyUnset && familyOf(a) != want {
		return a, w.fail("Cannot mix IPv4 and IPv6 addresses for route")
	}
	return a, ok
}

// device reads the name of an interface. One that does not exist is reported and waited for.
func (w *words) device(format string) string {
	name := w.next()
	if !w.broken && !w.b.interfaceExists(name) {
		w.b.err(w.s, format, name)
	}
	return name
}

// nextHops reads "nexthop via ADDRESS dev NAME weight N ... nexthop ..." to the end of the line.
func (w *words) nextHops(r *Route) {
	for w.at < len(w.s.Words) && w.s.Words[w.at] == "nexthop" && !w.broken {
		h := NextHop{Weight: 1}
	hop:
		for w.at++; w.at < len(w.s.Words) && !w.broken; w.at++ {
			switch w.s.Words[w.at] {
			case "via":
				if a, ok := w.gateway("invalid nexthop address %s"); ok &&
					w.family(&r.Family, familyOf(a), "Address family mismatch for next hop") {
					h.Via = a
				}
			case "dev":
				h.Device = w.device("WARNING - interface %s for VROUTE nexthop doesn't exist")
			case "weight":
				var v uint32
				if w.number(&v, 256, "Invalid weight %s specified for route") {
					if v == 0 {
						w.fail("Invalid weight 0 specified for route")
					}
					h.Weight = int(v)
				}
			case "onlink":
				h.OnLink = true
			case "realms":
				name := w.next()
				v, ok := w.b.realms(name)
				if !ok {
					w.fail("Invalid realms %s for route", name)
				} else if w.family(&r.Family, IPv4, "realms are only supported for IPv4") {
					h.Realms = v
				}
			case "encap":
				w.b.unsupported(w.s, "encap")
				w.broken, w.lost = true, true
			case "as":
				w.fail("'as [to]' (nat) not supported")
			default:
				break hop
			}
		}
		if !w.broken {
			r.NextHops = append(r.NextHops, h)
		}
	}
	if w.at < len(w.s.Words) && !w.broken {
		w.fail("Route has trailing nonsense after nexthops - %s", w.s.Words[w.at])
	}
}
