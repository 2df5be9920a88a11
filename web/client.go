package web

import (
	"time"

	"tandem/web/http1"
)

// WatchClient has gone called, once and from another goroutine, when the
// client closes its connection, until StopWatch. gone must be quick and must
// not call StopWatch.
func (r *Request) WatchClient(gone func()) { r.conn.wire.WatchClose(gone) }

// StopWatch ends WatchClient. When it returns, gone is not running and will
// not be called.
func (r *Request) StopWatch() { r.conn.wire.StopWatch() }

// Wait lets a time pass. It returns false, and sooner, when the client closes
// its connection meanwhile.
func (r *Request) Wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	left := make(chan struct{})
	r.WatchClient(func() { close(left) })
	defer r.StopWatch()
	select {
	case <-timer.C:
		return true
	case <-left:
		return false
	}
}

// SetRate limits the response to so many bytes a second, 0 for no limit, in
// place of limit_rate.
func (r *Request) SetRate(rate int64) { r.rate, r.LimitRateSet = rate, true }

// IsHTTP1 reports whether the request came over HTTP/1.
func (r *Request) IsHTTP1() bool { return r.Head.Version <= http1.HTTP11 }

// UseGET makes the request a GET, or leaves it a HEAD, as internal redirects
// do that answer in place of something else.
func (r *Request) UseGET() {
	if r.Method != HEAD {
		r.Method, r.MethodName = GET, methodGET
	}
}
