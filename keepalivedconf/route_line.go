package keepalivedconf

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"tandem/keepalivedconf/text"
)

// routeLine is a route while its line is read.
type routeLine struct {
	Route
	written        string // the destination, as it stands there; "" if there is none
	hasDestination bool
	destinationAny bool // default, any or all, of the family that the line turns out to be of
	fromAny        bool
	hasProtocol    bool
}

const (
	mixedRoute    = "Cannot mix IPv4 and IPv6 addresses for route"
	noRouteDevice = "WARNING - interface %s for VROUTE nexthop doesn't exist"
)

// routeOptions are what may stand in a line of virtual_routes and static_routes, beside the destination and metrics.
var routeOptions = options[routeLine]{
	// keepalived skips the word after inet and inet6 as well, so that "inet6 default" loses its destination.
	"inet6": func(w *words, r *routeLine) { w.family(&r.Family, IPv6, "inet6 specified for IPv4 route") },
	"inet":  func(w *words, r *routeLine) { w.family(&r.Family, IPv4, "inet specified for IPv6 route") },
	"src":   routeSource,
	"via":   routeVia,
	"gw": func(w *words, r *routeLine) {
		w.b.err(w.s, `"gw" for routes is deprecated. Please use "via"`)
		routeVia(w, r)
	},
	"from":          routeFrom,
	"as":            routeAs,
	"tos":           func(w *words, r *routeLine) { w.tos(&r.TOS) },
	"dsfield":       func(w *words, r *routeLine) { w.tos(&r.TOS) },
	"table":         routeTable,
	"protocol":      routeProtocol,
	"scope":         routeScope,
	"metric":        routeMetric,
	"priority":      routeMetric,
	"preference":    routeMetric,
	"dev":           func(w *words, r *routeLine) { r.Device = w.device(noRouteDevice) },
	"oif":           func(w *words, r *routeLine) { r.Device = w.device(noRouteDevice) },
	"onlink":        func(w *words, r *routeLine) { r.OnLink = true },
	"encap":         func(w *words, r *routeLine) { w.b.unsupported(w.s, "encap"); w.broken = true },
	"expires":       routeExpires,
	"realms":        routeRealms,
	"pref":          routePreference,
	"ttl-propagate": routeTTL,
	"add":           func(w *words, r *routeLine) { r.Order = RouteAdd },
	"prepend":       func(w *words, r *routeLine) { r.Order = RoutePrepend },
	"append":        func(w *words, r *routeLine) { r.Order = RouteAppend },
	"or":            routeOr,
	"nexthop":       routeNextHops,
	"no_track":      func(w *words, r *routeLine) { r.NoTrack = true },
	"vrf":           func(w *words, r *routeLine) { r.VRF = w.next() },
}

func routeSource(w *words, r *routeLine) {
	if a, ok := w.addr(w.next(), "invalid route src address %s"); ok && w.family(&r.Family, familyOf(a), mixedRoute) {
		r.Source = a
	}
}

func routeVia(w *words, r *routeLine) {
	if a, ok := w.gateway("invalid route via address %s"); ok && w.family(&r.Family, familyOf(a), mixedRoute) {
		r.Via = a
	}
}

func routeFrom(w *words, r *routeLine) {
	word := w.next()
	p, all, ok := w.network(word, "invalid route from address %s")
	switch {
	case !ok:
	case all:
		r.fromAny = true
	case p.Addr().Is4():
		w.fail("route from address only supported with IPv6 (%s)", word)
	case w.family(&r.Family, IPv6, mixedRoute):
		r.From = p
	}
}

func routeAs(w *words, r *routeLine) {
	if w.next() == "to" {
		w.next()
	}
	w.b.err(w.s, `"as to" for MPLS only - ignoring`)
}

func routeTable(w *words, r *routeLine) {
	r.Table, _ = w.named(tableNames, "Routing table %s not found for route")
}

func routeProtocol(w *words, r *routeLine) {
	v, _ := w.named(protoNames, "Protocol %s not found or invalid for route")
	r.Protocol, r.hasProtocol = uint8(v), true
}

func routeScope(w *words, r *routeLine) {
	v, _ := w.named(scopeNames, "Scope %s not found or invalid for route")
	r.Scope, r.ScopeSet = Scope(v), true
}

func routeMetric(w *words, r *routeLine) {
	r.MetricSet = w.number(&r.Metric, maxUint32, "Invalid metric %s specified for route")
}

func routeExpires(w *words, r *routeLine) {
	var seconds uint32
	if w.family(&r.Family, IPv6, "expires is only valid for IPv6") &&
		w.number(&seconds, maxUint32, "Invalid expires time %s specified for route") {
		r.Expires = time.Duration(seconds) * time.Second
	}
}

func routeRealms(w *words, r *routeLine) {
	w.realms(&r.Realms, &r.Family, "Invalid realms %s for route", "realms are only valid for IPv4")
}

func routePreference(w *words, r *routeLine) {
	if !w.family(&r.Family, IPv6, "pref is only valid for IPv6") {
		return
	}
	word, ok := w.value()
	if !ok {
		return
	}
	if word != "low" && word != "medium" && word != "high" {
		if _, ok := w.b.unsigned(w.s, word, 0, 255); !ok {
			w.fail("Invalid pref value %s specified for route", word)
			return
		}
	}
	r.Preference = word
}

func routeTTL(w *words, r *routeLine) {
	switch word, ok := w.value(); {
	case !ok:
	case word == "enabled":
		r.TTLPropagate = new(true)
	case word == "disabled":
		r.TTLPropagate = new(false)
	default:
		w.b.err(w.s, "ttl-propagate value %s not recognised", word)
	}
}

func routeOr(w *words, r *routeLine) {
	w.b.err(w.s, `"or" for routes is deprecated. Please use "nexthop"`)
	if len(r.NextHops) > 0 {
		w.b.err(w.s, `"or" route already specified - ignoring subsequent`)
		w.next()
		return
	}
	if a, ok := w.addr(w.next(), `Invalid "or" address %s`); ok {
		r.NextHops = []NextHop{{Via: r.Via, Weight: 1}, {Via: a, Weight: 1}}
		r.Via = netip.Addr{}
	}
}

// routeNextHops takes the rest of the line. A next hop that cannot be read is left out; the route stays.
func routeNextHops(w *words, r *routeLine) {
	if len(r.NextHops) > 0 {
		w.b.err(w.s, `Cannot specify nexthops with "or" route`)
	} else {
		w.nextHops(&r.Route)
		w.broken = w.lost
	}
	w.end()
}

// routeOther takes what is no option: a track_group, a metric, or the destination with the type of the route before it.
func routeOther(w *words, r *routeLine) {
	word := w.word()
	if metric, ok := metricOptions[word]; ok {
		metric(w, &r.Metrics)
		return
	}
	if w.trackGroup(&r.TrackGroup) {
		return
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
		return
	}
	r.hasDestination, r.destinationAny, r.written = true, all, word
	if !all {
		r.Destination = p
		w.family(&r.Family, familyOf(p.Addr()), mixedRoute+" (%s)", word)
	}
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

// parseRoute reads one line of a block of routes; a route that cannot be read is reported and dropped.
func (b *builder) parseRoute(s *Statement, static bool) (Route, bool) {
	r := routeLine{Route: Route{Pos: s.Pos, Type: "unicast", Table: tableMain}}
	w := &words{b: b, s: s, static: static}
	routeOptions.read(w, &r, routeOther)
	if w.broken {
		return r.Route, false
	}
	if !r.hasDestination {
		b.err(s, "Route must have a destination")
		return r.Route, false
	}
	w.tracked("Route", r.NoTrack, r.hasProtocol, &r.Protocol)
	if !r.NoTrack && r.Device == "" {
		b.say(text.KindWarning, s.Pos, "Warning - cannot track route %s with no interface specified, not tracking", r.written)
		b.hint("write `dev INTERFACE`, so that the instance is at fault when that is down, or no_track")
	}
	if r.TrackGroup != "" && r.Device == "" {
		b.err(s, "Static route cannot have track group if no oif specified")
		r.TrackGroup = ""
	}
	if r.Family == FamilyUnset {
		r.Family = IPv4
	}
	if r.destinationAny {
		r.Destination = anyOf(r.Family)
	}
	if r.fromAny {
		r.From = anyOf(r.Family)
	}
	return r.Route, true
}

// hopOptions are what may stand after nexthop.
var hopOptions = options[hopLine]{
	"via": func(w *words, h *hopLine) {
		if a, ok := w.gateway("invalid nexthop address %s"); ok &&
			w.family(&h.route.Family, familyOf(a), "Address family mismatch for next hop") {
			h.Via = a
		}
	},
	"dev":    func(w *words, h *hopLine) { h.Device = w.device(noRouteDevice) },
	"weight": hopWeight,
	"onlink": func(w *words, h *hopLine) { h.OnLink = true },
	"realms": func(w *words, h *hopLine) {
		w.realms(&h.Realms, &h.route.Family, "Invalid realms %s for route", "realms are only supported for IPv4")
	},
	"encap": func(w *words, h *hopLine) { w.b.unsupported(w.s, "encap"); w.broken, w.lost = true, true },
	"as":    func(w *words, h *hopLine) { w.fail("'as [to]' (nat) not supported") },
}

// hopLine is a next hop while it is read.
type hopLine struct {
	NextHop
	route *Route
}

func hopWeight(w *words, h *hopLine) {
	var v uint32
	if w.number(&v, 256, "Invalid weight %s specified for route") {
		if v == 0 {
			w.fail("Invalid weight 0 specified for route")
		}
		h.Weight = int(v)
	}
}

// nextHops reads "nexthop via ADDRESS dev NAME weight N ... nexthop ..." to the end of the line.
func (w *words) nextHops(r *Route) {
	for w.at < len(w.s.Words) && w.word() == "nexthop" && !w.broken {
		h := hopLine{NextHop: NextHop{Weight: 1}, route: r}
		for w.at++; w.at < len(w.s.Words) && !w.broken; w.at++ {
			set, known := hopOptions[w.word()]
			if !known {
				break
			}
			set(w, &h)
		}
		if !w.broken {
			r.NextHops = append(r.NextHops, h.NextHop)
		}
	}
	if w.at < len(w.s.Words) && !w.broken {
		w.fail("Route has trailing nonsense after nexthops - %s", w.word())
	}
}

// unsupported says once that tandem does not have a part of keepalived.
func (b *builder) unsupported(s *Statement, what string) {
	if b.once[what] {
		return
	}
	b.once[what] = true
	b.add(Report{Kind: text.KindUnsupported, Pos: s.Pos, Text: fmt.Sprintf("\"%s\" is a keyword of keepalived that tandem does not support yet - ignoring", what)})
}
