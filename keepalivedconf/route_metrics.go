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

// metric reads one of the metrics; it returns false if word is none.
func (w *words) metric(word string, m *RouteMetrics) bool {
	plain := map[string]*uint32{
		"reordering": &m.Reordering, "window": &m.Window, "cwnd": &m.Cwnd,
		"ssthresh": &m.SSThresh, "initcwnd": &m.InitCwnd, "initrwnd": &m.InitRwnd,
	}
	times := map[string]struct {
		into *uint32
		unit uint32
	}{"rtt": {&m.RTT, 8}, "rttvar": {&m.RTTVar, 4}, "rto_min": {&m.RTOMin, 1}}
	// Which metrics may be locked.
	lock := func() {
		if w.at+1 < len(w.s.Words) && w.s.Words[w.at+1] == "lock" {
			w.at++
			m.Locked = append(m.Locked, word)
		}
	}
	switch word {
	case "window", "initcwnd", "initrwnd":
		w.number(plain[word], maxUint32, "Invalid "+word+" value %s specified for route")
	case "mtu":
		lock()
		w.number(&m.MTU, maxUint32, "Invalid MTU %s specified for route")
	case "advmss":
		lock()
		w.number(&m.AdvMSS, maxUint32, "Invalid advmss %s specified for route")
	case "reordering", "cwnd", "ssthresh":
		lock()
		w.number(plain[word], maxUint32, "Invalid "+word+" value %s specified for route")
	case "rtt", "rttvar", "rto_min":
		lock()
		name := w.next()
		if w.broken {
			return true
		}
		v, ok := w.b.routeTime(w.s, word, name, times[word].unit)
		if !ok {
			w.fail("Invalid %s %s for route", word, name)
		}
		*times[word].into = v
	case "hoplimit":
		w.number(&m.HopLimit, 255, "Invalid hoplimit %s specified for route")
	case "features":
		if name := w.next(); name == "ecn" {
			m.ECN = true
		} else if !w.broken {
			w.b.err(w.s, "feature %s not supported", name)
		}
	case "quickack", "fastopen_no_cookie":
		var v uint32
		if w.number(&v, 1, "Invalid "+word+" value %s specified for route") {
			if word == "quickack" {
				m.QuickAck = v == 1
			} else {
				m.FastOpenNoCookie = v == 1
			}
		}
	case "congctl":
		lock()
		m.CongCtl = w.next()
	default:
		return false
	}
	return true
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
