package http1

import "encoding/binary"

// Classes of a byte in a field name.
const (
	nameBad        = iota // ends the line's chances: control characters, space, DEL
	nameToken             // letters, digits, hyphen
	nameUnderscore        // "_"
	nameColon             // ":"
	nameOdd               // anything else: an invalid name, but one that can be ignored
)

var nameClass = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c <= ' ' || c == 0x7f:
			t[c] = nameBad
		case c == ':':
			t[c] = nameColon
		case c == '_':
			t[c] = nameUnderscore
		case c == '-' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' && c < 0x80:
			t[c] = nameToken
		default:
			t[c] = nameOdd
		}
	}
	return t
}()

func isAlpha(c byte) bool { c |= 0x20; return 'a' <= c && c <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isMethodChar is nginx's idea of a method, narrower than RFC 9110's token.
func isMethodChar(c byte) bool { return 'A' <= c && c <= 'Z' || c == '_' || c == '-' }

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// controlIndex returns the index of the first control character other than
// tab in b, or -1. Eight bytes are looked at in one step.
func controlIndex(b []byte) int {
	i := 0
	for ; len(b)-i >= 8; i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		del := x ^ 0x7f*lowBits
		// The high bit of a byte ends up set when it is below 0x20 or equal to
		// 0x7f; a borrow can only add bytes after such a one.
		if ((x-0x20*lowBits)&^x|(del-lowBits)&^del)&highBits != 0 {
			if j := controlIndexSlow(b[i : i+8]); j >= 0 {
				return i + j
			}
		}
	}
	if j := controlIndexSlow(b[i:]); j >= 0 {
		return i + j
	}
	return -1
}

func controlIndexSlow(b []byte) int {
	for i, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return i
		}
	}
	return -1
}

// quote makes bytes of a client safe for a log line: control characters
// become \xNN, and what is longer than a screen is cut.
func quote(b []byte) string {
	const limit, hex = 512, "0123456789abcdef"
	out := make([]byte, 0, min(len(b), limit)+8)
	for i, c := range b {
		if i == limit {
			out = append(out, "..."...)
			break
		}
		if c < ' ' || c == 0x7f {
			out = append(out, '\\', 'x', hex[c>>4], hex[c&15])
			continue
		}
		out = append(out, c)
	}
	return string(out)
}
