package status

import (
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Style paints words for a terminal; the zero Style leaves them plain.
type Style struct{ Colour bool }

const (
	bold   = "\x1b[1m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	plain  = "\x1b[0m"
)

func (s Style) paint(colour, text string) string {
	if !s.Colour {
		return text
	}
	return colour + text + plain
}

// WriteText writes the report for people: first whether the node serves and why,
// then what is wrong, who is master, and what else there is to know.
func (r *Report) WriteText(w io.Writer, s Style) error {
	verdict := s.paint(green+bold, "healthy")
	if !r.Healthy {
		verdict = s.paint(red+bold, "NOT HEALTHY")
	}
	var b strings.Builder
	colour := green
	switch {
	case !r.Healthy:
		colour = red
	case r.Summary.Word != Serving:
		colour = yellow
	}
	fmt.Fprintf(&b, "%s: %s\n", s.paint(colour+bold, r.Summary.Word), r.Summary.Text)
	fmt.Fprintf(&b, "%s on %s: %s\n", s.paint(bold, "tandem "+r.Version), s.paint(bold, r.Node), verdict)
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "  %s %s\n", s.paint(red, "!"), p)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "  %s %s\n", s.paint(yellow, "-"), n)
	}
	for i := range r.Instances {
		b.WriteByte('\n')
		r.Instances[i].write(&b, s, r.At)
	}
	for _, g := range r.Groups {
		fmt.Fprintf(&b, "\nsync group %s: %s (%s)\n", g.Name, g.State, strings.Join(g.Members, ", "))
	}
	for i := range r.VirtualServers {
		b.WriteByte('\n')
		r.VirtualServers[i].write(&b, s, r.At)
	}
	r.writeBFD(&b, s)
	b.WriteByte('\n')
	r.writeProcess(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// rows writes lines of a name and a text, the texts below each other.
type rows struct{ *tabwriter.Writer }

func newRows(w io.Writer) rows { return rows{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)} }

func (r rows) add(name, format string, args ...any) {
	fmt.Fprintf(r.Writer, "  %s\t%s\n", name, fmt.Sprintf(format, args...))
}

// addAll gives the name to the first line only.
func (r rows) addAll(name string, lines []string) {
	for _, line := range lines {
		r.add(name, "%s", line)
		name = ""
	}
}

func (r *Report) writeProcess(b *strings.Builder) {
	t := newRows(b)
	t.add("process", "%d, up %s", r.PID, Duration(r.At.Sub(r.Started)))
	c := r.Configuration
	files := c.Nginx
	if c.Keepalived != "" {
		files += ", " + c.Keepalived
	}
	t.add("configuration", "generation %d, read %s ago: %s", c.Generation, Duration(r.At.Sub(c.Loaded)), files)
	t.add("listening on", "%s", strings.Join(r.Web.Listeners, ", "))
	text := fmt.Sprintf("%d open, %d waiting for a request, %d accepted", r.Web.Connections, r.Web.Waiting, r.Web.Accepted)
	if r.Web.Draining {
		text += "; ending with their response, to hand over"
	}
	if r.Web.Retired > 0 {
		text += fmt.Sprintf("; %d of older configurations", r.Web.Retired)
	}
	t.add("connections", "%s", text)
	t.add("requests", "%d, %d of them under way%s", r.Web.Requests, r.Web.Active, r.errorText())
	t.addAll("certificates", r.certificateText())
	t.addAll("caches", r.cacheText())
	t.addAll("upstreams", r.upstreamText())
	u := r.Resources
	t.add("resources", "%.1f MB of memory, %d open files, %d goroutines, %s of processor time", float64(u.Resident)/1e6, u.Files, u.Goroutines, seconds(u.CPU))
	if l := r.Timers; l != nil && l.Late > 0 {
		t.add("timers", "%d of %d were late by more than 10 ms, at worst by %s", l.Late, l.Fired, seconds(l.Worst))
	}
	_ = t.Flush() // to a strings.Builder, which takes everything
}

func (i *Instance) write(b *strings.Builder, s Style, now time.Time) {
	colour := bold
	switch {
	case i.State == "MASTER":
		colour += green
	case i.State != "BACKUP":
		colour += red
	}
	fmt.Fprintf(b, "%s is %s for %s", s.paint(bold, i.Name), s.paint(colour, i.State), Duration(now.Sub(i.Since)))
	switch {
	case i.Leaving:
		b.WriteString(", handing over")
	case i.Preparing:
		b.WriteString(", about to take over")
	}
	fmt.Fprintf(b, ": %s\n", i.Reason.Text)
	t := newRows(b)
	t.add(addresses(i.Addresses), "%s", i.ownerText(now))
	t.add("priority", "%s", i.Priority)
	if len(i.Faults) > 0 {
		t.addAll("held back by", i.Faults)
	}
	t.addAll("self-probe", i.probeText(now))
	t.addAll("tracked", i.trackerText())
	t.addAll("peer", i.peerText(now))
	if h := i.Heard; h != nil {
		text := fmt.Sprintf("%v, priority %d, %s ago", h.From, h.Priority, Duration(now.Sub(h.At)))
		if i.State == "BACKUP" {
			text += fmt.Sprintf(" (gone after %s)", seconds(h.Within))
		}
		t.add("last advert", "%s", text)
	}
	if n := i.Next; n != nil {
		t.add("next", "%s in %s", n.What, Duration(n.At.Sub(now)))
	}
	c := i.Counters
	t.add("adverts", "%d sent, %d received", c.Sent, c.Received)
	if len(c.Dropped) > 0 || c.Overruns > 0 {
		var list []string
		for _, check := range slices.Sorted(maps.Keys(c.Dropped)) {
			list = append(list, fmt.Sprintf("%s %d", check, c.Dropped[check]))
		}
		if c.Overruns > 0 {
			list = append(list, fmt.Sprintf("too many at once %d", c.Overruns))
		}
		t.add("dropped", "%s", strings.Join(list, ", "))
	}
	if c.SendErrors > 0 {
		t.add("not sent", "%d adverts", c.SendErrors)
	}
	where := fmt.Sprintf("VRRPv%d, VRID %d", i.Version, i.VRID)
	if i.Interface != "" {
		where += ", " + i.Interface
	}
	if i.Source.IsValid() {
		where += ", " + i.Source.String()
	}
	t.add("speaks", "%s", where)
	_ = t.Flush() // to a strings.Builder, which takes everything
}

func (i *Instance) ownerText(now time.Time) string {
	o := i.Owner
	switch {
	case o == nil:
		return "nobody is known to hold it"
	case o.Self && i.Lease > 0:
		return fmt.Sprintf("here for %s, on a lease of %s", Duration(now.Sub(o.Since)), seconds(i.Lease))
	case o.Self:
		return fmt.Sprintf("here for %s", Duration(now.Sub(o.Since)))
	}
	if o.Since.IsZero() {
		return "on " + o.who()
	}
	return fmt.Sprintf("on %s for %s", o.who(), Duration(now.Sub(o.Since)))
}

// String returns "100" or "1 (base 100): resigned".
func (p Priority) String() string {
	if p.Because == "" {
		return fmt.Sprint(p.Effective)
	}
	return fmt.Sprintf("%d, not %d: %s", p.Effective, p.Base, p.Because)
}

func (i *Instance) probeText(now time.Time) []string {
	p := i.SelfProbe
	if p == nil {
		return []string{"off"}
	}
	var lines []string
	for _, l := range p.Last {
		switch {
		case l.Error != "":
			lines = append(lines, fmt.Sprintf("%s, %s ago", l.Error, Duration(now.Sub(l.At))))
		case l.Status == 0:
			lines = append(lines, fmt.Sprintf("%v closed the connection without an answer, as configured, after %s", l.Addr, seconds(l.Took)))
		default:
			lines = append(lines, fmt.Sprintf("%v answers, with status %d, in %s", l.Addr, l.Status, seconds(l.Took)))
		}
	}
	if !p.Good && !slices.ContainsFunc(p.Last, func(l Probed) bool { return l.Error == p.Reason }) && p.Reason != "" {
		lines = append(lines, p.Reason)
	}
	if len(lines) == 0 {
		return []string{"nothing to ask: no listener can serve the address"}
	}
	if p.Good {
		lines[0] += fmt.Sprintf("; it has done so for %s", Duration(now.Sub(p.Since)))
	}
	return lines
}

func (i *Instance) trackerText() []string {
	var lines []string
	for _, t := range i.Trackers {
		line := t.Kind + " " + t.Name
		if t.Text != "" {
			line += ": " + t.Text
		}
		switch {
		case t.Fault:
			line += " (fault)"
		case t.Weight != 0:
			line += fmt.Sprintf(" (%+d)", t.Weight)
		}
		lines = append(lines, line)
	}
	return lines
}

func (i *Instance) peerText(now time.Time) []string {
	var lines []string
	for _, p := range i.Peers {
		line := fmt.Sprintf("%s (%v), priority %d, tandem %s", p.Node, p.Addr, p.Priority, p.Version)
		switch {
		case len(p.Drift) > 0:
			line += ", other configuration: " + strings.Join(p.Drift, ", ")
		default:
			line += ", same configuration"
		}
		if p.Health != "" {
			line += "; does not serve: " + p.Health
		}
		lines = append(lines, line+fmt.Sprintf("; linked for %s", Duration(now.Sub(p.Since))))
	}
	return lines
}

func addresses(list []netip.Addr) string {
	var words []string
	for _, a := range list {
		words = append(words, a.String())
	}
	if len(words) == 0 {
		return "no address"
	}
	return strings.Join(words, " ")
}

func seconds(s float64) string { return Duration(time.Duration(s * float64(time.Second))) }

// Duration prints a duration as people say it, with two figures at most:
// "3 h 12 min", "4.2 s", "310 ms".
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < time.Millisecond:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return two(d, time.Minute, "min", time.Second, "s")
	case d < 24*time.Hour:
		return two(d, time.Hour, "h", time.Minute, "min")
	}
	return two(d, 24*time.Hour, "d", time.Hour, "h")
}

func two(d, large time.Duration, largeName string, small time.Duration, smallName string) string {
	text := fmt.Sprintf("%d %s", d/large, largeName)
	if rest := d % large / small; rest > 0 {
		text += fmt.Sprintf(" %d %s", rest, smallName)
	}
	return text
}
