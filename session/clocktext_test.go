package session

import (
	"testing"
	"time"
)

func TestClockText(t *testing.T) {
	c := clockText{layout: timeLocal.layout}
	zone := time.FixedZone("", -7*3600)
	now := time.Date(2026, 11, 22, 15, 4, 5, 999, zone)
	for range 3 {
		if got, want := string(c.append([]byte("x"), now)), "x"+now.Format(c.layout); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		now = now.Add(700 * time.Millisecond)
	}
}
