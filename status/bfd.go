package status

import (
	"fmt"
	"strings"
	"time"
)

// BFD is a session of BFD, a bfd_instance of keepalived.conf.
type BFD struct {
	Name     string `json:"name"`
	Neighbor string `json:"neighbor"`
	State    string `json:"state"` // Down, Init, Up
	// Since is when the session came up or went down last; zero: it has not been up.
	Since     time.Time `json:"since,omitzero"`
	Detection float64   `json:"detection"` // seconds without packets after which it is down; 0: not known yet
	Sent      uint64    `json:"sent"`
	Received  uint64    `json:"received"`
}

// judgeBFD says which sessions are down: what is tracked says for itself whether that
// is a problem.
func (r *Report) judgeBFD(note func(string, ...any)) {
	for _, one := range r.BFD {
		if one.State != "Up" {
			note("BFD %s: no session with %s", one.Name, one.Neighbor)
		}
	}
}

// bfd writes what concerns the sessions of BFD.
func (m exposition) bfd() {
	each := func(f func(one *BFD, labels ...string)) {
		for n := range m.BFD {
			f(&m.BFD[n], "session", m.BFD[n].Name, "neighbor", m.BFD[n].Neighbor)
		}
	}
	m.gauge("tandem_bfd_session_up", "Whether a BFD session is up.")
	each(func(one *BFD, l ...string) { m.Flag(one.State == "Up", l...) })
	m.gauge("tandem_bfd_detection_seconds", "How long a neighbor may be silent; 0: not known yet.")
	each(func(one *BFD, l ...string) { m.Sample(one.Detection, l...) })
	m.counter("tandem_bfd_sent_packets_total", "BFD packets sent.")
	each(func(one *BFD, l ...string) { m.Count(one.Sent, l...) })
	m.counter("tandem_bfd_received_packets_total", "BFD packets that belonged to a session.")
	each(func(one *BFD, l ...string) { m.Count(one.Received, l...) })
}

// writeBFD writes the sessions, a line each.
func (r *Report) writeBFD(b *strings.Builder, s Style) {
	if len(r.BFD) == 0 {
		return
	}
	b.WriteByte('\n')
	for _, one := range r.BFD {
		colour := bold + green
		if one.State != "Up" {
			colour = bold + yellow
		}
		fmt.Fprintf(b, "BFD %s with %s: %s", s.paint(bold, one.Name), one.Neighbor, s.paint(colour, one.State))
		if !one.Since.IsZero() {
			fmt.Fprintf(b, " since %s ago", Duration(r.At.Sub(one.Since)))
		}
		if one.Detection > 0 {
			fmt.Fprintf(b, ", down after %.4gs of silence", one.Detection)
		}
		b.WriteByte('\n')
	}
}
