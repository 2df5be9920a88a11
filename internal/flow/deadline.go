package flow

import "time"

// epoch is where this package's clock begins. The clock is monotonic.
var epoch = time.Now()

// now returns nanoseconds since epoch, never 0.
func now() int64 { return int64(time.Since(epoch)) | 1 }

// Now returns the time in nanoseconds by the clock of this package, never 0.
func Now() int64 { return now() }

// maxSlack is how late a time-out may come at most, beside a sixteenth of
// itself.
const maxSlack = int64(500 * time.Millisecond)

// deadline is one direction's deadline as the transport knows it. The zero
// value is a transport without a deadline.
type deadline struct {
	armed int64 // when it fires, by now(); 0 for never
}

// arm sees to it that a wait that began at time from ends no earlier than
// from+timeout and, if armed afterwards, hardly later. A deadline that fires
// earlier is left in place, because whoever waits arms it again then. set is
// the transport's Set...Deadline.
func (d *deadline) arm(from int64, timeout time.Duration, set func(time.Time) error) error {
	if timeout <= 0 {
		if d.armed == 0 || d.armed > from {
			return nil
		}
		d.armed = 0
		return set(time.Time{})
	}
	want := from + int64(timeout)
	if d.armed > from && d.armed <= want+min(int64(timeout)/16, maxSlack) {
		return nil
	}
	d.armed = want
	return set(epoch.Add(time.Duration(want)))
}
