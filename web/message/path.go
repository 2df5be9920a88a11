package message

import (
	"bytes"
	"tandem/internal/escape"
)

// plainPath marks the bytes that a path may contain without needing a closer
// look, and endsPath the two that end it.
var plainPath = func() (t [256]bool) {
	for c := range t {
		t[c] = c != '/' && c != '%' && c != '?' && c != '#' && c != 0
	}
	return t
}()

// plainLength returns the length of the path in raw when it is decoded and
// without empty or dot segments already.
func plainLength(raw []byte) (n int, plain bool) {
	if len(raw) == 0 || raw[0] != '/' {
		return 0, false
	}
	for i := 1; i < len(raw); i++ {
		c := raw[i]
		if plainPath[c] {
			if c == '.' && raw[i-1] == '/' {
				return 0, false
			}
			continue
		}
		switch {
		case c == '?':
			return i, bytes.IndexByte(raw[i:], '#') < 0
		case c == '/' && raw[i-1] != '/':
		default:
			return 0, false
		}
	}
	return len(raw), true
}

// NormalizePath turns a request target into the path that locations are chosen
// by and the query string, as nginx does: percent-encoding is undone once,
// empty segments are dropped with mergeSlashes, "." and ".." are resolved (also
// when they were encoded), and a fragment is cut off. A path that is plain
// already is returned as a part of raw; any other is appended to dst. args is
// the part of raw after the first "?" that was not encoded, nil without one.
//
// ok is false for a bad escape, an encoded NUL, a path that leaves the root, and
// a target that begins with neither "/" nor "?" (absolute-form without a path).
func NormalizePath(dst, raw []byte, mergeSlashes bool) (path, args []byte, ok bool) {
	if n, plain := plainLength(raw); plain {
		if n < len(raw) {
			args = raw[n+1:]
		}
		return raw[:n], args, true
	}
	if len(raw) == 0 || raw[0] != '/' && raw[0] != '?' {
		return nil, nil, false
	}
	base := len(dst)
	dst = append(dst, '/')
	i := 0
	if raw[0] == '/' {
		i = 1
	}
	segment := len(dst) // where in dst the present segment begins
	for i < len(raw) {
		c := raw[i]
		i++
		literal := false
		switch c {
		case '?':
			args = raw[i:]
			if j := bytes.IndexByte(args, '#'); j >= 0 {
				args = args[:j]
			}
			i = len(raw)
			continue
		case '#':
			i = len(raw)
			continue
		case 0:
			return nil, nil, false
		case '%':
			if len(raw)-i < 2 {
				return nil, nil, false
			}
			high, ok1 := escape.HexDigit(raw[i])
			low, ok2 := escape.HexDigit(raw[i+1])
			if c = high<<4 | low; !ok1 || !ok2 || c == 0 {
				return nil, nil, false
			}
			i += 2
			literal = c == '%' || c == '?' || c == '#'
		}
		if c != '/' || literal {
			dst = append(dst, c)
			continue
		}
		dots, ok := false, true
		if dst, dots, ok = endSegment(dst, base, segment); !ok {
			return nil, nil, false
		}
		if !dots && (len(dst) > segment || !mergeSlashes) {
			dst = append(dst, '/')
		}
		segment = len(dst)
	}
	if dst, _, ok = endSegment(dst, base, segment); !ok {
		return nil, nil, false
	}
	return dst[base:], args, true
}

// endSegment resolves the segment dst[segment:] when it is "." or "..", and
// says whether it was. ok is false when that leaves the root.
func endSegment(dst []byte, base, segment int) (out []byte, dots, ok bool) {
	switch string(dst[segment:]) {
	case ".":
		return dst[:segment], true, true
	case "..":
		if segment == base+1 {
			return dst, true, false
		}
		slash := bytes.LastIndexByte(dst[base:segment-1], '/')
		return dst[:base+slash+1], true, true
	}
	return dst, false, true
}
