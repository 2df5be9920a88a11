// Package histogram counts durations by how long they were, in the buckets of
// Prometheus' client libraries and two below them: from 1 ms to 10 s.
package histogram

import "time"

// Bounds are the upper bounds of the buckets, each of which includes its own. What
// is longer than the last one has a bucket without a bound.
var Bounds = [...]time.Duration{
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// Buckets is how many buckets there are.
const Buckets = len(Bounds) + 1

// Bucket returns the bucket of a duration.
func Bucket(d time.Duration) int {
	for i, bound := range Bounds {
		if d <= bound {
			return i
		}
	}
	return len(Bounds)
}

// Counts is how many durations each bucket has got, and their sum. It is not for
// several goroutines.
type Counts struct {
	Buckets [Buckets]uint64
	Sum     time.Duration
}

// Add counts a duration.
func (c *Counts) Add(d time.Duration) {
	c.Buckets[Bucket(d)]++
	c.Sum += d
}
