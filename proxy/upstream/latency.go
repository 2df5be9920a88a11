package upstream

import "time"

// latency is how fast a peer has answered lately.
type latency struct {
	headers   time.Duration // exponentially weighted, 0: nothing known
	responses time.Duration
}

func (l *latency) begin(time.Time) {}

func (l *latency) header(took time.Duration) { l.headers = average(l.headers, took) }

func (l *latency) end(_ time.Time, took time.Duration, worked bool) {
	if worked {
		l.responses = average(l.responses, took)
	}
}

// average moves an average by a twentieth of the way.
func average(old, sample time.Duration) time.Duration {
	if old == 0 {
		return sample
	}
	return (old*19 + sample) / 20
}
