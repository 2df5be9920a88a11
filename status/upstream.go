package status

import (
	"fmt"
	"time"
)

// Upstream is an upstream block: back ends that stand for one another.
type Upstream struct {
	Name   string         `json:"name"`
	Peers  []UpstreamPeer `json:"peers"`
	Queued int            `json:"queued,omitempty"` // requests that wait for a peer
	Idle   int            `json:"idle,omitempty"`   // connections that are kept for further requests
	Stream bool           `json:"stream,omitempty"` // of stream {}
}

// UpstreamPeer is one address of a back end.
type UpstreamPeer struct {
	Addr   string `json:"addr"`
	Server string `json:"server"` // as written in the configuration
	Backup bool   `json:"backup,omitempty"`
	Weight int    `json:"weight"`
	// State is up, draining, down (as configured), unavail (requests failed),
	// checking (a mandatory check has not succeeded yet) or unhealthy.
	State    string  `json:"state"`
	Active   int     `json:"active"` // requests at the peer now
	MaxConns int     `json:"max_conns,omitempty"`
	Requests uint64  `json:"requests"`
	Fails    uint64  `json:"fails"` // requests that failed
	Checks   []Check `json:"checks,omitempty"`
	// Of tries that are over: bytes to and from the peer, responses by status, and
	// how long they took.
	Sent      uint64         `json:"sent"`
	Received  uint64         `json:"received"`
	Responses map[int]uint64 `json:"responses,omitempty"`
	Durations Durations      `json:"durations"`
	// HeaderTime and ResponseTime are averages of late in seconds; 0: not known.
	HeaderTime   float64   `json:"header_time,omitempty"`
	ResponseTime float64   `json:"response_time,omitempty"`
	Selected     time.Time `json:"selected,omitzero"` // when it was chosen last
	// How often failures of requests have put it out of service, for how many
	// seconds in all, and since when it is.
	Unavailable uint64    `json:"unavailable,omitempty"`
	Downtime    float64   `json:"downtime,omitempty"`
	DownSince   time.Time `json:"down_since,omitzero"`
	SID         string    `json:"sid"` // what sticky cookies and routes call it
}

// Check is what an active health check has found of a peer.
type Check struct {
	Name      string    `json:"name"`
	State     string    `json:"state"` // up, checking, unhealthy
	Since     time.Time `json:"since,omitzero"`
	Checks    uint64    `json:"checks"`
	Fails     uint64    `json:"fails"`
	Unhealthy uint64    `json:"unhealthy"` // how often the peer became so
	// Of the last check; without meaning while Checks is 0.
	At     time.Time `json:"at,omitzero"`
	Passed bool      `json:"last_passed"`
	Reason string    `json:"reason,omitempty"` // why not
}

// serves reports whether some peer gets requests.
func (u *Upstream) serves() bool {
	for i := range u.Peers {
		if s := u.Peers[i].State; s == "up" || s == "draining" {
			return true
		}
	}
	return false
}

// fewPeers is how many peers are shown that are well. Where there are more, only
// those are that are not.
const fewPeers = 8

// upstreamText says how the upstreams stand: a line for all, one for each peer
// that is in trouble or one of few, and one for each queue.
func (r *Report) upstreamText() []string {
	if len(r.Upstreams) == 0 {
		return nil
	}
	peers, troubled := 0, 0
	for i := range r.Upstreams {
		peers += len(r.Upstreams[i].Peers)
	}
	var lines []string
	for _, u := range r.Upstreams {
		for i := range u.Peers {
			p := &u.Peers[i]
			switch line := p.trouble(r.At); {
			case line != "":
				troubled++
				lines = append(lines, u.Name+": "+line)
			case peers <= fewPeers:
				lines = append(lines, fmt.Sprintf("%s: %s is %s, %s, %d failed, %d now", u.Name, p.Addr, p.State, plural(int(p.Requests), "request"), p.Fails, p.Active))
			}
		}
		if u.Queued > 0 {
			lines = append(lines, fmt.Sprintf("%s: %d requests in the queue", u.Name, u.Queued))
		}
	}
	summary := fmt.Sprintf("%d with %d peers", len(r.Upstreams), peers)
	if troubled > 0 {
		summary += fmt.Sprintf(", %d of them without requests", troubled)
	}
	if len(lines) > 0 {
		summary += ":"
	}
	return append([]string{summary}, lines...)
}

// trouble says what keeps requests from a peer that should have some, "" for
// nothing.
func (p *UpstreamPeer) trouble(now time.Time) string {
	switch p.State {
	case "up", "draining", "down":
		return ""
	}
	text := p.Addr + " is " + p.State
	if p.State == "unavail" {
		text += ": requests to it failed"
	}
	for _, c := range p.Checks {
		if c.State != p.State {
			continue
		}
		if !c.Since.IsZero() {
			text += " for " + Duration(now.Sub(c.Since))
		}
		if c.Reason != "" {
			text += ": " + c.Reason
		}
		break
	}
	return text
}
