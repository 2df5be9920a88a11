package message

import "encoding/binary"

// IsAlpha says whether c is an ASCII letter.
func IsAlpha(c byte) bool { c |= 0x20; return 'a' <= c && c <= 'z' }

// IsDigit says whether c is an ASCII digit.
func IsDigit(c byte) bool { return '0' <= c && c <= '9' }

// IsMethodChar is nginx's idea of a method, narrower than RFC 9110's token.
func IsMethodChar(c byte) bool { return 'A' <= c && c <= 'Z' || c == '_' || c == '-' }

// EqualFold compares without regard to the case of ASCII letters.
func EqualFold(a []byte, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i, x := range a {
		if y := b[i]; x != y && (x|0x20 != y|0x20 || !IsAlpha(x)) {
			return false
		}
	}
	return true
}

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// ControlIndex returns the index of the first control character other than
// tab in b, or -1. Eight bytes are looked at in one step.
func ControlIndex(b []byte) int {
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

// Quote makes bytes of a client safe for a log line: control characters
// become \xNN, and what is longer than a screen is cut.
func Quote(b []byte) string {
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
