package vrrp

import "time"

// lateness counts how late the loop's timer was.
type lateness struct {
	buckets [len(latenessBounds) + 1]uint64
	worst   time.Duration
}

// latenessBounds are the upper ends of the buckets.
var latenessBounds = [...]time.Duration{time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond,
	20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, time.Second}

func (l *lateness) add(d time.Duration) {
	l.worst = max(l.worst, d)
	for i, bound := range latenessBounds {
		if d <= bound {
			l.buckets[i]++
			return
		}
	}
	l.buckets[len(latenessBounds)]++
}
