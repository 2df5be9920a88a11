package http2

import (
	"bytes"
	"fmt"
	"strings"
	"unsafe"

	"golang.org/x/net/http2/hpack"

	"tandem/internal/h2"
	"tandem/web/message"
)

// Rules bound what a request's head may be, as a server's configuration says.
type Rules struct {
	// MaxHeaders is max_headers; cookies count once.
	MaxHeaders int
	// UnderscoresInHeaders makes an underscore in a field name valid.
	UnderscoresInHeaders bool
	// IgnoreInvalidHeaders drops the fields with invalid names.
	IgnoreInvalidHeaders bool
}

// head makes a message.Head of a header block. Its memory is used again for
// the next one.
type head struct {
	line    []byte // the request line, as HTTP/1 would have had it
	cookies []byte
	many    bool // cookies of several fields

	method, scheme, path, authority, protocol []byte
	hasAuthority                              bool
	te                                        int
}

// bytesOf returns the bytes of the string itself: what a head holds is only read.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// read fills h. What is wrong is answered with the status it returns, in the
// order of nginx: the connection and its other streams go on. h then holds what
// has been understood so far.
func (d *head) read(h *message.Head, b *h2.Block, rules *Rules) *message.BadRequest {
	h.Reset()
	*d = head{line: d.line[:0], cookies: d.cookies[:0]}
	h.Version, h.Protocol, h.Size, h.LineSize = message.HTTP2, http20, b.Length, 0
	for i := range b.Fields {
		if bad := d.field(h, &b.Fields[i], rules); bad != nil {
			return bad
		}
	}
	if b.Over {
		return message.Bad(message.StatusHeaderTooLarge, "client sent too many header lines")
	}
	if bad := d.requestLine(h); bad != nil {
		return bad
	}
	if bad := d.addCookies(h, rules); bad != nil {
		return bad
	}
	if bad := d.connectionFields(h); bad != nil {
		return bad
	}
	if bad := d.host(h, rules); bad != nil {
		return bad
	}
	return d.length(h, b)
}

var http20 = []byte("HTTP/2.0")

// field takes one field of the block.
func (d *head) field(h *message.Head, f *hpack.HeaderField, rules *Rules) *message.BadRequest {
	if f.Name == "" {
		return message.Bad(400, "client sent zero header name length")
	}
	invalid, underscore, bad := checkName(f.Name)
	if bad == nil {
		bad = checkValue(f)
	}
	if bad != nil {
		return bad
	}
	if f.Name[0] == ':' {
		return d.pseudo(h, f)
	}
	if bad := d.requestLine(h); bad != nil {
		return bad
	}
	if f.Name == "cookie" && !invalid {
		d.cookie(f.Value)
		return nil
	}
	field := h.NextField()
	*field = message.Field{Name: bytesOf(f.Name), Value: bytesOf(f.Value), Underscore: underscore, Invalid: invalid || underscore && !rules.UnderscoresInHeaders}
	if field.Value == nil {
		field.Value = emptyValue
	}
	field.ID = message.LookupFieldID(field.Name)
	return h.Add(rules.IgnoreInvalidHeaders, rules.MaxHeaders)
}

var emptyValue = []byte{}

// checkName judges a field's name: "A field name MUST NOT contain characters in
// the ranges 0x00-0x20, 0x41-0x5a, or 0x7f-0xff (all inclusive) [...] With the
// exception of pseudo-header fields [...] field names MUST NOT include a colon"
// (RFC 9113 section 8.2.1). As nginx does, what is above 0x7f makes the field
// invalid and not the request.
func checkName(name string) (invalid, underscore bool, bad *message.BadRequest) {
	i := 0
	if name[0] == ':' {
		i = 1
	}
	for ; i < len(name); i++ {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', c == '-', '0' <= c && c <= '9':
		case c == '_':
			underscore = true
		case c <= ' ', c == 0x7f, c == ':', 'A' <= c && c <= 'Z':
			return false, false, message.Bad(400, fmt.Sprintf(`client sent invalid header name: "%s"`, message.Quote(bytesOf(name))))
		default:
			invalid = true
		}
	}
	return invalid, underscore, nil
}

// checkValue judges a field's value: "A field value MUST NOT contain the zero
// value (ASCII NUL, 0x00), line feed (ASCII LF, 0x0a), or carriage return (ASCII
// CR, 0x0d) at any position. A field value MUST NOT start or end with an ASCII
// whitespace character" (RFC 9113 section 8.2.1). Other control characters are let
// pass, as by nginx, except in pseudo-header fields.
func checkValue(f *hpack.HeaderField) *message.BadRequest {
	v := bytesOf(f.Value)
	n := len(v)
	bad := strings.ContainsAny(f.Value, "\x00\r\n") || f.Name[0] == ':' && message.ControlIndex(v) >= 0
	if bad || n > 0 && (isSpace(v[0]) || isSpace(v[n-1])) {
		return message.Bad(400, fmt.Sprintf(`client sent header "%s" with invalid value: "%s"`, message.Quote(bytesOf(f.Name)), message.Quote(v)))
	}
	return nil
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// pseudo takes a pseudo-header field (RFC 9113 section 8.3.1, RFC 8441 section
// 4).
func (d *head) pseudo(h *message.Head, f *hpack.HeaderField) *message.BadRequest {
	if len(d.line) > 0 {
		return message.Bad(400, "client sent out of order pseudo-headers")
	}
	value := bytesOf(f.Value)
	switch f.Name {
	case ":method":
		return once(&d.method, value, f.Name, validMethod)
	case ":scheme":
		return once(&d.scheme, value, f.Name, validScheme)
	case ":path":
		return once(&d.path, value, f.Name, validPath)
	case ":protocol":
		return once(&d.protocol, value, f.Name, validScheme)
	case ":authority":
		if d.hasAuthority {
			return message.Bad(400, `client sent duplicate ":authority" header`)
		}
		d.authority, d.hasAuthority = value, true
		if !h.SetAuthority(value) {
			return message.Bad(400, `client sent invalid ":authority" header`)
		}
		return nil
	}
	return message.Bad(400, fmt.Sprintf(`client sent unknown pseudo-header "%s"`, message.Quote(bytesOf(f.Name))))
}

// once takes a value that may come once and must be valid.
func once(to *[]byte, value []byte, name string, valid func([]byte) bool) *message.BadRequest {
	switch {
	case *to != nil:
		return message.Bad(400, "client sent duplicate "+name+" header")
	case len(value) == 0:
		return message.Bad(400, "client sent empty "+name+" header")
	case !valid(value):
		return message.Bad(400, fmt.Sprintf(`client sent invalid %s header: "%s"`, name, message.Quote(value)))
	}
	*to = value
	return nil
}

func validMethod(v []byte) bool {
	for _, c := range v {
		if (c < 'A' || c > 'Z') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func validScheme(v []byte) bool {
	for i, c := range v {
		if !message.IsAlpha(c) && (i == 0 || !message.IsDigit(c) && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return true
}

// validPath: an absolute path with its query. "*" is refused, as nginx does.
func validPath(v []byte) bool {
	return v[0] == '/' && bytes.IndexByte(v, ' ') < 0 && bytes.IndexByte(v, '\t') < 0
}

// requestLine makes the request line when the first field follows the
// pseudo-header fields, or nothing does.
func (d *head) requestLine(h *message.Head) *message.BadRequest {
	if len(d.line) > 0 {
		return nil
	}
	connect := string(d.method) == "CONNECT" && d.protocol == nil
	switch {
	case d.method == nil:
		return message.Bad(400, "client sent no :method header")
	case connect && d.path == nil && d.scheme == nil:
		// "The :scheme and :path pseudo-header fields MUST be omitted" (RFC 9113
		// section 8.5); nginx has no CONNECT in HTTP/2 and asks for both.
		d.path = d.authority
	case d.scheme == nil:
		return message.Bad(400, "client sent no :scheme header")
	case d.path == nil:
		return message.Bad(400, "client sent no :path header")
	}
	if d.protocol != nil && string(d.method) != "CONNECT" {
		return message.Bad(400, `client sent ":protocol" header with a method that is not CONNECT`)
	}
	d.line = append(append(append(append(append(d.line, d.method...), ' '), d.path...), ' '), http20...)
	h.Method, h.Target, h.Line, h.LineRead = d.method, d.path, d.line, true
	return nil
}

// cookie joins the fields that a client may split one Cookie into (RFC 9113
// section 8.2.3).
func (d *head) cookie(value string) {
	if d.many {
		d.cookies = append(d.cookies, "; "...)
	}
	d.cookies = append(d.cookies, value...)
	d.many = true
}

func (d *head) addCookies(h *message.Head, rules *Rules) *message.BadRequest {
	if !d.many {
		return nil
	}
	f := h.NextField()
	*f = message.Field{Name: cookieName, Value: d.cookies, ID: message.Cookie}
	return h.Add(false, rules.MaxHeaders+1)
}

var (
	cookieName = []byte("cookie")
	hostName   = []byte("host")
)

// connectionFields refuses what concerns a connection: "An endpoint MUST NOT
// generate an HTTP/2 message containing connection-specific header fields" (RFC
// 9113 section 8.2.2), the raw material of smuggling into HTTP/1.
func (d *head) connectionFields(h *message.Head) *message.BadRequest {
	for i := range h.Fields {
		f := &h.Fields[i]
		switch string(f.Name) {
		case "connection":
			return message.Bad(400, `client sent "Connection" header`)
		case "keep-alive":
			return message.Bad(400, `client sent "Keep-Alive" header`)
		case "proxy-connection":
			return message.Bad(400, `client sent "Proxy-Connection" header`)
		case "transfer-encoding":
			return message.Bad(400, `client sent "Transfer-Encoding" header`)
		case "upgrade":
			return message.Bad(400, `client sent "Upgrade" header`)
		case "te":
			if d.te++; d.te > 1 || !message.EqualLower(f.Value, "trailers") {
				return message.Bad(400, `client sent invalid "TE" header`)
			}
		}
	}
	return nil
}

// host makes sure that there is one host, and that it is said in one way.
func (d *head) host(h *message.Head, rules *Rules) *message.BadRequest {
	if len(h.ServerName) == 0 {
		return message.Bad(400, `client sent neither ":authority" nor "Host" header`)
	}
	if !d.hasAuthority {
		return nil
	}
	if h.HasHost {
		if !bytes.Equal(h.Host, d.authority) {
			return message.Bad(400, `client sent ":authority" and "Host" headers with different values`)
		}
		return nil
	}
	// For $http_host, and for back ends.
	f := h.NextField()
	*f = message.Field{Name: hostName, Value: d.authority, ID: message.Host}
	return h.Add(false, rules.MaxHeaders+2)
}

// length settles what the head says of the body.
func (d *head) length(h *message.Head, b *h2.Block) *message.BadRequest {
	h.Complete, h.Body = true, !b.EndStream
	h.Expect100 = message.EqualLower(h.Lookup(message.Expect), "100-continue")
	v := h.Lookup(message.ContentLength)
	if v == nil {
		return nil
	}
	n, ok := message.ParseLength(v)
	if !ok {
		return message.Bad(400, `client sent invalid "Content-Length" header`)
	}
	if n > 0 && b.EndStream {
		return message.Bad(400, "client prematurely closed stream")
	}
	h.ContentLength = n
	return nil
}
