package rfc9111

import (
	"bytes"

	"tandem/proxy/answer"
	"tandem/web/message"
)

// ofConnection are the fields that concern one connection, or one of a client
// with a proxy: they are not stored (3.1).
var ofConnection = []string{
	"connection", "keep-alive", "proxy-connection", "te", "upgrade",
	"proxy-authenticate", "proxy-authentication-info", "proxy-authorization",
}

// Unstorable reports whether a field of the response is not stored: one of the
// connection, one that Connection names, or that private does (3.1, 5.2.2.7).
// How the body was framed stays: the head is read again as it was received.
func Unstorable(h *answer.Head, ignore answer.Ignored, name []byte) bool {
	for _, c := range ofConnection {
		if message.EqualLower(name, c) {
			return true
		}
	}
	return mentions(h, ignore, PrivateFields, name)
}

// Withheld reports whether a field of a stored response is not sent unless the
// back end was asked (5.2.2.4).
func Withheld(h *answer.Head, ignore answer.Ignored, name []byte) bool {
	for i := range h.Fields {
		f := &h.Fields[i]
		if f.ID == answer.FieldCacheControl && ignore&answer.IgnoreCacheControl == 0 && names(f.Value, NoCacheFields, name) {
			return true
		}
	}
	return false
}

// mentions reports whether Connection, or the directive which, names a field.
func mentions(h *answer.Head, ignore answer.Ignored, which Directive, name []byte) bool {
	for i := range h.Fields {
		switch f := &h.Fields[i]; f.ID {
		case answer.FieldConnection:
			if InList(f.Value, name) {
				return true
			}
		case answer.FieldCacheControl:
			if ignore&answer.IgnoreCacheControl == 0 && names(f.Value, which, name) {
				return true
			}
		}
	}
	return false
}

// Strip appends the head of a response, which is text, without the lines of the
// fields that are dropped.
func Strip(dst, head []byte, drop func(name []byte) bool) []byte {
	for len(head) > 0 {
		n := lineLen(head)
		if name := fieldName(head[:n]); name == nil || !drop(name) {
			dst = append(dst, head[:n]...)
		}
		head = head[n:]
	}
	return dst
}

// Update appends the head of a stored response, which is text, as the head of a
// 304 changes it (3.2): the fields of that one take the place of those with the
// same names.
func Update(dst, head []byte, h *answer.Head, ignore answer.Ignored) []byte {
	for len(head) > 0 {
		n := lineLen(head)
		switch name := fieldName(head[:n]); {
		case name != nil && given(h, ignore, name):
		case len(bytes.TrimRight(head[:n], "\r\n")) == 0:
			for i := range h.Fields {
				if f := &h.Fields[i]; updates(h, ignore, f.Name) {
					dst = append(append(append(append(dst, f.Name...), ": "...), f.Value...), "\r\n"...)
				}
			}
			dst = append(dst, head[:n]...)
		default:
			dst = append(dst, head[:n]...)
		}
		head = head[n:]
	}
	return dst
}

// given reports whether a 304 has a field that changes the stored one.
func given(h *answer.Head, ignore answer.Ignored, name []byte) bool {
	if !updates(h, ignore, name) {
		return false
	}
	for i := range h.Fields {
		if bytes.EqualFold(h.Fields[i].Name, name) {
			return true
		}
	}
	return message.EqualLower(name, "age") // that of the answer before says nothing of this one
}

// notUpdated are the fields that describe the stored bytes, which a 304 does not
// change (3.2, "Content-Length MUST NOT be updated"), and the one that says for
// whom a response is.
var notUpdated = []string{"content-length", "content-encoding", "content-range", "content-type", "transfer-encoding", "trailer", "set-cookie", "status"}

func updates(h *answer.Head, ignore answer.Ignored, name []byte) bool {
	for _, c := range notUpdated {
		if message.EqualLower(name, c) {
			return false
		}
	}
	return !Unstorable(h, ignore, name)
}

// lineLen returns the length of the first line with its end.
func lineLen(b []byte) int {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1
	}
	return len(b)
}

// fieldName returns the name of the field in a line; nil for a status line, and
// the empty one.
func fieldName(line []byte) []byte {
	i := bytes.IndexByte(line, ':')
	if i <= 0 || bytes.HasPrefix(line, []byte("HTTP/")) {
		return nil
	}
	return line[:i]
}
