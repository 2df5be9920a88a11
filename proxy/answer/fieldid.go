package answer

import "tandem/web/message"

// FieldID is the name of a response header that something is done with. 0 is
// any other name.
type FieldID uint8

// The names.
const (
	_ FieldID = iota
	FieldAcceptRanges
	FieldAge
	FieldCacheControl
	FieldConnection
	FieldContentDisposition
	FieldContentEncoding
	FieldContentLength
	FieldContentRange
	FieldContentType
	FieldDate
	FieldETag
	FieldExpires
	FieldKeepAlive
	FieldLastModified
	FieldLink
	FieldLocation
	FieldRefresh
	FieldServer
	FieldSetCookie
	FieldStatus
	FieldTrailer
	FieldTransferEncoding
	FieldUpgrade
	FieldVary
	FieldWWWAuthenticate
	FieldXAccelBuffering
	FieldXAccelCharset
	FieldXAccelExpires
	FieldXAccelLimitRate
	FieldXAccelRedirect
	FieldXPad
	fieldIDs
)

// fieldNames are the names in lower case.
var fieldNames = [fieldIDs]string{
	FieldAcceptRanges:       "accept-ranges",
	FieldAge:                "age",
	FieldCacheControl:       "cache-control",
	FieldConnection:         "connection",
	FieldContentDisposition: "content-disposition",
	FieldContentEncoding:    "content-encoding",
	FieldContentLength:      "content-length",
	FieldContentRange:       "content-range",
	FieldContentType:        "content-type",
	FieldDate:               "date",
	FieldETag:               "etag",
	FieldExpires:            "expires",
	FieldKeepAlive:          "keep-alive",
	FieldLastModified:       "last-modified",
	FieldLink:               "link",
	FieldLocation:           "location",
	FieldRefresh:            "refresh",
	FieldServer:             "server",
	FieldSetCookie:          "set-cookie",
	FieldStatus:             "status",
	FieldTrailer:            "trailer",
	FieldTransferEncoding:   "transfer-encoding",
	FieldUpgrade:            "upgrade",
	FieldVary:               "vary",
	FieldWWWAuthenticate:    "www-authenticate",
	FieldXAccelBuffering:    "x-accel-buffering",
	FieldXAccelCharset:      "x-accel-charset",
	FieldXAccelExpires:      "x-accel-expires",
	FieldXAccelLimitRate:    "x-accel-limit-rate",
	FieldXAccelRedirect:     "x-accel-redirect",
	FieldXPad:               "x-pad",
}

const maxFieldName = 24

// fieldsByKey finds the few names of one length that end with one letter.
var fieldsByKey = func() (t [maxFieldName][32][]FieldID) {
	for id := FieldID(1); id < fieldIDs; id++ {
		n := len(fieldNames[id])
		last := fieldNames[id][n-1] & 31
		t[n][last] = append(t[n][last], id)
	}
	return t
}()

// lookupField returns the ID of a name in any case.
func lookupField(name []byte) FieldID {
	n := len(name)
	if n == 0 || n >= maxFieldName {
		return 0
	}
	for _, id := range fieldsByKey[n][name[n-1]&31] {
		if message.EqualLower(name, fieldNames[id]) {
			return id
		}
	}
	return 0
}
