package upstream

import (
	"maps"
	"time"

	"tandem/internal/histogram"
)

// Told is what a try came to, as far as it is told and decides nothing.
type Told struct {
	Status         int // of the response; 0: none came, or the protocol has none
	Sent, Received int64
}

// Traffic is what has been counted of the tries at a peer.
type Traffic struct {
	Sent, Received uint64 // bytes
	Responses      map[int]uint64
	Durations      histogram.Counts // of tries that are over
	Header         time.Duration    // average time to the head of the response, of late; 0: not known
	Response       time.Duration    // the same to its end
	Last           time.Time        // when the peer was chosen last; zero: never
	// Unavailable is how often failures of requests have put the peer out of
	// service, Downtime for how long in all, and DownSince since when it is; zero:
	// it is not.
	Unavailable uint64
	Downtime    time.Duration
	DownSince   time.Time
}

// count counts a try that is over.
func (t *Traffic) count(told Told, took time.Duration) {
	t.Sent += uint64(max(told.Sent, 0))
	t.Received += uint64(max(told.Received, 0))
	t.Durations.Add(took)
	if told.Status == 0 {
		return
	}
	if t.Responses == nil {
		t.Responses = make(map[int]uint64)
	}
	t.Responses[told.Status]++
}

// wentDown notes that failures have put the peer out of service.
func (t *Traffic) wentDown(now time.Time) {
	if t.DownSince.IsZero() {
		t.Unavailable++
		t.DownSince = now
	}
}

// cameBack notes that the peer works.
func (t *Traffic) cameBack(now time.Time) {
	if !t.DownSince.IsZero() {
		t.Downtime += now.Sub(t.DownSince)
		t.DownSince = time.Time{}
	}
}

// told returns a copy of what has been counted at p until now.
func (p *Peer) told(now time.Time) Traffic {
	t := p.traffic
	if !t.DownSince.IsZero() {
		t.Downtime += now.Sub(t.DownSince)
	}
	t.Responses = maps.Clone(t.Responses)
	t.Header, t.Response = p.latency.header, p.latency.response
	return t
}
