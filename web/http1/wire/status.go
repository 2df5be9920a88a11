package wire

import (
	"strconv"

	"tandem/web/message"
)

// statusLines are the status lines of the codes with a reason phrase.
var statusLines = func() (t [600]string) {
	for code := range t {
		if text := message.StatusText(code); text != "" {
			t[code] = "HTTP/1.1 " + strconv.Itoa(code) + " " + text + "\r\n"
		}
	}
	return t
}()

// AppendStatusLine appends the status line with its line end. A code without a
// reason phrase keeps the space before it, as RFC 9112 section 4 demands and
// nginx does. The version is HTTP/1.1 whatever the client's is.
func AppendStatusLine(dst []byte, status int) []byte {
	if 0 <= status && status < len(statusLines) && statusLines[status] != "" {
		return append(dst, statusLines[status]...)
	}
	dst = append(dst, "HTTP/1.1 "...)
	if 0 <= status && status <= 999 {
		dst = append(dst, '0'+byte(status/100), '0'+byte(status/10%10), '0'+byte(status%10))
	} else {
		dst = strconv.AppendInt(dst, int64(status), 10)
	}
	return append(dst, " \r\n"...)
}

// AppendChunkHeader appends the line before a chunk of n bytes, whose data
// ends with CRLF.
func AppendChunkHeader(dst []byte, n int64) []byte {
	dst = strconv.AppendInt(dst, n, 16)
	return append(dst, '\r', '\n')
}
