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
