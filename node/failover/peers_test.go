package failover

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Each part that differs is told once until it is alike again, and a node that
// makes up new ones all the time does not fill the log.
func TestDrift(t *testing.T) {
	var d drift
	now := time.Unix(1_700_000_000, 0)
	for k, c := range []struct{ parts, want []string }{
		{nil, nil}, {[]string{"a"}, []string{"a"}}, {[]string{"a", "b"}, []string{"b"}}, {[]string{"a", "b"}, nil}, {nil, nil}, {[]string{"a"}, []string{"a"}},
	} {
		if got := d.take(c.parts, now); !slices.Equal(got, c.want) {
			t.Errorf("%d: %v, want %v", k, got, c.want)
		}
	}
	lines := 0
	for k := range 1000 {
		if d.take([]string{fmt.Sprint(k)}, now.Add(time.Duration(k)*time.Millisecond)) != nil {
			lines++
		}
	}
	if lines > driftLines {
		t.Errorf("%d lines in a second", lines)
	}
	if d.take([]string{"c"}, now.Add(time.Hour)) == nil {
		t.Error("nothing is told an hour later")
	}
}
