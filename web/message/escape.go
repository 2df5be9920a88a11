package message

// EscapeKind says which bytes AppendEscapeURI percent-encodes.
type EscapeKind uint8

// The kinds of nginx's ngx_escape_uri. All of them encode control characters,
// bytes from 0x7f up, space and ", <, >, \, ^, `, {, | and }.
const (
	// EscapeURI is for a path: "#", "%" and "?" too.
	EscapeURI EscapeKind = iota
	// EscapeArgs is for a query argument: "#", "%", "&", "+", ";" and "?" too.
	EscapeArgs
	// EscapeURIComponent leaves only letters, digits, "-", ".", "_" and "~".
	EscapeURIComponent
	// EscapeHTML is for a URI in an HTML attribute: "#", "%" and "'" too.
	EscapeHTML
	escapeKinds
)

var escapeTable = func() (t [escapeKinds][256]bool) {
	const always = " \"<>\\^`{|}"
	more := [escapeKinds]string{
		EscapeURI:          "#%?",
		EscapeArgs:         "#%&+;?",
		EscapeURIComponent: "!#$%&'()*+,/:;=?@[]",
		EscapeHTML:         "#%'",
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

const upperHex = "0123456789ABCDEF"

// AppendEscapeURI appends src percent-encoded.
func AppendEscapeURI(dst, src []byte, kind EscapeKind) []byte {
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

// AppendEscapeHTML appends src with <, >, & and " as character references.
func AppendEscapeHTML(dst, src []byte) []byte {
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

// AppendEscapeJSON appends src as the content of a JSON string. Bytes that are
// not UTF-8 stay as they are.
func AppendEscapeJSON(dst, src []byte) []byte {
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

// UnescapeKind says how far AppendUnescape goes.
type UnescapeKind uint8

// The kinds of nginx's ngx_unescape_uri.
const (
	// UnescapeAll undoes every escape.
	UnescapeAll UnescapeKind = iota
	// UnescapeURI stops after the first "?".
	UnescapeURI
	// UnescapeRedirect stops after the first "?" and undoes only the escapes of
	// printable characters above "%".
	UnescapeRedirect
)

// AppendUnescape appends src with its percent-encoding undone, as tolerantly as
// nginx: of a bad escape the "%" goes and, when its first digit was good, so do
// that digit and what follows it. rest is the part of src after the "?" at which
// the kind stops.
func AppendUnescape(dst, src []byte, kind UnescapeKind) (out, rest []byte) {
	for i := 0; i < len(src); i++ {
		c := src[i]
		if c == '?' && kind != UnescapeAll {
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
		case kind != UnescapeAll && c == '?':
			return append(dst, c), src[i+1:]
		case kind == UnescapeRedirect && (c <= '%' || c >= 0x7f):
			dst = append(dst, '%', src[i-1], src[i])
		default:
			dst = append(dst, c)
		}
	}
	return dst, nil
}
