package proxy

import (
	"bytes"
	"errors"
	"strconv"

	"tandem/internal/errorlog"
	"tandem/web/message"
)

const (
	logError = errorlog.Error
	logWarn  = errorlog.Warn
)

var (
	errEmptyURI = errors.New("zero length URI to proxy")
	// nginx sends such a request, which is then two.
	errSplit = errors.New("request to upstream would contain a line break in its URI or in a header")
)

// splits reports whether b would end the line that it is put into.
func splits(b []byte) bool {
	return bytes.IndexByte(b, '\n') >= 0 || bytes.IndexByte(b, '\r') >= 0 || bytes.IndexByte(b, 0) >= 0
}

func appendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

// appendEscaped appends a path with what may not stand in one escaped.
func appendEscaped(dst, path []byte) []byte {
	return message.AppendEscapeURI(dst, path, message.EscapeURI)
}
