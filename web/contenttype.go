package web

import (
	"bytes"

	"tandem/web/message"
)

// SetContentTypeField sets the media type and the charset from the value of a
// Content-Type field, which is sent as it is unless a filter changes one of
// them.
func (p *Response) SetContentTypeField(v []byte) {
	t := splitContentType(v)
	p.ContentType, p.Charset, p.written = t.mediaType, t.charset, t
}

// writtenType is a Content-Type field and its parts.
type writtenType struct{ field, mediaType, charset []byte }

// wholeContentType returns the value of the Content-Type field when it need not be
// put together.
func (p *Response) wholeContentType() (value []byte, whole bool) {
	if w := &p.written; w.field != nil && bytes.Equal(p.ContentType, w.mediaType) && bytes.Equal(p.Charset, w.charset) {
		return w.field, true
	}
	return p.ContentType, len(p.Charset) == 0
}

// appendContentType appends the value of the Content-Type field when it is to be
// put together.
func (p *Response) appendContentType(dst []byte) []byte {
	dst = append(dst, p.ContentType...)
	return append(append(dst, "; charset="...), p.Charset...)
}

// splitContentType finds the media type and the charset, which charset_filter
// and X-Accel-Charset work on. A value without a charset is a media type as a
// whole, and so is one without a media type.
func splitContentType(v []byte) writtenType {
	for rest := v; ; {
		i := bytes.IndexByte(rest, ';')
		if i < 0 {
			return writtenType{field: v, mediaType: v}
		}
		end := len(v) - len(rest) + i
		if end == 0 {
			return writtenType{field: v, mediaType: v}
		}
		rest = bytes.TrimLeft(rest[i+1:], " ")
		if len(rest) < len("charset=") || !message.EqualFold(rest[:len("charset=")], "charset=") {
			continue
		}
		charset := rest[len("charset="):]
		if len(charset) > 0 && charset[0] == '"' {
			charset = charset[1:]
		}
		charset = bytes.TrimSuffix(charset, quoteMark)
		return writtenType{field: v, mediaType: v[:end], charset: charset}
	}
}

var quoteMark = []byte(`"`)
