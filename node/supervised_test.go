package node

import (
	"net/netip"
	"testing"
	"time"

	"tandem/status"
)

// The watchdog is fed as long as a self-probe is answered, whatever the answer, and
// before the first answer: what never worked is not mended by a start anew.
func TestPulse(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	report := func(code int, when time.Time) *status.Report {
		return &status.Report{Instances: []status.Instance{{Name: "VI_1", SelfProbe: &status.SelfProbe{Last: []status.Probed{{Status: code, At: when}}}}}}
	}
	p := pulse{within: 10 * time.Second}
	for _, step := range []struct {
		code        int
		probed, now time.Duration
		want        bool
	}{
		{0, 0, 0, true}, {0, 60 * time.Second, 60 * time.Second, true}, // never answered
		{500, 70 * time.Second, 70 * time.Second, true},
		{0, 75 * time.Second, 75 * time.Second, true},
		{0, 81 * time.Second, 81 * time.Second, false},
		{200, 82 * time.Second, 82 * time.Second, true},
		{200, 82 * time.Second, 93 * time.Second, false}, // nobody asks any more
	} {
		if got := p.alive(report(step.code, at(step.probed)), at(step.now)); got != step.want {
			t.Errorf("at %v: %v", step.now, got)
		}
	}
	if !p.alive(&status.Report{}, at(200*time.Second)) {
		t.Error("without instances")
	}
}

func TestSummary(t *testing.T) {
	r := &status.Report{Healthy: true, Instances: []status.Instance{
		{Name: "VI_1", State: "MASTER", Held: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}, {Name: "VI_2", State: "BACKUP"}}}
	if got, want := summary(r), "serving; VI_1 MASTER 192.0.2.1; VI_2 BACKUP"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
	r.Healthy, r.Problems = false, []string{"VI_1: split\nbrain"}
	if got, want := summary(r), "VI_1: split brain; VI_1 MASTER 192.0.2.1; VI_2 BACKUP"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}
