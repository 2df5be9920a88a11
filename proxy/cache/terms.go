package cache

import (
	"bytes"
	"math"

	"tandem/proxy/answer"
	"tandem/proxy/cache/entry"
	"tandem/web/message"
)

// terms are what a response says of its being kept, as nginx understands it.
type terms struct {
	validUntil int64  // Unix seconds; 0: it does not say
	updating   int64  // seconds, stale-while-revalidate
	onError    int64  // seconds, stale-if-error
	vary       []byte // the values of Vary
	never      bool   // nothing of it is kept
	uncached   bool   // it is not kept, unless X-Accel-Expires says otherwise
	expired    bool   // it was stale when it came, unless another header says otherwise
	accel      bool   // there is an X-Accel-Expires
}

// allow reports whether the response may be kept.
func (t *terms) allow() bool { return !t.never && !t.uncached && !t.expired }

// read reads the headers of a response, in their order. keep returns a copy that
// lives as long as the request.
func (t *terms) read(h *answer.Head, ignore answer.Ignored, now int64, keep func([]byte) []byte) {
	*t = terms{}
	for i := range h.Fields {
		f := &h.Fields[i]
		switch f.ID {
		case answer.FieldSetCookie:
			t.never = t.never || ignore&answer.IgnoreSetCookie == 0
		case answer.FieldCacheControl:
			if ignore&answer.IgnoreCacheControl == 0 {
				t.control(f.Value, now)
			}
		case answer.FieldExpires:
			if ignore&answer.IgnoreExpires == 0 && t.validUntil == 0 {
				t.expires(f.Value, now)
			}
		case answer.FieldXAccelExpires:
			t.accel = true
			if ignore&answer.IgnoreAccelExpires == 0 {
				t.accelExpires(f.Value, now)
			}
		case answer.FieldVary:
			if ignore&answer.IgnoreVary == 0 {
				t.varies(f.Value, keep)
			}
		}
	}
	t.never = t.never || len(t.vary) > entry.MaxVary
}

// control reads the value of a Cache-Control.
func (t *terms) control(v []byte, now int64) {
	if t.validUntil == 0 || !t.accel {
		if _, ok := after(v, "no-cache"); ok {
			t.uncached = true
			return
		}
		if _, ok := after(v, "no-store"); ok {
			t.uncached = true
			return
		}
		if _, ok := after(v, "private"); ok {
			t.uncached = true
			return
		}
		age, ok := after(v, "s-maxage=")
		if !ok {
			age, ok = after(v, "max-age=")
		}
		if ok {
			n, valid := seconds(age)
			switch {
			case !valid:
				t.never = true
				return
			case n == 0:
				t.uncached = true
				return
			}
			t.validUntil, t.expired = add(now, n), false
		}
	}
	if rest, ok := after(v, "stale-while-revalidate="); ok {
		n, valid := seconds(rest)
		if !valid {
			t.never = true
			return
		}
		t.updating, t.onError = n, n
	}
	if rest, ok := after(v, "stale-if-error="); ok {
		n, valid := seconds(rest)
		if !valid {
			t.never = true
			return
		}
		t.onError = n
	}
}

func (t *terms) expires(v []byte, now int64) {
	at, ok := message.ParseTime(v)
	if !ok || at < now {
		t.expired = true
		return
	}
	t.validUntil = at
}

// accelExpires reads seconds from now on, or "@" and a time; 0 forbids to keep the
// response.
func (t *terms) accelExpires(v []byte, now int64) {
	rest, absolute := bytes.CutPrefix(v, []byte("@"))
	n, ok := number(rest)
	switch {
	case !ok:
		return
	case !absolute && n == 0:
		t.never = true
		return
	case !absolute:
		n = add(now, n)
	}
	t.validUntil, t.uncached, t.expired = n, false, false
}

func (t *terms) varies(v []byte, keep func([]byte) []byte) {
	if len(v) == 1 && v[0] == '*' {
		t.never = true
		return
	}
	if t.vary == nil {
		t.vary = v
		return
	}
	t.vary = keep(append(append(bytes.Clone(t.vary), ", "...), v...))
}

// after returns what follows the first occurrence of a lower-case word in v, in
// any case.
func after(v []byte, word string) (rest []byte, ok bool) {
	for i := 0; i+len(word) <= len(v); i++ {
		if message.EqualLower(v[i:i+len(word)], word) {
			return v[i+len(word):], true
		}
	}
	return nil, false
}

// seconds reads a number that a comma, a semicolon or a space may end.
func seconds(v []byte) (n int64, ok bool) {
	if i := bytes.IndexAny(v, ",; "); i >= 0 {
		v = v[:i]
	}
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n > (math.MaxInt64-int64(c-'0'))/10 {
			return math.MaxInt64, true
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// number reads 1*DIGIT that fits into 63 bits.
func number(v []byte) (n int64, ok bool) {
	if len(v) == 0 {
		return 0, false
	}
	n, ok = seconds(v)
	return n, ok && n != math.MaxInt64 && !bytes.ContainsAny(v, ",; ")
}

// add adds seconds to a time.
func add(now, n int64) int64 {
	if n > math.MaxInt64-now {
		return math.MaxInt64
	}
	return now + n
}
