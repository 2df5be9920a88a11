package http1

import (
	"bytes"
	"fmt"
	"slices"
)

func badField(line []byte) *BadRequest {
	return &BadRequest{400, fmt.Sprintf(`client sent invalid header line: "%s"`, quote(line))}
}

// parseFieldLine reads one field line without its line end (RFC 9112 section
// 5).
//
// "No whitespace is allowed between the field name and colon. [...] A server
// MUST reject, with a response status code of 400 (Bad Request), any received
// request message that contains whitespace between a header field name and
// colon" (section 5.1). A folded line begins with white space: "A server that
// receives an obs-fold in a request message [...] MUST either reject the message
// by sending a 400 (Bad Request) [...]" (section 5.2). "Field values containing
// CR, LF, or NUL characters are invalid and dangerous" (RFC 9110 section 5.5);
// the other control characters are refused with them.
func parseFieldLine(f *Field, line []byte, underscores bool) (ok bool) {
	*f = Field{}
	i := 0
name:
	for ; i < len(line); i++ {
		switch class := nameClass[line[i]]; class {
		case nameToken:
		case nameColon:
			break name
		case nameBad:
			return false
		default:
			odd := class == nameOdd
			f.Underscore = f.Underscore || !odd
			f.Invalid = f.Invalid || odd || !underscores
		}
	}
	if i == 0 || i == len(line) {
		return false
	}
	f.Name = line[:i]
	f.Value = line[i+1:]
	if controlIndex(f.Value) >= 0 {
		return false
	}
	f.ID = LookupFieldID(f.Name)
	f.Value = trimField(f.Value, f.ID)
	return true
}

// trimField removes the white space around a value. In the fields that frame
// or address a message only spaces count: nginx takes a tab for a part of the
// value there and refuses it, and so does this reading.
func trimField(v []byte, id FieldID) []byte {
	tabs := id != ContentLength && id != TransferEncoding && id != Host
	for len(v) > 0 && (v[0] == ' ' || tabs && v[0] == '\t') {
		v = v[1:]
	}
	for n := len(v); n > 0 && (v[n-1] == ' ' || tabs && v[n-1] == '\t'); n-- {
		v = v[:n-1]
	}
	return v
}

// addField reads a field line into h and checks what can be said about it
// before the head is complete.
func (h *Head) addField(line []byte, lim *Limits) *BadRequest {
	if len(h.Fields) == cap(h.Fields) {
		h.Fields = slices.Grow(h.Fields, max(16, len(h.Fields)))
	}
	// The field is read into its place, and stays there unless it is dropped.
	n := len(h.Fields)
	f := &h.Fields[:n+1][n]
	if !parseFieldLine(f, line, lim.UnderscoresInHeaders) {
		return badField(line)
	}
	if f.Invalid && lim.IgnoreInvalidHeaders {
		if len(h.Dropped) < maxKeptFields {
			h.Dropped = append(h.Dropped, *f)
		}
		return nil
	}
	if n >= orDefault(lim.MaxHeaders, defaultMaxHeaders) || n == 1<<16-1 {
		return &BadRequest{StatusHeaderTooLarge, "client sent too many header lines"}
	}
	h.Fields = h.Fields[:n+1]
	if f.ID == 0 {
		return nil
	}
	if first := h.first[f.ID]; first == 0 {
		h.first[f.ID] = uint16(len(h.Fields))
	} else if uniqueField[f.ID] {
		what := "header line"
		if f.ID == Host {
			what = "host header"
		}
		was := h.Fields[first-1]
		return &BadRequest{400, fmt.Sprintf(`client sent duplicate %s: "%s: %s", previous value: "%s: %s"`,
			what, quote(f.Name), quote(f.Value), quote(was.Name), quote(was.Value))}
	}
	switch f.ID {
	case Host:
		h.Host, h.HasHost = f.Value, true
		name, port, lowered, ok := serverName(h.lowered, f.Value)
		if !ok {
			return &BadRequest{400, "client sent invalid host header"}
		}
		if h.Authority == nil {
			// "When a server receives a request with an absolute-form of
			// request-target, it MUST ignore the received Host header field"
			// (RFC 9112 section 3.2.2).
			h.ServerName, h.ServerPort, h.lowered = name, port, lowered
		}
	case Connection:
		h.addConnection(f.Value)
	}
	return nil
}

// addConnection notes the tokens of a Connection field that matter here.
func (h *Head) addConnection(v []byte) {
	for len(v) > 0 {
		token := v
		if i := bytes.IndexByte(v, ','); i >= 0 {
			token, v = v[:i], v[i+1:]
		} else {
			v = nil
		}
		token = trimField(token, 0)
		switch {
		case EqualLower(token, "close"):
			h.ConnectionClose = true
		case EqualLower(token, "keep-alive"):
			h.ConnectionKeepAlive = true
		case EqualLower(token, "upgrade"):
			h.ConnectionUpgrade = true
		}
	}
}
