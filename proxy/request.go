package proxy

import (
	"bytes"
	"errors"
	"strconv"

	"tandem/internal/errorlog"
	"tandem/internal/escape"
	"tandem/proxy/header"
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

// splitsField is header.Splits for the value of a header, which may be folded: the
// lines of $ssl_client_cert are, for being passed on in one, and nginx does so.
// A line that begins with a blank is part of the one before (RFC 9112 section
// 5.2); one with a colon could still be taken for a header by somebody, and an
// empty one for the end of all of them.
func splitsField(b []byte) bool {
	if !header.Splits(b) {
		return false
	}
	first, rest, _ := bytes.Cut(b, []byte("\n"))
	if header.Splits(first) {
		return true
	}
	for line := range bytes.SplitSeq(rest, []byte("\n")) {
		if len(line) < 2 || line[0] != '\t' || line[1] <= ' ' || bytes.IndexByte(line, ':') >= 0 || header.Splits(line) {
			return true
		}
	}
	return false
}

func appendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

// appendEscaped appends a path with what may not stand in one escaped.
func appendEscaped(dst, path []byte) []byte {
	return escape.AppendURI(dst, path, escape.URI)
}
