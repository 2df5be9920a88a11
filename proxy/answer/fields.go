package answer

import (
	"fmt"
	"math"

	"tandem/web/message"
)

// Add takes a header of the response. What frames the message is looked at now,
// because no other reading of it may exist. A header of which there may be one
// only and was one before is ignored: other is that one. The error is a *BadField.
func (h *Head) Add(f Field) (other *Field, err error) {
	switch f.ID {
	case 0, FieldAcceptRanges, FieldAge, FieldContentDisposition, FieldUpgrade, FieldContentRange, FieldKeepAlive,
		FieldLink, FieldContentEncoding, FieldSetCookie, FieldCacheControl, FieldVary, FieldWWWAuthenticate,
		FieldXAccelBuffering, FieldXAccelCharset, FieldXPad, FieldTrailer:
	case FieldConnection:
		if containsFold(f.Value, "close") {
			h.Close = true
		}
	case FieldContentLength:
		if err := h.takeLength(&f); err != nil {
			return nil, err
		}
	case FieldTransferEncoding:
		if err := h.takeEncoding(&f); err != nil {
			return nil, err
		}
	default:
		if old := h.Get(f.ID); old != nil {
			return old, nil
		}
	}
	if len(h.Fields) >= maxFields {
		return nil, &BadField{"upstream sent too many headers"}
	}
	h.Fields = append(h.Fields, f)
	if f.ID != 0 && h.known[f.ID] == 0 {
		h.known[f.ID] = uint16(len(h.Fields))
	}
	return nil, nil
}

// errBothLengths: RFC 9112 section 6.3 lets a recipient treat such a response
// as an error, because it "might indicate an attempt to perform request
// smuggling or response splitting".
var errBothLengths = &BadField{"upstream sent \"Content-Length\" and \"Transfer-Encoding\" headers at the same time"}

func (h *Head) takeLength(f *Field) error {
	if old := h.Get(FieldContentLength); old != nil {
		return duplicate(f, old)
	}
	if h.Get(FieldTransferEncoding) != nil {
		return errBothLengths
	}
	n, ok := parseLength(f.Value)
	if !ok {
		return &BadField{fmt.Sprintf("upstream sent invalid \"Content-Length\" header: \"%s: %s\"", f.Name, f.Value)}
	}
	h.ContentLength = n
	return nil
}

func (h *Head) takeEncoding(f *Field) error {
	if old := h.Get(FieldTransferEncoding); old != nil {
		return duplicate(f, old)
	}
	if h.Get(FieldContentLength) != nil {
		return errBothLengths
	}
	if !message.EqualLower(f.Value, "chunked") {
		return &BadField{fmt.Sprintf("upstream sent unknown \"Transfer-Encoding\": \"%s\"", f.Value)}
	}
	h.Chunked = true
	return nil
}

func duplicate(f, old *Field) error {
	return &BadField{fmt.Sprintf("upstream sent duplicate header line: \"%s: %s\", previous value: \"%s: %s\"",
		f.Name, f.Value, old.Name, old.Value)}
}

// parseLength reads 1*DIGIT that fits into 63 bits.
func parseLength(v []byte) (n int64, ok bool) {
	if len(v) == 0 {
		return 0, false
	}
	for _, c := range v {
		if c < '0' || c > '9' || n > (math.MaxInt64-int64(c-'0'))/10 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// containsFold reports whether v holds the lower-case word, in any case.
func containsFold(v []byte, word string) bool {
	for i := 0; i+len(word) <= len(v); i++ {
		if message.EqualLower(v[i:i+len(word)], word) {
			return true
		}
	}
	return false
}

// cutFold returns what follows the lower-case word in v, in any case.
func cutFold(v []byte, word string) (before, after []byte, found bool) {
	for i := 0; i+len(word) <= len(v); i++ {
		if message.EqualLower(v[i:i+len(word)], word) {
			return v[:i+len(word)], v[i+len(word):], true
		}
	}
	return v, nil, false
}
