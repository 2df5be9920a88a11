package status

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"tandem/internal/histogram"
)

// WriteTop writes what went on since an earlier report of the same process, nil for
// since its start: requests, errors and back ends, the busiest first.
func (r *Report) WriteTop(w io.Writer, before *Report, s Style) error {
	if before == nil || before.PID != r.PID || !before.Started.Equal(r.Started) {
		before = &Report{At: r.Started}
	}
	i := interval{before, r, max(r.At.Sub(before.At).Seconds(), 0.001)}
	var b strings.Builder
	colour := green
	if !r.Healthy {
		colour = red
	}
	fmt.Fprintf(&b, "%s: %s\n", s.paint(colour+bold, r.Summary.Word), r.Summary.Text)
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "  %s %s\n", s.paint(red, "!"), p)
	}
	i.writeTotals(&b)
	i.writeZones(&b)
	i.writePeers(&b)
	i.writeErrors(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// interval is the time between two reports.
type interval struct {
	before, now *Report
	seconds     float64
}

// rate is how often a second something happened that was counted.
func (i interval) rate(before, now uint64) string {
	if now < before {
		before = 0 // it was counted anew, after a reload
	}
	n := float64(now-before) / i.seconds
	switch {
	case n == 0:
		return "0"
	case n < 10:
		return strconv.FormatFloat(n, 'f', 1, 64)
	}
	return strconv.FormatFloat(n, 'f', 0, 64)
}

// size is how many bytes a second that is.
func (i interval) size(before, now uint64) string {
	if now < before {
		before = 0
	}
	n := float64(now-before) / i.seconds
	switch {
	case n < 1e3:
		return fmt.Sprintf("%.0f B/s", n)
	case n < 1e6:
		return fmt.Sprintf("%.1f kB/s", n/1e3)
	}
	return fmt.Sprintf("%.1f MB/s", n/1e6)
}

// quantile is the bound below which that share of the durations is, "-" without any.
func quantile(before, now *Durations, share float64) string {
	counts := make([]uint64, len(now.Buckets))
	var all uint64
	for n := range counts {
		counts[n] = now.Buckets[n]
		if before != nil && n < len(before.Buckets) && before.Buckets[n] <= counts[n] {
			counts[n] -= before.Buckets[n]
		}
		all += counts[n]
	}
	if all == 0 {
		return "-"
	}
	var sum uint64
	for n, c := range counts {
		if sum += c; float64(sum) >= share*float64(all) && n < len(histogram.Bounds) {
			return "<" + histogram.Bounds[n].String()
		}
	}
	return ">" + histogram.Bounds[len(histogram.Bounds)-1].String()
}

func (i interval) writeTotals(b *strings.Builder) {
	var before, now Zone
	for n := range i.before.Web.Servers {
		before.add(&i.before.Web.Servers[n])
	}
	for n := range i.now.Web.Servers {
		now.add(&i.now.Web.Servers[n])
	}
	w := &i.now.Web
	fmt.Fprintf(b, "requests %s/s, 4xx %s/s, 5xx %s/s, in %s, out %s; %d connections, %s/s new, %d requests under way; last %s\n",
		i.rate(before.Requests, now.Requests), i.rate(before.Class(4), now.Class(4)), i.rate(before.Class(5), now.Class(5)),
		i.size(before.Received, now.Received), i.size(before.Sent, now.Sent), w.Connections, i.rate(i.before.Web.Accepted, w.Accepted), w.Active, seconds(i.seconds))
}

// add adds what another zone has counted.
func (z *Zone) add(other *Zone) {
	z.Requests += other.Requests
	z.Received += other.Received
	z.Sent += other.Sent
	if z.Responses == nil {
		z.Responses = make(map[int]uint64)
	}
	for status, n := range other.Responses {
		z.Responses[status] += n
	}
}

// table writes rows under a head, after an empty line; nothing without rows.
func table(b *strings.Builder, head string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	b.WriteByte('\n')
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, head)
	for _, row := range rows {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	_ = t.Flush() // to a strings.Builder, which takes everything
}

// busiest are the things whose numbers have grown, those that grew most first.
func busiest[T any](now []T, before func(*T) *T, count func(*T) uint64) []int {
	grown := func(n int) uint64 {
		c := count(&now[n])
		if old := before(&now[n]); old != nil && count(old) <= c {
			c -= count(old)
		}
		return c
	}
	var list []int
	for n := range now {
		list = append(list, n)
	}
	slices.SortStableFunc(list, func(a, b int) int { return cmp.Compare(grown(b), grown(a)) })
	return list
}

func (i interval) writeZones(b *strings.Builder) {
	var rows [][]string
	for _, side := range []struct {
		kind        string
		before, now []Zone
	}{{"server", i.before.Web.Servers, i.now.Web.Servers}, {"location", i.before.Web.Locations, i.now.Web.Locations}} {
		find := func(z *Zone) *Zone {
			n := slices.IndexFunc(side.before, func(old Zone) bool { return old.Name == z.Name })
			if n < 0 {
				return nil
			}
			return &side.before[n]
		}
		for _, n := range busiest(side.now, find, func(z *Zone) uint64 { return z.Requests }) {
			z := &side.now[n]
			old := cmp.Or(find(z), new(Zone))
			name := z.Name
			if name == "" {
				name = "(no status_zone)"
			}
			rows = append(rows, []string{side.kind + " " + name, i.rate(old.Requests, z.Requests), i.rate(old.Class(4), z.Class(4)), i.rate(old.Class(5), z.Class(5)),
				quantile(&old.Durations, &z.Durations, 0.5), quantile(&old.Durations, &z.Durations, 0.99), i.size(old.Sent, z.Sent)})
		}
	}
	table(b, "ZONE\tREQUESTS/S\t4XX/S\t5XX/S\tHALF\t99 %\tOUT", rows)
}

// placed is a peer with the upstream that it belongs to.
type placed struct {
	of   *Upstream
	peer *UpstreamPeer
}

func (r *Report) peers() []placed {
	var list []placed
	for n := range r.Upstreams {
		u := &r.Upstreams[n]
		for k := range u.Peers {
			list = append(list, placed{u, &u.Peers[k]})
		}
	}
	return list
}

func (i interval) writePeers(b *strings.Builder) {
	before, now := i.before.peers(), i.now.peers()
	find := func(p *placed) *placed {
		n := slices.IndexFunc(before, func(old placed) bool {
			return old.of.Name == p.of.Name && old.of.Stream == p.of.Stream && old.peer.Addr == p.peer.Addr
		})
		if n < 0 {
			return nil
		}
		return &before[n]
	}
	var rows [][]string
	for _, n := range busiest(now, find, func(p *placed) uint64 { return p.peer.Requests }) {
		p := now[n]
		old := new(UpstreamPeer)
		if found := find(&p); found != nil {
			old = found.peer
		}
		rows = append(rows, []string{p.of.Name + " " + p.peer.Addr, p.peer.State, i.rate(old.Requests, p.peer.Requests), i.rate(old.Fails, p.peer.Fails),
			strconv.Itoa(p.peer.Active), quantile(&old.Durations, &p.peer.Durations, 0.5), quantile(&old.Durations, &p.peer.Durations, 0.99)})
	}
	table(b, "PEER\tSTATE\tREQUESTS/S\tFAILED/S\tNOW\tHALF\t99 %", rows)
}

// writeErrors writes which errors clients got, by status.
func (i interval) writeErrors(b *strings.Builder) {
	var before, now Zone
	for n := range i.before.Web.Servers {
		before.add(&i.before.Web.Servers[n])
	}
	for n := range i.now.Web.Servers {
		now.add(&i.now.Web.Servers[n])
	}
	var rows [][]string
	for status := 400; status < 600; status++ {
		if n := now.Responses[status]; n > before.Responses[status] {
			rows = append(rows, []string{strconv.Itoa(status), i.rate(before.Responses[status], n), strconv.FormatUint(n, 10)})
		}
	}
	table(b, "STATUS\tRESPONSES/S\tSINCE THE START", rows)
}
