package exchange

import "tandem/web/message"

// fieldID is the name of a response header that something is done with. 0 is
// any other name.
type fieldID uint8

const (
	_ fieldID = iota
	fieldAcceptRanges
	fieldCacheControl
	fieldConnection
	fieldContentDisposition
	fieldContentEncoding
	fieldContentLength
	fieldContentRange
	fieldContentType
	fieldDate
	fieldETag
	fieldExpires
	fieldKeepAlive
	fieldLastModified
	fieldLink
	fieldLocation
	fieldRefresh
	fieldServer
	fieldSetCookie
	fieldStatus
	fieldTrailer
	fieldTransferEncoding
	fieldUpgrade
	fieldVary
	fieldWWWAuthenticate
	fieldXAccelBuffering
	fieldXAccelCharset
	fieldXAccelExpires
	fieldXAccelLimitRate
	fieldXAccelRedirect
	fieldXPad
	fieldIDs
)

// fieldNames are the names in lower case.
var fieldNames = [fieldIDs]string{
	fieldAcceptRanges:       "accept-ranges",
	fieldCacheControl:       "cache-control",
	fieldConnection:         "connection",
	fieldContentDisposition: "content-disposition",
	fieldContentEncoding:    "content-encoding",
	fieldContentLength:      "content-length",
	fieldContentRange:       "content-range",
	fieldContentType:        "content-type",
	fieldDate:               "date",
	fieldETag:               "etag",
	fieldExpires:            "expires",
	fieldKeepAlive:          "keep-alive",
	fieldLastModified:       "last-modified",
	fieldLink:               "link",
	fieldLocation:           "location",
	fieldRefresh:            "refresh",
	fieldServer:             "server",
	fieldSetCookie:          "set-cookie",
	fieldStatus:             "status",
	fieldTrailer:            "trailer",
	fieldTransferEncoding:   "transfer-encoding",
	fieldUpgrade:            "upgrade",
	fieldVary:               "vary",
	fieldWWWAuthenticate:    "www-authenticate",
	fieldXAccelBuffering:    "x-accel-buffering",
	fieldXAccelCharset:      "x-accel-charset",
	fieldXAccelExpires:      "x-accel-expires",
	fieldXAccelLimitRate:    "x-accel-limit-rate",
	fieldXAccelRedirect:     "x-accel-redirect",
	fieldXPad:               "x-pad",
}

const maxFieldName = 24

// fieldsByKey finds the few names of one length that end with one letter.
var fieldsByKey = func() (t [maxFieldName][32][]fieldID) {
	for id := fieldID(1); id < fieldIDs; id++ {
		n := len(fieldNames[id])
		last := fieldNames[id][n-1] & 31
		t[n][last] = append(t[n][last], id)
	}
	return t
}()

// lookupField returns the ID of a name in any case.
func lookupField(name []byte) fieldID {
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
