// Package escape writes and undoes the escapes of URIs, and writes those of HTML and
// JSON, as nginx does.
package escape

// Kind says which bytes AppendURI percent-encodes.
type Kind uint8

// The kinds of nginx's ngx_escape_uri. All of them encode control characters,
// bytes from 0x7f up, space and ", <, >, \, ^, `, {, | and }.
const (
	// URI is for a path: "#", "%" and "?" too.
	URI Kind = iota
	// Args is for a query argument: "#", "%", "&", "+", ";" and "?" too.
	Args
	// Component leaves only letters, digits, "-", ".", "_" and "~".
	Component
	// HTML is for a URI in an HTML attribute: "#", "%" and "'" too.
	HTML
	kinds
)

var escapeTable = func() (t [kinds][256]bool) {
	const always = " \"<>\\^`{|}"
	more := [kinds]string{
		URI:       "#%?",
		Args:      "#%&+;?",
		Component: "!#$%&'()*+,/:;=?@[]",
		HTML:      "#%'",
	}
	for kind := range t {
		for c := range 256 {
			t[kind][c] = c < ' ' || c >= 0x7f
		}
		for _, c := range []byte(always + more[kind]) {
			t[kind][c] = true
		}
	}
	return t
}()

// HexDigit returns the value of a hexadecimal digit in any case.
func HexDigit(c byte) (v byte, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

const upperHex = "0123456789ABCDEF"

// AppendURI appends src percent-encoded.
func AppendURI(dst, src []byte, kind Kind) []byte {
	table := &escapeTable[kind]
	for _, c := range src {
		if table[c] {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

// AppendHTML appends src with <, >, & and " as character references.
func AppendHTML(dst, src []byte) []byte {
	for _, c := range src {
		switch c {
		case '<':
			dst = append(dst, "&lt;"...)
		case '>':
			dst = append(dst, "&gt;"...)
		case '&':
			dst = append(dst, "&amp;"...)
		case '"':
			dst = append(dst, "&quot;"...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// AppendJSON appends src as the content of a JSON string. Bytes that are
// not UTF-8 stay as they are.
func AppendJSON(dst, src []byte) []byte {
	for _, c := range src {
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		default:
			if c < ' ' {
				dst = append(dst, '\\', 'u', '0', '0', upperHex[c>>4], upperHex[c&15])
			} else {
				dst = append(dst, c)
			}
		}
	}
	return dst
}

// Extent says how far AppendUndone goes.
type Extent uint8

// The types of nginx's ngx_unescape_uri.
const (
	// All undoes every escape.
	All Extent = iota
	// UntilArgs stops after the first "?".
	UntilArgs
	// Redirect stops after the first "?" and undoes only the escapes of
	// printable characters above "%".
	Redirect
)

// AppendUndone appends src with its percent-encoding undone, as tolerantly as
// nginx: of a bad escape the "%" goes and, when its first digit was good, so do
// that digit and what follows it. rest is the part of src after the "?" at which
// the kind stops.
func AppendUndone(dst, src []byte, kind Extent) (out, rest []byte) {
	for i := 0; i < len(src); i++ {
		c := src[i]
		if c == '?' && kind != All {
			return append(dst, c), src[i+1:]
		}
		if c != '%' {
			dst = append(dst, c)
			continue
		}
		if i++; i == len(src) {
			break
		}
		high, ok := HexDigit(src[i])
		if !ok {
			dst = append(dst, src[i])
			continue
		}
		if i++; i == len(src) {
			break
		}
		low, ok := HexDigit(src[i])
		if !ok {
			continue
		}
		c = high<<4 | low
		switch {
		case kind != All && c == '?':
			return append(dst, c), src[i+1:]
		case kind == Redirect && (c <= '%' || c >= 0x7f):
			dst = append(dst, '%', src[i-1], src[i])
		default:
			dst = append(dst, c)
		}
	}
	return dst, nil
}
