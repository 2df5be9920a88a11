package ranges

import (
	"bytes"
	"math"
)

// span is one range of a body, in bytes from its beginning; end is not part of
// it.
type span struct{ start, end int64 }

func (s span) len() int64 { return s.end - s.start }

// verdict is what a Range header comes to.
type verdict uint8

const (
	ignore        verdict = iota // send the whole body
	partial                      // send the ranges
	unsatisfiable                // answer 416
)

// unlimited is the value of max_ranges when it is not set.
const unlimited = -1

// parse reads the value of a Range header behind "bytes=", for a body of that
// length. No more than limit ranges that hold something are allowed (unlimited:
// any number); spans is where they are collected.
//
// As nginx, it ignores the header when the ranges together are longer than the
// body, which only a client wants that means harm, and, when there is no limit,
// when the parts with their heads would be.
func parse(value []byte, length int64, limit int, spans []span) ([]span, verdict) {
	var total int64
	for {
		s, rest, ok := parseOne(value, length)
		if !ok {
			return nil, unsatisfiable
		}
		switch {
		case s.start < s.end:
			if total > math.MaxInt64-s.len() {
				return nil, unsatisfiable
			}
			total += s.len()
			if limit != unlimited && len(spans) == limit {
				return nil, ignore
			}
			spans = append(spans, s)
		case s.start == 0:
			// Of an empty body everything is wanted.
			return nil, ignore
		}
		if len(rest) == 0 {
			break
		}
		value = rest[1:]
	}
	switch n := int64(len(spans)); {
	case n == 0:
		return nil, unsatisfiable
	case n == 1:
		return spans, partial
	case total > length, limit == unlimited && total-bodyAllowance > length-n*partOverhead:
		return nil, ignore
	}
	return spans, partial
}

// What nginx reckons for the head of a part, and how much longer than the body
// the answer may become.
const (
	partOverhead  = 256
	bodyAllowance = 4096
)

// parseOne reads the first range of a list; rest is empty or begins with a
// comma.
func parseOne(b []byte, length int64) (s span, rest []byte, ok bool) {
	b = skipSpaces(b)
	suffix := len(b) > 0 && b[0] == '-'
	if suffix {
		b = b[1:]
	} else {
		if s.start, b, ok = number(b); !ok {
			return s, nil, false
		}
		b = skipSpaces(b)
		if len(b) == 0 || b[0] != '-' {
			return s, nil, false
		}
		b = skipSpaces(b[1:])
		if len(b) == 0 || b[0] == ',' {
			s.end = length
			return s, b, true
		}
	}
	if s.end, b, ok = number(b); !ok {
		return s, nil, false
	}
	b = skipSpaces(b)
	if len(b) > 0 && b[0] != ',' {
		return s, nil, false
	}
	if suffix {
		s.start = max(length-s.end, 0)
		s.end = length - 1
	}
	// The last byte that was asked for becomes the one behind it.
	s.end = min(s.end, length-1) + 1
	return s, b, true
}

// number reads digits; one is needed at least.
func number(b []byte) (n int64, rest []byte, ok bool) {
	i := 0
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
		d := int64(b[i] - '0')
		if n > (math.MaxInt64-d)/10 {
			return 0, nil, false
		}
		n = n*10 + d
	}
	return n, b[i:], i > 0
}

func skipSpaces(b []byte) []byte { return bytes.TrimLeft(b, " ") }
