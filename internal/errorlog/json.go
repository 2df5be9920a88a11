package errorlog

import (
	"bytes"
	"strconv"
	"time"
	"unicode/utf8"

	"tandem/internal/escape"
)

// appendJSON appends a message as a line of JSON: when it was written, its level,
// the process, the connection, the message, and whom it is about, which is told in
// nginx's words.
func appendJSON(b []byte, now time.Time, level Level, conn uint64, message, about []byte) []byte {
	b = now.AppendFormat(append(b, `{"time":"`...), "2006-01-02T15:04:05.000Z07:00")
	b = append(append(append(b, `","level":"`...), Names[level]...), `","pid":`...)
	b = strconv.AppendInt(b, int64(pid), 10)
	if conn != 0 {
		b = strconv.AppendUint(append(b, `,"connection":`...), conn, 10)
	}
	b = appendText(append(b, `,"message":`...), message)
	for len(about) > 0 {
		var key string
		var value []byte
		key, value, about = nextAbout(about)
		b = append(append(append(b, `,"`...), key...), `":`...)
		b = appendText(b, value)
	}
	return append(b, "}\n"...)
}

// appendText appends a string of JSON. What is not UTF-8 becomes U+FFFD.
func appendText(b, text []byte) []byte {
	if !utf8.Valid(text) {
		text = bytes.ToValidUTF8(text, []byte("\uFFFD"))
	}
	return append(escape.AppendJSON(append(b, '"'), text), '"')
}

// abouts are the beginnings of what says whom a message is about, in nginx's words and
// order, and the names that they have in JSON.
var abouts = []struct{ text, key string }{
	{", client: ", "client"}, {", udp client: ", "client"}, {", server: ", "server"}, {", request: ", "request"}, {", subrequest: ", "subrequest"},
	{", upstream: ", "upstream"}, {", host: ", "host"}, {", referrer: ", "referrer"},
}

// nextAbout takes the first key and value off what says whom a message is about. A
// value is in quotes, in which clients may have put what looks like a later key, or ends
// where the next key begins. Client and server come first: nobody else can name them.
func nextAbout(rest []byte) (key string, value, more []byte) {
	for _, a := range abouts {
		if after, ok := bytes.CutPrefix(rest, []byte(a.text)); ok {
			key, rest = a.key, after
			break
		}
	}
	if key == "" {
		return "rest", rest, nil
	}
	end := len(rest)
	from := 0
	if len(rest) > 0 && rest[0] == '"' {
		// The quote that ends a value stands before another key, or at the end.
		from = 1
	}
	for _, a := range abouts {
		mark := a.text
		if from == 1 {
			mark = `"` + mark
		}
		if i := bytes.Index(rest[from:], []byte(mark)); i >= 0 && from+i+from < end {
			end = from + i + from // with the quote
		}
	}
	value, more = rest[:end], rest[end:]
	if n := len(value); from == 1 && n >= 2 && value[n-1] == '"' {
		value = value[1 : n-1]
	}
	return key, value, more
}
