package wire

import (
	"bytes"
	"fmt"

	"tandem/web/message"
)

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

// badField refuses a field line, perhaps only the beginning of one. As in nginx
// the log shows it up to the byte that is wrong.
func badField(line []byte) *message.BadRequest {
	name := bytes.IndexByte(line, ':')
	if name <= 0 {
		name = len(line)
	}
	for i, c := range line {
		if c < ' ' && (i < name || c != '\t') || c == 0x7f || i < name && c == ' ' || i == 0 && c == ':' {
			return message.Bad(400, fmt.Sprintf(`client sent invalid header line: "%s\x%02x..."`, message.Quote(line[:i]), c))
		}
	}
	return message.Bad(400, fmt.Sprintf(`client sent invalid header line: "%s"`, message.Quote(line)))
}

// parseFieldLine reads one field line without its line end (RFC 9112 section
// 5).
//
// "No whitespace is allowed between the field name and colon. [...] A server
// MUST reject, with a response status code of 400 (Bad Request), any received
// request message that contains whitespace between a header field name and
// colon" (section 5.1). A folded line begins with white space: "A server that
// receives an obs-fold in a request message [...] MUST either reject the message
// by sending a 400 (Bad Request) [...]" (section 5.2). "Field values containing
// CR, LF, or NUL characters are invalid and dangerous" (RFC 9110 section 5.5);
// the other control characters are refused with them. Tabs around a value are
// part of it, as in nginx: it knows no such Expect or Content-Length.
func parseFieldLine(f *message.Field, line []byte, underscores bool) (ok bool) {
	*f = message.Field{}
	i := 0
name:
	for ; i < len(line); i++ {
		switch class := nameClass[line[i]]; class {
		case nameToken:
		case nameColon:
			break name
		case nameBad:
			return false
		default:
			odd := class == nameOdd
			f.Underscore = f.Underscore || !odd
			f.Invalid = f.Invalid || odd || !underscores
		}
	}
	if i == 0 || i == len(line) {
		return false
	}
	f.Name = line[:i]
	f.Value = line[i+1:]
	if message.ControlIndex(f.Value) >= 0 {
		return false
	}
	f.ID = message.LookupFieldID(f.Name)
	f.Value = trimSpaces(f.Value)
	return true
}

// trimSpaces removes the spaces around a value; what is left of it is not nil.
func trimSpaces(v []byte) []byte {
	for len(v) > 0 && v[0] == ' ' {
		v = v[1:]
	}
	for n := len(v); n > 0 && v[n-1] == ' '; n-- {
		v = v[:n-1]
	}
	return v
}
