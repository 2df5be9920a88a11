package status

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// VirtualServer is a virtual_server of keepalived.conf.
type VirtualServer struct {
	Name      string   `json:"name"`     // as keepalived's log has it
	Services  []string `json:"services"` // what clients come to, as ipvsadm's options
	Engine    string   `json:"engine"`   // kernel, user
	Scheduler string   `json:"scheduler"`
	Quorum    bool     `json:"quorum"` // there is one
	// Needed is how much weight makes a quorum, Hysteresis how much more gains one
	// and how much less loses it, Weight what there is.
	Needed      int   `json:"needed"`
	Hysteresis  int   `json:"hysteresis"`
	Weight      int64 `json:"weight"`
	SorryServer bool  `json:"sorry_server"` // it stands in
	// Counted since the engine began.
	Connections uint64       `json:"connections"`
	InBytes     uint64       `json:"in_bytes"`
	OutBytes    uint64       `json:"out_bytes"`
	RealServers []RealServer `json:"real_servers"`
}

// RealServer is a real_server or a sorry_server.
type RealServer struct {
	Name    string         `json:"name"`
	Address netip.AddrPort `json:"address"`
	Method  string         `json:"method"` // how packets get there
	Sorry   bool           `json:"sorry,omitempty"`
	Up      bool           `json:"up"` // of a sorry server: it stands in
	// In: the engine has it, be it with weight 0.
	In          bool      `json:"in"`
	Weight      int       `json:"weight"`
	Inhibit     bool      `json:"inhibit_on_failure,omitempty"`
	Since       time.Time `json:"since,omitzero"` // of Up; zero: from the beginning
	Active      uint32    `json:"active"`         // connections that stand
	Inactive    uint32    `json:"inactive"`       // all others, and clients of UDP
	Persistent  uint32    `json:"persistent,omitempty"`
	Connections uint64    `json:"connections"`
	InBytes     uint64    `json:"in_bytes"`
	OutBytes    uint64    `json:"out_bytes"`
	Checks      []Checker `json:"checks,omitempty"`
}

// Checker is a checker of a real server.
type Checker struct {
	Kind  string `json:"kind"`            // TCP_CHECK
	About string `json:"about,omitempty"` // the path, the program
	Up    bool   `json:"up"`
	// Known: it has been checked; else Up is taken for granted.
	Known  bool      `json:"known"`
	Since  time.Time `json:"since,omitzero"` // of the verdict
	At     time.Time `json:"at,omitzero"`    // of the last check
	Took   float64   `json:"took"`
	Reason string    `json:"reason,omitempty"` // why the last one failed
	Weight int       `json:"weight,omitempty"` // that it adds
}

// judge says what is wrong with a virtual server.
func (v *VirtualServer) judge(problem, note func(string, ...any)) {
	switch {
	case !v.Quorum && v.SorryServer:
		note("virtual server %s has no quorum (weight %d of %d): the sorry server stands in", v.Name, v.Weight, v.Needed)
	case !v.Quorum:
		problem("virtual server %s has no quorum (weight %d of %d)", v.Name, v.Weight, v.Needed)
	}
	for _, r := range v.RealServers {
		if !r.Up && !r.Sorry {
			note("real server %s of %s is down%s", r.Name, v.Name, r.why())
		}
	}
}

// why says which check has failed.
func (r *RealServer) why() string {
	for _, c := range r.Checks {
		if !c.Up && c.Reason != "" {
			return fmt.Sprintf(": %s: %s", c.Kind, c.Reason)
		}
	}
	return ""
}

func (v *VirtualServer) write(b *strings.Builder, s Style, now time.Time) {
	colour, state := bold+green, "quorum"
	if !v.Quorum {
		colour, state = bold+red, "NO QUORUM"
	}
	fmt.Fprintf(b, "virtual server %s: %s, weight %d, %d needed", s.paint(bold, v.Name), s.paint(colour, state), v.Weight, v.Needed)
	if v.SorryServer {
		b.WriteString(", the sorry server stands in")
	}
	fmt.Fprintf(b, "; %s, by the %s\n", v.Scheduler, map[string]string{"kernel": "kernel", "user": "process itself"}[v.Engine])
	t := newRows(b)
	for _, r := range v.RealServers {
		t.addAll(r.Address.String(), r.text(now))
	}
	_ = t.Flush() // to a strings.Builder, which takes everything
}

// text is what there is to say of a real server.
func (r *RealServer) text(now time.Time) []string {
	state := "up"
	switch {
	case r.Sorry && r.Up:
		state = "sorry server, stands in"
	case r.Sorry:
		state = "sorry server"
	case !r.Up:
		state = "DOWN"
	}
	if !r.Since.IsZero() {
		state += " for " + Duration(now.Sub(r.Since))
	}
	if !r.Up && !r.Sorry && r.Inhibit {
		state += ", in without weight"
	}
	lines := []string{fmt.Sprintf("%s, weight %d, %d active, %d inactive, %d connections so far", state, r.Weight, r.Active, r.Inactive, r.Connections)}
	for _, c := range r.Checks {
		lines = append(lines, "  "+c.text(now))
	}
	return lines
}

func (c *Checker) text(now time.Time) string {
	text := c.Kind
	if c.About != "" {
		text += " " + c.About
	}
	switch {
	case !c.Known:
		return text + ": not checked yet"
	case c.Reason == "":
		text += ": well"
	case c.Up:
		text += ": failed once: " + c.Reason
	default:
		text += ": " + c.Reason
	}
	if !c.Since.IsZero() {
		verb := "up"
		if !c.Up {
			verb = "down"
		}
		text += fmt.Sprintf("; %s for %s", verb, Duration(now.Sub(c.Since)))
	}
	return text + fmt.Sprintf(", last asked %s ago", Duration(now.Sub(c.At)))
}
