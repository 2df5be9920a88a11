package volume

import (
	"context"
	"time"

	"tandem/proxy/cache/index"
)

// turn is a stretch of work at a pace.
type turn struct {
	pace  Pace
	began time.Time
	files int
}

func (p Pace) begin(now time.Time) turn { return turn{pace: p, began: now} }

// over counts a file and reports whether it is time for a rest.
func (t *turn) over(now time.Time) bool {
	t.files++
	return t.files >= t.pace.Files || now.Sub(t.began) >= t.pace.Threshold
}

// done counts a file and rests if it is time to. It reports false when the work
// is to end.
func (t *turn) done(ctx context.Context) bool {
	if !t.over(time.Now()) {
		return ctx.Err() == nil
	}
	rested := rest(ctx, t.pace.Sleep)
	*t = t.pace.begin(time.Now())
	return rested
}

// rest waits, and reports false when the work is to end.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// The longest and the shortest that the manager waits when there is nothing to be
// removed, and what is next in use.
const (
	idle = 10 * time.Second
	busy = time.Second
)

// Manage removes what is too old or too much until ctx ends.
func (v *Volume) Manage(ctx context.Context) {
	for rest(ctx, v.manage(time.Now)) {
	}
}

// manage removes what it may in one turn, and returns when the next one is due.
func (v *Volume) manage(now func() time.Time) time.Duration {
	t := v.Manager.begin(now())
	wait := v.expire(&t, now)
	if wait == 0 {
		return v.Manager.Sleep
	}
	for v.tooMuch() {
		victim, removal := v.Index.Force(now(), v.Inactive)
		switch removal {
		case index.Nothing:
			return idle
		case index.Busy:
			return busy
		case index.Removed:
			v.remove(victim)
		}
		if t.over(now()) {
			return v.Manager.Sleep
		}
	}
	return wait
}

// expire removes entries that nobody has asked for. It returns how long none will
// be to be removed, or 0 when the turn is over.
func (v *Volume) expire(t *turn, now func() time.Time) time.Duration {
	for {
		victim, removal, wait := v.Index.Expire(now(), v.Inactive)
		switch {
		case removal == index.Nothing && wait == 0:
			return idle
		case removal == index.Nothing:
			return min(wait, idle)
		case removal == index.Busy:
			return busy
		case removal == index.Removed:
			v.remove(victim)
		}
		if t.over(now()) {
			return 0
		}
	}
}

// tooMuch reports whether entries must go to make room.
func (v *Volume) tooMuch() bool {
	c := v.Index.Counts()
	if c.Bytes >= v.MaxSize/v.block*v.block || c.Entries >= c.Watermark {
		return true
	}
	if v.MinFree == 0 {
		return false
	}
	free, ok := v.free()
	return ok && free <= v.MinFree
}
