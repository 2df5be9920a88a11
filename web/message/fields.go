package message

import (
	"fmt"
	"math"
	"slices"

	"tandem/internal/hostnames"
)

// NextField returns the place of another field, which Add takes in once it is
// filled.
func (h *Head) NextField() *Field {
	n := len(h.Fields)
	if n == cap(h.Fields) {
		h.Fields = slices.Grow(h.Fields, max(16, n))
	}
	return &h.Fields[:n+1][n]
}

// Add takes in the field in NextField and checks what can be said about it
// before the head is complete. It drops an invalid one when ignoreInvalid is
// set. No more than limit fields find a place.
func (h *Head) Add(ignoreInvalid bool, limit int) *BadRequest {
	n := len(h.Fields)
	f := &h.Fields[:n+1][n]
	if f.Invalid && ignoreInvalid {
		if len(h.Dropped) < maxKeptFields {
			h.Dropped = append(h.Dropped, *f)
		}
		return nil
	}
	if n >= limit || n == 1<<16-1 {
		return Bad(StatusHeaderTooLarge, "client sent too many header lines")
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
		return Bad(400, fmt.Sprintf(`client sent duplicate %s: "%s: %s", previous value: "%s: %s"`,
			what, Quote(f.Name), Quote(f.Value), Quote(was.Name), Quote(was.Value)))
	}
	switch f.ID {
	case Host:
		h.Host, h.HasHost = f.Value, true
		name, port, lowered, ok := hostnames.AppendServerName(h.lowered, f.Value)
		if !ok {
			return Bad(400, "client sent invalid host header")
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

// SetAuthority sets Authority and takes the server's name and port from it. It
// returns false when that is not a host.
func (h *Head) SetAuthority(authority []byte) (ok bool) {
	h.Authority = authority
	h.ServerName, h.ServerPort, h.lowered, ok = hostnames.AppendServerName(h.lowered, authority)
	return ok
}

// addConnection notes the words of a Connection field that matter here, wherever
// they stand, as nginx does.
func (h *Head) addConnection(v []byte) {
	switch {
	case containsLower(v, "close"):
		h.ConnectionClose = true
	case containsLower(v, "keep-alive"):
		h.ConnectionKeepAlive = true
	}
}

// containsLower looks in v for a word in lower case, whatever the case there.
func containsLower(v []byte, word string) bool {
	for i := 0; i+len(word) <= len(v); i++ {
		if EqualLower(v[i:i+len(word)], word) {
			return true
		}
	}
	return false
}

// ParseLength reads the value of Content-Length: 1*DIGIT that fits into 63 bits.
func ParseLength(v []byte) (n int64, ok bool) {
	if len(v) == 0 {
		return 0, false
	}
	for _, c := range v {
		if !IsDigit(c) || n > (math.MaxInt64-int64(c-'0'))/10 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
