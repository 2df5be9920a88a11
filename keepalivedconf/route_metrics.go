package keepalivedconf

import "strings"

// RouteMetrics is the metrics of a route; 0 leaves the kernel's.
type RouteMetrics struct {
	MTU, HopLimit, AdvMSS, Reordering, Window, Cwnd, SSThresh, InitCwnd, InitRwnd uint32
	// RTT is in 1/8 ms, RTTVar in 1/4 ms, RTOMin in ms, as the kernel takes them.
	RTT, RTTVar, RTOMin uint32
	QuickAck            bool
	FastOpenNoCookie    bool
	ECN                 bool
	CongCtl             string
	// Locked names the metrics that path MTU discovery and the like may not change.
	Locked []string
}

// metricOptions are the metrics in a line of virtual_routes and static_routes.
var metricOptions = options[RouteMetrics]{
	"mtu":                lockable(metricNumber(func(m *RouteMetrics) *uint32 { return &m.MTU }, maxUint32, "Invalid MTU %s specified for route")),
	"advmss":             lockable(metricNumber(func(m *RouteMetrics) *uint32 { return &m.AdvMSS }, maxUint32, "Invalid advmss %s specified for route")),
	"hoplimit":           metricNumber(func(m *RouteMetrics) *uint32 { return &m.HopLimit }, 255, "Invalid hoplimit %s specified for route"),
	"reordering":         lockable(metricValue("reordering", func(m *RouteMetrics) *uint32 { return &m.Reordering })),
	"cwnd":               lockable(metricValue("cwnd", func(m *RouteMetrics) *uint32 { return &m.Cwnd })),
	"ssthresh":           lockable(metricValue("ssthresh", func(m *RouteMetrics) *uint32 { return &m.SSThresh })),
	"window":             metricValue("window", func(m *RouteMetrics) *uint32 { return &m.Window }),
	"initcwnd":           metricValue("initcwnd", func(m *RouteMetrics) *uint32 { return &m.InitCwnd }),
	"initrwnd":           metricValue("initrwnd", func(m *RouteMetrics) *uint32 { return &m.InitRwnd }),
	"rtt":                lockable(metricTime("rtt", 8, func(m *RouteMetrics) *uint32 { return &m.RTT }, "Invalid rtt %s for route")),
	"rttvar":             lockable(metricTime("rttvar", 4, func(m *RouteMetrics) *uint32 { return &m.RTTVar }, "Invalid rttvar %s for route")),
	"rto_min":            lockable(metricTime("rto_min", 1, func(m *RouteMetrics) *uint32 { return &m.RTOMin }, "Invalid rto_min value %s specified for route")),
	"quickack":           metricFlag("quickack", func(m *RouteMetrics) *bool { return &m.QuickAck }),
	"fastopen_no_cookie": metricFlag("fastopen_no_cookie", func(m *RouteMetrics) *bool { return &m.FastOpenNoCookie }),
	"features":           metricFeature,
	"congctl":            lockable(func(w *words, m *RouteMetrics) { m.CongCtl = w.next() }),
}

// lockable is a metric that may have `lock` before its value.
func lockable(value option[RouteMetrics]) option[RouteMetrics] {
	return func(w *words, m *RouteMetrics) {
		if name := w.word(); w.at+1 < len(w.s.Words) && w.s.Words[w.at+1] == "lock" {
			w.at++
			m.Locked = append(m.Locked, name)
		}
		value(w, m)
	}
}

// metricNumber is a metric up to high; format has one %s for the word.
func metricNumber(field func(*RouteMetrics) *uint32, high uint32, format string) option[RouteMetrics] {
	return func(w *words, m *RouteMetrics) { w.number(field(m), high, format) }
}

// metricValue is a metric of any size.
func metricValue(name string, field func(*RouteMetrics) *uint32) option[RouteMetrics] {
	return metricNumber(field, maxUint32, "Invalid "+name+" value %s specified for route")
}

// metricTime is a metric in units of 1/unit ms; format has one %s for the word.
func metricTime(name string, unit uint32, field func(*RouteMetrics) *uint32, format string) option[RouteMetrics] {
	return func(w *words, m *RouteMetrics) {
		word, ok := w.value()
		if !ok {
			return
		}
		if *field(m), ok = w.b.routeTime(w.s, name, word, unit); !ok {
			w.fail(format, word)
		}
	}
}

// metricFlag is a metric that is 0 or 1.
func metricFlag(name string, field func(*RouteMetrics) *bool) option[RouteMetrics] {
	return func(w *words, m *RouteMetrics) {
		var v uint32
		if w.number(&v, 1, "Invalid "+name+" value %s specified for route") {
			*field(m) = v == 1
		}
	}
}

func metricFeature(w *words, m *RouteMetrics) {
	switch word, ok := w.value(); {
	case !ok:
	case word == "ecn":
		m.ECN = true
	default:
		w.b.err(w.s, "feature %s not supported", word)
	}
}

// routeTime reads a time of TCP in units of 1/unit ms: a bare number is in those units, with s or ms it is a time. The
// kernel keeps them between 200 ms and 120 s.
func (b *builder) routeTime(s *Statement, name, word string, unit uint32) (uint32, bool) {
	const low, high = 200, 120_000 // ms
	text, places, scale := word, 0, uint32(1)
	if at := strings.IndexAny(word, "sS"); at >= 0 {
		switch strings.ToLower(word[at:]) {
		case "s", "sec", "secs":
		default:
			return 0, false
		}
		text, places, scale = word[:at], 3, unit
		if ms := strings.TrimRight(text, "mM"); ms != text {
			text, places = ms, 0
		}
		if text == "" {
			return 0, false
		}
	}
	v64, clean, ok := b.decimalNumber(s, text, 0, high*uint64(unit), places)
	if !clean || !ok {
		return 0, false
	}
	v := uint32(v64) * scale
	kind := strings.TrimSuffix(name, "_min")
	kind = strings.TrimSuffix(kind, "var")
	if v > high*unit {
		b.err(s, "%s value %s exceeds maximum %ds, resetting", kind, word, high/1000)
		v = high * unit
	} else if v < low*unit {
		b.err(s, "%s value %s below minimum %dms, resetting", kind, word, low)
		v = low * unit
	}
	return v, true
}
