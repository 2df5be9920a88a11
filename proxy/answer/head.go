package answer

import (
	"bytes"
	"math"
	"slices"
)

// Field is a header or trailer of a response.
type Field struct {
	Name, Value []byte
	ID          FieldID
}

// NewField returns a field that has been taken apart elsewhere.
func NewField(name, value []byte) Field { return Field{name, value, lookupField(name)} }

// Head is the head of a response. Its slices point into the buffer that the
// head was received in and are valid until the request ends.
type Head struct {
	Status     int
	StatusLine []byte // "200 OK"
	Fields     []Field
	Trailers   []Field // once the body has been read

	ContentLength int64 // -1: not told
	Chunked       bool
	Close         bool // the connection is not to be reused

	known [fieldIDs]uint16 // index+1 of the first field
}

// Reset empties h.
func (h *Head) Reset() {
	fields, trailers := h.Fields, h.Trailers
	clear(fields)
	clear(trailers)
	*h = Head{ContentLength: -1, Fields: fields[:0], Trailers: trailers[:0]}
}

// Get returns the first field with the ID, nil without one.
func (h *Head) Get(id FieldID) *Field {
	if i := h.known[id]; i != 0 {
		return &h.Fields[i-1]
	}
	return nil
}

// Drop takes fields out of the head.
func (h *Head) Drop(which func(*Field) bool) {
	kept := h.Fields[:0]
	h.known = [fieldIDs]uint16{}
	for i := range h.Fields {
		if which(&h.Fields[i]) {
			continue
		}
		kept = append(kept, h.Fields[i])
		if id := h.Fields[i].ID; id != 0 && h.known[id] == 0 {
			h.known[id] = uint16(len(kept))
		}
	}
	clear(h.Fields[len(kept):])
	h.Fields = kept
}

// Clone returns a head that stays as it is when h is used again, but for the bytes
// that its fields point to.
func (h *Head) Clone() Head {
	c := *h
	c.Fields, c.Trailers = slices.Clone(h.Fields), nil
	return c
}

// Lookup returns the value of the first header of a name, in any case, that
// something is done with.
func (h *Head) Lookup(name string) (value []byte, ok bool) {
	if f := h.Get(lookupField([]byte(name))); f != nil {
		return f.Value, true
	}
	return nil, false
}

// BadField is what is wrong with a header of a response; it makes the
// response invalid.
type BadField struct{ Reason string }

func (e *BadField) Error() string { return e.Reason }

// nameClass says what a byte may be in a field's name.
var nameClass = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c == ':':
			t[c] = nameEnd
		case c <= ' ', c == 0x7f:
			t[c] = nameBad
		}
	}
	return t
}()

const (
	nameEnd = 1 + iota
	nameBad
)

// ParseField reads a header line without its line end, as tolerantly as
// nginx: a line without a colon is a header without a value. skip is set for
// the second status line that some servers send.
func ParseField(line []byte) (f Field, skip, ok bool) {
	i := 0
scan:
	for ; i < len(line); i++ {
		switch nameClass[line[i]] {
		case nameEnd:
			break scan
		case nameBad:
			return f, false, false
		}
		if line[i] == '/' && i == 4 && string(line[:4]) == "HTTP" {
			return f, true, true
		}
	}
	if i == 0 {
		return f, false, false
	}
	f.Name = line[:i]
	if i < len(line) {
		v := line[i+1:]
		for len(v) > 0 && v[0] == ' ' {
			v = v[1:]
		}
		for n := len(v); n > 0 && v[n-1] == ' '; n-- {
			v = v[:n-1]
		}
		f.Value = v
	}
	// A bare CR, which some recipients take for the end of the line, would
	// let a back end's header become two.
	if bytes.IndexByte(f.Value, 0) >= 0 || bytes.IndexByte(f.Value, '\r') >= 0 {
		return f, false, false
	}
	f.ID = lookupField(f.Name)
	return f, false, true
}

// maxFields bounds the headers of one response.
const maxFields = math.MaxUint16 - 1
