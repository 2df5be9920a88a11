package message

// FieldID is a header field name that this package or its callers look up
// often. 0 is any other name.
type FieldID uint8

// The known field names.
const (
	_ FieldID = iota
	Accept
	AcceptEncoding
	AcceptLanguage
	Authorization
	Connection
	ContentLength
	ContentRange
	ContentType
	Cookie
	Date
	Depth
	Destination
	Expect
	Forwarded
	Host
	IfMatch
	IfModifiedSince
	IfNoneMatch
	IfRange
	IfUnmodifiedSince
	KeepAlive
	Origin
	Overwrite
	ProxyAuthorization
	ProxyConnection
	Range
	Referer
	TE
	Trailer
	TransferEncoding
	Upgrade
	UserAgent
	Via
	XForwardedFor
	XForwardedProto
	XRealIP
	fieldIDCount
)

// fieldNames are the names in lower case, by ID.
var fieldNames = [fieldIDCount]string{
	Accept:             "accept",
	AcceptEncoding:     "accept-encoding",
	AcceptLanguage:     "accept-language",
	Authorization:      "authorization",
	Connection:         "connection",
	ContentLength:      "content-length",
	ContentRange:       "content-range",
	ContentType:        "content-type",
	Cookie:             "cookie",
	Date:               "date",
	Depth:              "depth",
	Destination:        "destination",
	Expect:             "expect",
	Forwarded:          "forwarded",
	Host:               "host",
	IfMatch:            "if-match",
	IfModifiedSince:    "if-modified-since",
	IfNoneMatch:        "if-none-match",
	IfRange:            "if-range",
	IfUnmodifiedSince:  "if-unmodified-since",
	KeepAlive:          "keep-alive",
	Origin:             "origin",
	Overwrite:          "overwrite",
	ProxyAuthorization: "proxy-authorization",
	ProxyConnection:    "proxy-connection",
	Range:              "range",
	Referer:            "referer",
	TE:                 "te",
	Trailer:            "trailer",
	TransferEncoding:   "transfer-encoding",
	Upgrade:            "upgrade",
	UserAgent:          "user-agent",
	Via:                "via",
	XForwardedFor:      "x-forwarded-for",
	XForwardedProto:    "x-forwarded-proto",
	XRealIP:            "x-real-ip",
}

// String returns the name in lower case, and "" for 0.
func (id FieldID) String() string { return fieldNames[id] }

// usualNames are the names as they are mostly written, so that most look-ups
// are one comparison.
var usualNames = func() (t [fieldIDCount]string) {
	for id, name := range fieldNames {
		b := []byte(name)
		for i := range b {
			if i == 0 || b[i-1] == '-' {
				b[i] &^= 0x20
			}
		}
		t[id] = string(b)
	}
	t[TE] = "TE"
	t[XRealIP] = "X-Real-IP"
	return t
}()

// maxFieldName is the length of the longest known name.
const maxFieldName = len("if-unmodified-since")

// fieldsByLength holds the known names of each length: no more than a handful each.
var fieldsByLength = func() (t [maxFieldName + 1][]FieldID) {
	for id := FieldID(1); id < fieldIDCount; id++ {
		n := len(fieldNames[id])
		t[n] = append(t[n], id)
	}
	return t
}()

// uniqueField marks the fields of which a request may have only one; nginx
// refuses a second one even when it is equal.
var uniqueField = [fieldIDCount]bool{
	Authorization:      true,
	ContentLength:      true,
	ContentRange:       true,
	Expect:             true,
	Host:               true,
	IfMatch:            true,
	IfModifiedSince:    true,
	IfNoneMatch:        true,
	IfRange:            true,
	IfUnmodifiedSince:  true,
	ProxyAuthorization: true,
	TransferEncoding:   true,
}

// LookupFieldID returns the ID of a field name in any case, or 0.
func LookupFieldID(name []byte) FieldID {
	if len(name) > maxFieldName {
		return 0
	}
	for _, id := range fieldsByLength[len(name)] {
		known := fieldNames[id]
		if name[0]|0x20 == known[0] && (string(name) == usualNames[id] || EqualLower(name, known)) {
			return id
		}
	}
	return 0
}
