package statuszone

import (
	"cmp"
	"crypto/tls"
	"maps"
	"slices"

	"tandem/internal/histogram"
	"tandem/session"
	"tandem/status"
)

// Report tells what has been counted for servers and for locations, by name. The
// zone without a name is that of servers without status_zone.
func Report(r *session.Realm) (servers, locations []status.Zone) {
	if r.Empty() {
		return nil, nil
	}
	m := realmSlot.Of(r)
	return m.servers.report(true), m.locations.report(false)
}

func (all *zones) report(ofServers bool) []status.Zone {
	var list []status.Zone
	for _, z := range all.list {
		list = append(list, z.tally.report(z.name, ofServers))
		if known := z.values.Load(); known != nil {
			for _, value := range slices.Sorted(maps.Keys(*known)) {
				list = append(list, (*known)[value].report(value, ofServers))
			}
		}
	}
	slices.SortStableFunc(list, func(a, b status.Zone) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

func (t *tally) report(name string, ofServer bool) status.Zone {
	z := status.Zone{Name: name, Responses: map[int]uint64{}, Durations: status.Durations{Buckets: make([]uint64, histogram.Buckets)}}
	var nanoseconds uint64
	for i := range t.parts {
		p := &t.parts[i]
		z.Discarded += p.discarded.Load()
		z.Received += p.received.Load()
		z.Sent += p.sent.Load()
		nanoseconds += p.nanoseconds.Load()
		for b := range p.buckets {
			z.Durations.Buckets[b] += p.buckets[b].Load()
		}
		for class := range p.statuses {
			if counts := p.statuses[class].Load(); counts != nil {
				for rest := range counts {
					if n := counts[rest].Load(); n > 0 {
						z.Responses[(class+1)*100+rest] += n
					}
				}
			}
		}
	}
	z.Durations.Sum = float64(nanoseconds) / 1e9
	z.Requests = z.Discarded
	for _, n := range z.Responses {
		z.Requests += n
	}
	if ofServer {
		z.Processing = t.processing.Load()
		z.TLS = t.tls.report()
	}
	return z
}

func (h *handshakes) report() *status.Handshakes {
	r := &status.Handshakes{Done: h.done.Load(), Reused: h.reused.Load(), TimedOut: h.timedOut.Load(), Failed: h.failed.Load(), Versions: map[string]uint64{}}
	for i := range h.versions {
		if n := h.versions[i].Load(); n > 0 {
			r.Versions[tls.VersionName(uint16(tls.VersionTLS10+i))] = n
		}
	}
	if r.Done+r.TimedOut+r.Failed == 0 {
		return nil
	}
	return r
}
