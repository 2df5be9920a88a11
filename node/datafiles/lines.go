package datafiles

import (
	"fmt"
	"strings"
	"time"

	"tandem/keepalivedconf"
	"tandem/vrrp"
)

// addresses are virtual addresses as keepalived writes them: " set" says that the
// interface has the address.
func addresses(c *keepalivedconf.Instance, st *vrrp.InstanceStatus, list []keepalivedconf.Address) []string {
	var lines []string
	for _, a := range list {
		set := false
		for _, held := range st.Addresses {
			set = set || held.Prefix.Addr() == a.Addr()
		}
		lines = append(lines, address(c, &a, set))
	}
	return lines
}

func address(c *keepalivedconf.Instance, a *keepalivedconf.Address, set bool) string {
	var b strings.Builder
	add := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	if a.Prefix.IsSingleIP() || a.Peer.IsValid() {
		add("%v", a.Addr())
	} else {
		add("%v", a.Prefix)
	}
	if a.Broadcast.IsValid() {
		add(" brd %v", a.Broadcast)
	}
	device := a.Device
	if device == "" {
		device = c.Interface
	}
	add(" dev %s", device)
	if a.UseVMAC {
		add(" use_vmac")
	}
	add(" scope %v", a.Scope)
	if a.Label != "" {
		add(" label %s", a.Label)
	}
	if a.Peer.IsValid() {
		add(" peer %v/%d", a.Peer, a.Prefix.Bits())
	}
	for _, flag := range []struct {
		on   bool
		word string
	}{{a.Home, "home"}, {a.DAD, "-nodad"}, {a.ManageTemporary, "mngtmpaddr"}, {a.NoPrefixRoute, "noprefixroute"}, {a.AutoJoin, "autojoin"}, {a.NoTrack, "no_track"}} {
		if flag.on {
			add(" %s", flag.word)
		}
	}
	if a.Family() == keepalivedconf.IPv6 {
		switch a.PreferredLifetime {
		case 0:
			add(" deprecated")
		case keepalivedconf.Forever:
			add(" preferred_lft forever")
		default:
			add(" preferred_lft %d", seconds(a.PreferredLifetime))
		}
	}
	if set {
		add(" set")
	}
	return b.String()
}

// routes are virtual routes as keepalived writes them, as far as most have it.
func routes(list []keepalivedconf.Route) []string {
	var lines []string
	for _, r := range list {
		line := "prepend "
		if r.Type != "" && r.Type != "unicast" {
			line += r.Type + " "
		}
		if r.Destination.Bits() == 0 {
			line += "default"
		} else {
			line += r.Destination.String()
		}
		if r.Source.IsValid() {
			line += fmt.Sprintf(" src %v", r.Source)
		}
		if r.Via.IsValid() {
			family := "inet"
			if r.Via.Is6() {
				family = "inet6"
			}
			line += fmt.Sprintf(" via %s %v", family, r.Via)
		}
		if r.Device != "" {
			line += " dev " + r.Device
		}
		if r.Table != 0 && r.Table != mainTable {
			line += fmt.Sprintf(" table %d", r.Table)
		}
		line += fmt.Sprintf(" proto %d", r.Protocol)
		if r.ScopeSet {
			line += fmt.Sprintf(" scope %d", r.Scope)
		}
		if r.MetricSet {
			line += fmt.Sprintf(" metric %d", r.Metric)
		}
		if r.NoTrack || r.Device == "" {
			line += " no_track"
		}
		lines = append(lines, line)
	}
	return lines
}

// mainTable is RT_TABLE_MAIN, which is not written.
const mainTable = 254

// rules are virtual rules, one line each.
func rules(list []keepalivedconf.Rule) []string {
	var lines []string
	for _, r := range list {
		line := "rule"
		if r.From.IsValid() {
			line += fmt.Sprintf(" from %v", r.From)
		}
		if r.To.IsValid() {
			line += fmt.Sprintf(" to %v", r.To)
		}
		lines = append(lines, line)
	}
	return lines
}

// clock is a time as keepalived writes it: seconds, and the same for people.
func clock(t time.Time) string {
	return fmt.Sprintf("%d.%06d (%s)", t.Unix(), t.Nanosecond()/1000, t.Format("Mon Jan _2 15:04:05.000000 2006"))
}

// period is a length of time in seconds, with milliseconds if it has some.
func period(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%d sec", d/time.Second)
	}
	return fmt.Sprintf("%d.%03d sec", d/time.Second, d%time.Second/time.Millisecond)
}
