package http1

import "strconv"

// statusText are the reason phrases that nginx writes. It has none for other
// codes, and neither has this package.
var statusText = map[int]string{
	100: "Continue",
	101: "Switching Protocols",
	103: "Early Hints",
	200: "OK",
	201: "Created",
	202: "Accepted",
	204: "No Content",
	206: "Partial Content",
	301: "Moved Permanently",
	302: "Moved Temporarily",
	303: "See Other",
	304: "Not Modified",
	307: "Temporary Redirect",
	308: "Permanent Redirect",
	400: "Bad Request",
	401: "Unauthorized",
	402: "Payment Required",
	403: "Forbidden",
	404: "Not Found",
	405: "Not Allowed",
	406: "Not Acceptable",
	407: "Proxy Authentication Required",
	408: "Request Time-out",
	409: "Conflict",
	410: "Gone",
	411: "Length Required",
	412: "Precondition Failed",
	413: "Request Entity Too Large",
	414: "Request-URI Too Large",
	415: "Unsupported Media Type",
	416: "Requested Range Not Satisfiable",
	421: "Misdirected Request",
	429: "Too Many Requests",
	500: "Internal Server Error",
	501: "Not Implemented",
	502: "Bad Gateway",
	503: "Service Temporarily Unavailable",
	504: "Gateway Time-out",
	505: "HTTP Version Not Supported",
	507: "Insufficient Storage",
}

// statusLines are the status lines of the codes with a reason phrase.
var statusLines = func() (t [600]string) {
	for code, text := range statusText {
		t[code] = "HTTP/1.1 " + strconv.Itoa(code) + " " + text + "\r\n"
	}
	return t
}()

// StatusText returns nginx's reason phrase for a status code, "" where it has
// none.
func StatusText(status int) string { return statusText[status] }

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

// Continue is the interim response to a client that sent Expect: 100-continue.
const Continue = "HTTP/1.1 100 Continue\r\n\r\n"

var continueBytes = []byte(Continue)

// WriteContinue writes Continue.
func (c *Conn) WriteContinue() error {
	_, err := c.Write(continueBytes)
	return err
}

// LastChunk ends a chunked body without trailers.
const LastChunk = "0\r\n\r\n"

// AppendChunkHeader appends the line before a chunk of n bytes, whose data
// ends with CRLF.
func AppendChunkHeader(dst []byte, n int64) []byte {
	dst = strconv.AppendInt(dst, n, 16)
	return append(dst, '\r', '\n')
}
