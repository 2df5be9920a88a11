package web

import "time"

// Now returns the time, which is read once for all that is done between two
// waits, as nginx reads it once for each of its turns. One goroutine at a time
// uses it: the request's, or the one that reads a back end's response for it.
func (r *Request) Now() time.Time {
	if r.moment.IsZero() {
		r.moment = time.Now()
	}
	return r.moment
}

// Waited has Now read the clock again. Whatever waits calls it: for a back end,
// a subrequest, the request's body, a resolver or a delay, but not for a client
// that takes its response slowly.
func (r *Request) Waited() { r.moment, r.waited = time.Time{}, true }

// HasWaited reports whether Waited has been called.
func (r *Request) HasWaited() bool { return r.waited }
