package rfc9111

import (
	"bytes"
	"math"

	"tandem/web/message"
)

// Directive is a set of directives of Cache-Control without a number.
type Directive uint16

// The directives of responses, and of requests (RFC 9111, 5.2).
const (
	NoStore Directive = 1 << iota
	NoCache           // of the whole response
	Private           // of the whole response
	Public
	MustRevalidate
	ProxyRevalidate
	MustUnderstand
	OnlyIfCached
	NoCacheFields // no-cache with a list of fields
	PrivateFields // private with a list of fields
)

// Control is what all Cache-Control fields of a message say together. Times are
// in seconds, -1 if there is none; one that is no number is 0, which makes a
// response stale (4.2.1).
type Control struct {
	Has                  Directive
	MaxAge               int64
	SMaxAge              int64
	StaleWhileRevalidate int64 // RFC 5861, 3
	StaleIfError         int64 // RFC 5861, 4
	MaxStale             int64 // math.MaxInt64: however stale
	MinFresh             int64
}

// NoControl is what a message without the field says.
func NoControl() Control { return Control{0, -1, -1, -1, -1, -1, -1} }

// Add takes one field's value. A time that is given twice is the shorter one:
// "either the first occurrence should be used or the response should be considered
// stale" (4.2.1).
func (c *Control) Add(value []byte) {
	for len(value) > 0 {
		var name, arg []byte
		name, arg, value = directive(value)
		switch {
		case is(name, "no-store"):
			c.Has |= NoStore
		case is(name, "no-cache"):
			c.Has |= listed(arg, NoCache, NoCacheFields)
		case is(name, "private"):
			c.Has |= listed(arg, Private, PrivateFields)
		case is(name, "public"):
			c.Has |= Public
		case is(name, "must-revalidate"):
			c.Has |= MustRevalidate
		case is(name, "proxy-revalidate"):
			c.Has |= ProxyRevalidate
		case is(name, "must-understand"):
			c.Has |= MustUnderstand
		case is(name, "only-if-cached"):
			c.Has |= OnlyIfCached
		case is(name, "max-age"):
			shorten(&c.MaxAge, arg)
		case is(name, "s-maxage"):
			shorten(&c.SMaxAge, arg)
		case is(name, "min-fresh"):
			shorten(&c.MinFresh, arg)
		case is(name, "max-stale") && len(arg) == 0:
			c.MaxStale = math.MaxInt64
		case is(name, "max-stale"):
			shorten(&c.MaxStale, arg)
		case is(name, "stale-while-revalidate"):
			shorten(&c.StaleWhileRevalidate, arg)
		case is(name, "stale-if-error"):
			shorten(&c.StaleIfError, arg)
		}
	}
}

// is compares a directive's name with one in lower case; names "are compared
// case-insensitively" (5.2).
func is(name []byte, lower string) bool { return message.EqualLower(name, lower) }

// listed tells a directive for the whole response from one for fields (5.2.2.4,
// 5.2.2.7).
func listed(arg []byte, whole, fields Directive) Directive {
	if len(bytes.Trim(arg, ", \t")) == 0 {
		return whole
	}
	return fields
}

// shorten takes a time, unless there is a shorter one.
func shorten(to *int64, arg []byte) {
	n, ok := seconds(arg)
	if !ok {
		n = 0
	}
	if *to < 0 || n < *to {
		*to = n
	}
}

// seconds reads delta-seconds (1.2.2); what is too large counts as very large.
func seconds(v []byte) (n int64, ok bool) {
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = min(n*10+int64(c-'0'), 1<<40)
	}
	return n, len(v) > 0
}

// directive returns the first directive of a field's value with its argument, which may
// be a token or a quoted string (5.2), and what follows it. A name with spaces behind
// it, and whatever else is none, is no directive that is known.
func directive(v []byte) (name, arg, rest []byte) {
	end, equals, quoted := len(v), -1, false
scan:
	for i := 0; i < len(v); i++ {
		switch ch := v[i]; {
		case quoted && ch == '\\':
			i++
		case ch == '"':
			quoted = !quoted
		case quoted:
		case ch == '=' && equals < 0:
			equals = i
		case ch == ',':
			end = i
			break scan
		}
	}
	rest = v[min(end+1, len(v)):]
	if equals < 0 {
		return bytes.Trim(v[:end], " \t"), nil, rest
	}
	return bytes.TrimLeft(v[:equals], " \t"), unquoted(bytes.TrimRight(v[equals+1:end], " \t")), rest
}

// unquoted returns what stands between quotes. A string with a backslash is no
// number and no list of fields.
func unquoted(v []byte) []byte {
	if n := len(v); n >= 2 && v[0] == '"' && v[n-1] == '"' {
		return v[1 : n-1]
	}
	return v
}

// names reports whether a field's value lists a field in an argument of the
// directives which, NoCacheFields or PrivateFields.
func names(value []byte, which Directive, field []byte) bool {
	word := "no-cache"
	if which == PrivateFields {
		word = "private"
	}
	for len(value) > 0 {
		var name, arg []byte
		name, arg, value = directive(value)
		if is(name, word) && InList(arg, field) {
			return true
		}
	}
	return false
}

// InList reports whether a comma-separated list has a word, in any case.
func InList(list, word []byte) bool {
	for len(list) > 0 {
		item, rest, _ := bytes.Cut(list, []byte(","))
		if bytes.EqualFold(bytes.Trim(item, " \t"), word) {
			return true
		}
		list = rest
	}
	return false
}

// Wants returns what a client asks of caches (5.2.1).
func Wants(h *message.Head) Control {
	c := NoControl()
	for i := range h.Fields {
		if f := &h.Fields[i]; message.EqualLower(f.Name, "cache-control") {
			c.Add(f.Value)
		}
	}
	return c
}

// Takes reports whether a fresh response of that age, which stays fresh for the
// given time, is what the client takes without the back end being asked
// (5.2.1.1, 5.2.1.3, 5.2.1.4); seconds.
func (c *Control) Takes(age, left int64) bool {
	return c.Has&NoCache == 0 && (c.MaxAge < 0 || age <= c.MaxAge) && (c.MinFresh < 0 || left >= c.MinFresh)
}
