package rfc9111

import (
	"bytes"

	"tandem/proxy/answer"
	"tandem/web/message"
)

// Terms are what a response says of its reuse.
type Terms struct {
	Control
	Status       int
	Age          int64 // of the response when it came, as it tells; seconds
	Date         int64 // Unix seconds; -1: none that is valid
	LastModified int64 // Unix seconds; -1: none
	Expires      int64 // Unix seconds; -1: none; what is no date has long passed (5.3)
	VaryAny      bool  // Vary has a "*": it fits no other request (4.1)
	Tagged       bool  // it has an entity tag
}

// Read reads the head of a response; ignore are the fields that the configuration
// has ignored.
func Read(h *answer.Head, ignore answer.Ignored) Terms {
	t := Terms{Control: NoControl(), Status: h.Status, Date: -1, LastModified: -1, Expires: -1}
	aged := false
	for i := range h.Fields {
		switch f := &h.Fields[i]; f.ID {
		case answer.FieldCacheControl:
			if ignore&answer.IgnoreCacheControl == 0 {
				t.Add(f.Value)
			}
		case answer.FieldExpires:
			if ignore&answer.IgnoreExpires == 0 {
				t.Expires = date(f.Value, 0)
			}
		case answer.FieldVary:
			t.VaryAny = t.VaryAny || ignore&answer.IgnoreVary == 0 && InList(f.Value, []byte("*"))
		case answer.FieldAge:
			if !aged {
				t.Age, aged = age(f.Value), true
			}
		case answer.FieldDate:
			t.Date = date(f.Value, -1)
		case answer.FieldLastModified:
			t.LastModified = date(f.Value, -1)
		case answer.FieldETag:
			t.Tagged = len(f.Value) > 0
		}
	}
	return t
}

// age reads the first member of an Age. One that is no number is ignored (5.1).
func age(v []byte) int64 {
	v, _, _ = bytes.Cut(v, []byte(","))
	n, _ := seconds(bytes.Trim(v, " \t"))
	return n
}

// date reads an HTTP-date, and returns bad for what is none: one in another zone
// than GMT is invalid (RFC 9110, 5.6.7).
func date(v []byte, bad int64) int64 {
	t, ok := message.ParseTime(v)
	if n := len(v); !ok || bytes.IndexByte(v, ',') >= 0 && !message.EqualLower(v[n-4:], " gmt") {
		return bad
	}
	return t
}

// InitialAge returns how old the response was when it was received, at the given
// time (4.2.3): corrected_initial_age.
func (t *Terms) InitialAge(received int64) int64 {
	apparent := int64(0)
	if t.Date >= 0 {
		apparent = max(0, received-t.Date)
	}
	return max(apparent, t.Age)
}

// Lifetime returns for how many seconds the response is fresh (4.2.1); told is
// false if it does not say so itself.
func (t *Terms) Lifetime(received int64) (seconds int64, told bool) {
	switch {
	case t.SMaxAge >= 0:
		return t.SMaxAge, true
	case t.MaxAge >= 0:
		return t.MaxAge, true
	case t.Expires >= 0:
		from := t.Date
		if from < 0 {
			from = received
		}
		return max(0, t.Expires-from), true
	}
	return 0, false
}

// longestGuess is how long a response that does not say so is fresh at most: a
// day, behind which RFC 2616 wanted a warning.
const longestGuess = 24 * 60 * 60

// Heuristic returns for how many seconds a response may be taken to be fresh that
// does not say so: a tenth of the time since it was modified (4.2.2).
func (t *Terms) Heuristic(received int64) int64 {
	if t.LastModified < 0 || t.Has&Public == 0 && !heuristicallyCacheable(t.Status) {
		return 0
	}
	from := t.Date
	if from < 0 {
		from = received
	}
	return min(max(0, from-t.LastModified)/10, longestGuess)
}

// heuristicallyCacheable are the statuses that RFC 9110, 15.1, defines so.
func heuristicallyCacheable(status int) bool {
	switch status {
	case 200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501:
		return true
	}
	return false
}

// understood reports whether it is known what the status has a cache do
// (5.2.2.3): those that RFC 9110 has.
func understood(status int) bool {
	switch {
	case status >= 200 && status <= 206, status >= 300 && status <= 305, status == 307, status == 308,
		status >= 400 && status <= 417, status == 421, status == 422, status == 426, status >= 500 && status <= 505:
		return true
	}
	return false
}

// Storable reports whether a shared cache may store the response (3): told that
// it says itself, in whichever way, how long it is fresh.
func (t *Terms) Storable(authorized, told bool) bool {
	switch {
	case t.Has&MustUnderstand != 0:
		// "A cache that supports it ... SHOULD ignore the no-store directive" (5.2.2.3).
		if !understood(t.Status) {
			return false
		}
	case t.Has&NoStore != 0:
		return false
	}
	switch {
	case t.Has&Private != 0, t.VaryAny:
		return false
	case authorized && t.Has&(Public|MustRevalidate) == 0 && t.SMaxAge < 0: // 3.5
		return false
	}
	return told || t.Has&Public != 0 || heuristicallyCacheable(t.Status)
}

// Validates reports whether the back end can be asked if the response still
// holds.
func (t *Terms) Validates() bool { return t.Tagged || t.LastModified >= 0 }

// StaleOn reports for how many seconds a stale response may be used while it is
// updated, and when the back end fails; -1: never, whatever the configuration
// says (4.2.4). A response that says both s-maxage and one of these means both.
func (t *Terms) StaleOn() (updating, failure int64) {
	if t.Has&(MustRevalidate|ProxyRevalidate|NoCache) != 0 {
		return -1, -1
	}
	updating, failure = max(0, t.StaleWhileRevalidate), max(0, t.StaleIfError)
	if t.StaleIfError < 0 {
		failure = updating
	}
	if t.SMaxAge >= 0 && updating == 0 && failure == 0 {
		return -1, -1 // 5.2.2.10
	}
	return updating, failure
}
