package openmetrics

import (
	"testing"

	"tandem/internal/histogram"
)

func text(f Format) string {
	w := New(f)
	w.Family(Gauge, "nothing", "Has no samples.")
	w.Family(Counter, "a_total", "A \\ \"thing\"\nor two.")
	w.Count(3, "name", "x\"y\\\n\xff", "other", "")
	w.Sample(1.5)
	w.Family(Unknown, "connections", "Others' name.")
	w.Flag(true)
	w.Family(Histogram, "took_seconds", "Took.")
	buckets := make([]uint64, histogram.Buckets)
	buckets[0], buckets[9], buckets[13] = 1, 2, 3
	w.Durations(buckets, 0.25, "z", "1")
	return string(w.Finish())
}

const tail = `took_seconds_bucket{z="1",le="0.001"} 1
took_seconds_bucket{z="1",le="0.0025"} 1
took_seconds_bucket{z="1",le="0.005"} 1
took_seconds_bucket{z="1",le="0.01"} 1
took_seconds_bucket{z="1",le="0.025"} 1
took_seconds_bucket{z="1",le="0.05"} 1
took_seconds_bucket{z="1",le="0.1"} 1
took_seconds_bucket{z="1",le="0.25"} 1
took_seconds_bucket{z="1",le="0.5"} 1
`

func TestPlain(t *testing.T) {
	const want = `# HELP a_total A \\ "thing"\nor two.
# TYPE a_total counter
a_total{name="x\"y\\\n` + "\uFFFD" + `",other=""} 3
a_total 1.5
# HELP connections Others' name.
# TYPE connections untyped
connections 1
# HELP took_seconds Took.
# TYPE took_seconds histogram
` + tail + `took_seconds_bucket{z="1",le="1"} 3
took_seconds_bucket{z="1",le="2.5"} 3
took_seconds_bucket{z="1",le="5"} 3
took_seconds_bucket{z="1",le="10"} 3
took_seconds_bucket{z="1",le="+Inf"} 6
took_seconds_sum{z="1"} 0.25
took_seconds_count{z="1"} 6
`
	if got := text(Plain); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestOpen(t *testing.T) {
	const want = `# HELP a A \\ \"thing\"\nor two.
# TYPE a counter
a_total{name="x\"y\\\n` + "\uFFFD" + `",other=""} 3
a_total 1.5
# HELP connections Others' name.
# TYPE connections unknown
connections 1
# HELP took_seconds Took.
# TYPE took_seconds histogram
` + tail + `took_seconds_bucket{z="1",le="1.0"} 3
took_seconds_bucket{z="1",le="2.5"} 3
took_seconds_bucket{z="1",le="5.0"} 3
took_seconds_bucket{z="1",le="10.0"} 3
took_seconds_bucket{z="1",le="+Inf"} 6
took_seconds_sum{z="1"} 0.25
took_seconds_count{z="1"} 6
# EOF
`
	if got := text(Open); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAccepted(t *testing.T) {
	for accept, want := range map[string]Format{
		"": Plain, "text/plain": Plain, "*/*": Plain, "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2": Open,
	} {
		if got := Accepted(accept); got != want {
			t.Errorf("%q: %v", accept, got)
		}
	}
}
