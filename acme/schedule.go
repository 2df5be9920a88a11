package acme

import (
	"crypto/x509"
	"time"
)

// task is what is to be done about a certificate.
type task int

const (
	wait  task = iota
	ask        // when the authority wants it renewed
	order      // a new one, or go on with an order
)

// next returns what is to be done about a record, and when: at once if the time
// has come.
func (r *Record) next() (what task, at time.Time) {
	if r.Pending != nil || r.Chain == "" {
		return order, r.Retry
	}
	due := r.Renew
	if due.Before(r.Retry) {
		due = r.Retry
	}
	if !r.AskAgain.IsZero() && r.AskAgain.Before(due) {
		return ask, r.AskAgain
	}
	return order, due
}

// The lifetimes of a certificate: the part of it after which it is renewed where
// the authority says nothing, and the part by which that may differ, so that not
// all certificates of a day are renewed at once.
const (
	renewAfter  = 2.0 / 3
	renewJitter = 1.0 / 30
)

// renewal returns when a certificate is to be renewed by its lifetime alone.
// chance is between 0 and 1.
func renewal(leaf *x509.Certificate, chance float64) time.Time {
	life := float64(leaf.NotAfter.Sub(leaf.NotBefore))
	return leaf.NotBefore.Add(time.Duration(life * (renewAfter - renewJitter*chance)))
}

// window is when an authority wants a certificate renewed (RFC 9773 section 4.1).
type window struct{ Start, End time.Time }

// at returns a moment of the window, as RFC 9773 section 4.2 wants it: "Select a
// uniform random time within the suggested window", or now if that has passed.
func (w window) at(chance float64) time.Time {
	return w.Start.Add(time.Duration(float64(w.End.Sub(w.Start)) * chance))
}

// askEvery is how often the authority is asked where it does not say; and within
// these bounds where it does (RFC 9773 section 4.3).
const (
	askEvery = 6 * time.Hour
	askLeast = time.Minute
	askMost  = 24 * time.Hour
)

// backOff is how long to wait after so many failures in a row: authorities allow
// few failures an hour (Let's Encrypt: five for a name).
func backOff(failures int, chance float64) time.Duration {
	steps := []time.Duration{2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 12 * time.Hour}
	d := steps[min(max(failures, 1), len(steps))-1]
	return d + time.Duration(float64(d)*0.2*chance)
}

// fail notes a failure; after is how long the authority has asked to be left
// alone, 0 if it has not.
func (r *Record) fail(err error, after time.Duration, now time.Time, chance float64) {
	r.Failures++
	r.Error = err.Error()
	r.Retry = now.Add(max(after, backOff(r.Failures, chance)))
}

// succeed notes a new certificate. The authority is asked at once when to renew it
// (RFC 9773 section 4.3), unless it has had its predecessor renewed early: one that
// always says "now" is not to be kept busy.
//
// before is how long before its end it is to be renewed at the latest; 0: by its
// lifetime alone. More than half of its life is not heeded.
func (r *Record) succeed(chain, key string, now time.Time, chance float64, before time.Duration) {
	ask := now
	if old := r.leaf(); old != nil && now.Before(renewal(old, 1)) {
		ask = now.Add(askEvery)
	}
	*r = Record{Chain: chain, Key: key, Revision: r.Revision, AskAgain: ask}
	if leaf := r.leaf(); leaf != nil {
		r.Renew = renewal(leaf, chance)
		if half := leaf.NotAfter.Sub(leaf.NotBefore) / 2; before > 0 {
			r.Renew = leaf.NotAfter.Add(-min(before, half))
		}
	}
}
