package message

// Version is an HTTP version: major times ten plus minor, HTTP/0.9 being 9.
type Version uint8

// The versions a request can have. A higher minor version of HTTP/1 counts as
// HTTP/1.1 (RFC 9110 section 2.5).
const (
	HTTP09 Version = 9
	HTTP10 Version = 10
	HTTP11 Version = 11
	HTTP2  Version = 20
	HTTP3  Version = 30
)

// String returns the version as nginx writes it, "" for 0.
func (v Version) String() string {
	switch v {
	case HTTP09:
		return "HTTP/0.9"
	case HTTP10:
		return "HTTP/1.0"
	case HTTP11:
		return "HTTP/1.1"
	case HTTP2:
		return "HTTP/2.0"
	case HTTP3:
		return "HTTP/3.0"
	}
	return ""
}

// Field is one header or trailer field line.
type Field struct {
	// Name is the field name as received.
	Name []byte
	// Value is the field value without the white space around it.
	Value []byte
	// ID is the known name, or 0.
	ID FieldID
	// Invalid says that the name has a character outside letters, digits and
	// hyphen (and underscore where underscores_in_headers allows it): what
	// nginx's ignore_invalid_headers concerns.
	Invalid bool
	// Underscore says that the name has an underscore.
	Underscore bool
}

// Head is a parsed request head. Reset makes it ready for use, and for use
// again. Its slices point into the memory of whoever has read it.
type Head struct {
	// Method is made of A to Z, "_" and "-".
	Method []byte
	// Line is the request line without its line end.
	Line []byte
	// Target is nginx's $request_uri: origin-form as received; for absolute-form
	// what follows scheme and authority ("/" when that is empty, and it may
	// begin with "?"); for CONNECT the authority.
	Target []byte
	// Scheme is set for absolute-form only.
	Scheme []byte
	// Authority is the host and optional port of absolute-form and CONNECT.
	Authority []byte
	// Version is 0 as long as it is not known.
	Version Version
	// Protocol is the version as received, nil for HTTP/0.9.
	Protocol []byte
	// LineRead says that the request line has been understood. When it has not,
	// there is nothing in the Head but Line, as far as it has come.
	LineRead bool

	// Fields are the header fields in order, without those that
	// ignore_invalid_headers drops.
	Fields []Field
	// Dropped are the fields that ignore_invalid_headers dropped.
	Dropped []Field
	// Complete says that the end of the head has come, whether or not it was
	// understood.
	Complete bool
	// Size is the head's length on the wire in bytes, with the final line end
	// and without empty lines before the request line; of a head that is not
	// complete the length of the lines that have been understood.
	Size int
	// LineSize is the length of the request line, with its line end.
	LineSize int

	// ContentLength is the value of Content-Length, -1 without one.
	ContentLength int64
	// Body says that a body follows: of ContentLength bytes, or of a length that
	// is not known before its end.
	Body bool

	// ConnectionClose and ConnectionKeepAlive say that the word stands somewhere
	// in a Connection field; a field with both counts for close.
	ConnectionClose, ConnectionKeepAlive bool
	// Host is the Host field as received; nil without one.
	Host []byte
	// HasHost says that there is a Host field.
	HasHost bool
	// ServerName is the host to choose a server by, from Authority or else from
	// Host: lower case, without port and trailing dot. Empty when there is none.
	ServerName []byte
	// ServerPort is the port beside ServerName; 0 without one.
	ServerPort int
	// Expect100 says that the client waits for 100 (Continue).
	Expect100 bool

	first   [fieldIDCount]uint16 // index+1 of the first field with that ID
	lowered []byte               // storage of ServerName when it had capitals
}

// maxKeptFields bounds the memory that a reused Head holds on to.
const maxKeptFields = 128

// Reset empties h for reuse and keeps its storage, unless an unusually long
// head made that large.
func (h *Head) Reset() {
	fields, dropped, lowered := h.Fields[:0], h.Dropped[:0], h.lowered[:0]
	if cap(fields) > maxKeptFields {
		fields = nil
	}
	if cap(dropped) > maxKeptFields {
		dropped = nil
	}
	*h = Head{Fields: fields, Dropped: dropped, lowered: lowered, ContentLength: -1}
}

// KeepLine makes h what it was when the request line had been read, for one that
// is refused for what stands in it.
func (h *Head) KeepLine() {
	line := *h
	h.Reset()
	h.Line, h.LineRead, h.Size, h.LineSize = line.Line, true, line.LineSize, line.LineSize
	h.Method, h.Target, h.Version, h.Protocol = line.Method, line.Target, line.Version, line.Protocol
}

// Lookup returns the value of the first field with the given ID, and nil when
// there is none. An empty value is not nil.
func (h *Head) Lookup(id FieldID) []byte {
	if i := h.first[id]; i != 0 {
		return h.Fields[i-1].Value
	}
	return nil
}

// Has says whether there is a field with the given ID.
func (h *Head) Has(id FieldID) bool { return h.first[id] != 0 }

// Values appends to dst the values of all fields with the given ID, in order.
func (h *Head) Values(dst [][]byte, id FieldID) [][]byte {
	if !h.Has(id) {
		return dst
	}
	for i := range h.Fields {
		if h.Fields[i].ID == id {
			dst = append(dst, h.Fields[i].Value)
		}
	}
	return dst
}

// Get returns the value of the first field whose name is lowerName, which must
// be in lower case, and nil when there is none.
func (h *Head) Get(lowerName string) []byte {
	for i := range h.Fields {
		if EqualLower(h.Fields[i].Name, lowerName) {
			return h.Fields[i].Value
		}
	}
	return nil
}

// KeepAlive says whether the client wants the connection to stay open: the
// default of HTTP/1.1 without "close", and HTTP/1.0 with "keep-alive" (RFC 9112
// section 9.3).
func (h *Head) KeepAlive() bool {
	switch {
	case h.ConnectionClose:
		return false
	case h.Version >= HTTP11:
		return true
	}
	return h.Version == HTTP10 && h.ConnectionKeepAlive
}

// IsConnect says whether the method is CONNECT.
func (h *Head) IsConnect() bool { return string(h.Method) == "CONNECT" }

// EqualLower compares an ASCII name with one already in lower case.
func EqualLower(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// NameMatches compares a field name in any case with the end of a variable's
// name ($http_NAME), in which dashes are underscores.
func NameMatches(field []byte, name string) bool {
	if len(field) != len(name) {
		return false
	}
	for i, c := range field {
		switch {
		case c >= 'A' && c <= 'Z':
			c |= 0x20
		case c == '-':
			c = '_'
		}
		if c != name[i] {
			return false
		}
	}
	return true
}
