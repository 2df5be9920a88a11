package vrrp

import (
	"context"
	"slices"
	"time"
)

// await is somebody who waits for the router to be in a certain state.
type await struct {
	wanted func(Status) bool
	got    chan Status // of one
}

// Await returns the state of everything as soon as it is as wanted, which is called by the loop, at once and after whatever
// happens: it must not wait, nor look at what others change. The error is ErrStopped, or ctx's if it does not come to that.
func (r *Router) Await(ctx context.Context, wanted func(Status) bool) (Status, error) {
	a := &await{wanted, make(chan Status, 1)}
	r.post(func() { r.awaits = append(r.awaits, a) })
	select {
	case s := <-a.got:
		return s, nil
	case <-r.ended:
		select {
		case s := <-a.got:
			return s, nil
		default:
			return Status{}, ErrStopped
		}
	case <-ctx.Done():
		r.post(func() {
			r.awaits = slices.DeleteFunc(r.awaits, func(other *await) bool { return other == a })
		})
		return Status{}, ctx.Err()
	}
}

// answer tells those who wait for the state that there is now.
func (r *Router) answer() {
	if len(r.awaits) == 0 {
		return
	}
	s := r.status(time.Now())
	r.awaits = slices.DeleteFunc(r.awaits, func(a *await) bool {
		came := a.wanted(s)
		if came {
			a.got <- s
		}
		return came
	})
}
