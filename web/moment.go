package web

import "time"

// Now returns the time, which is read once for all that is done between two
// waits, as nginx reads it once for each of its turns. It is for the goroutine
// of the request.
func (r *Request) Now() time.Time {
	if r.moment.IsZero() {
		r.moment = time.Now()
	}
	return r.moment
}

// Waited has Now read the clock again. Whatever waits for something on the
// request's behalf calls it.
func (r *Request) Waited() { r.moment, r.waited = time.Time{}, true }

// HasWaited reports whether Waited has been called.
func (r *Request) HasWaited() bool { return r.waited }
