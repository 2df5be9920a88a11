package exchange

import "testing"

// Which status a failure comes to, and which failure a status is.
func TestConditions(t *testing.T) {
	for c, status := range map[Condition]int{OnError: 502, OnTimeout: 504, OnInvalidHeader: 502, onNoLive: 502} {
		if got := c.status(); got != status {
			t.Errorf("condition %x: %d, want %d", int(c), got, status)
		}
	}
	for _, status := range []int{403, 404, 429, 500, 502, 503, 504} {
		if c := conditionOf(status); c == 0 || c.status() != status {
			t.Errorf("%d is condition %x, which is %d", status, int(c), c.status())
		}
	}
	for _, status := range []int{200, 301, 304, 400, 401, 405, 501, 505, 599} {
		if c := conditionOf(status); c != 0 {
			t.Errorf("%d is condition %x", status, int(c))
		}
	}
}
