package http2

import (
	"fmt"
	"unsafe"

	"golang.org/x/net/http2/hpack"

	"tandem/proxy/answer"
	"tandem/proxy/exchange"
)

// Response is how far a response has come. Its methods are those of an
// exchange.StreamProtocol, of the exchange x.
type Response struct {
	left int64 // of the body; -1: not told
}

// bytesOf returns the bytes of the string itself: what a head holds is only read.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// TakeHead takes the fields of an interim or final response. bodiless: no body
// follows whatever its length is said to be, because the method is HEAD.
func (p *Response) TakeHead(x *exchange.Exchange, fields []hpack.HeaderField, bodiless bool) error {
	h := &x.Head
	for i := range fields {
		f := &fields[i]
		switch {
		case !valid(f):
			return &answer.BadField{Reason: invalid("header", f)}
		case f.Name[0] == ':':
			if err := takeStatus(h, f); err != nil {
				return err
			}
			continue
		case h.Status == 0:
			return errNoStatus
		}
		field := answer.NewField(bytesOf(f.Name), bytesOf(f.Value))
		if h.Status == 103 {
			h.Fields = append(h.Fields, field)
		} else if err := x.AddField(field); err != nil {
			return err
		}
	}
	switch {
	case h.Status == 0:
		return errNoStatus
	case h.Status == 204, h.Status == 304, bodiless:
		p.left = 0
	default:
		p.left = h.ContentLength
	}
	return nil
}

var (
	errNoStatus = &answer.BadField{Reason: "upstream sent no :status header"}
	errTooLong  = &answer.BadField{Reason: "upstream sent response body larger than indicated content length"}
)

func invalid(what string, f *hpack.HeaderField) string {
	return fmt.Sprintf("upstream sent invalid %s: \"%s: %s\"", what, answer.Quote([]byte(f.Name)), answer.Quote([]byte(f.Value)))
}

// takeStatus takes a pseudo-header field: responses have :status only.
func takeStatus(h *answer.Head, f *hpack.HeaderField) error {
	switch {
	case f.Name != ":status":
		return &answer.BadField{Reason: invalid("header", f)}
	case h.Status != 0:
		return &answer.BadField{Reason: "upstream sent duplicate :status header"}
	}
	status := 0
	for _, c := range []byte(f.Value) {
		if c < '0' || c > '9' || len(f.Value) != 3 {
			status = 0
			break
		}
		status = status*10 + int(c-'0')
	}
	switch {
	case status == 0:
		return &answer.BadField{Reason: fmt.Sprintf("upstream sent invalid :status \"%s\"", answer.Quote([]byte(f.Value)))}
	case status < 200 && status != 103:
		return &answer.BadField{Reason: fmt.Sprintf("upstream sent unexpected :status \"%s\"", f.Value)}
	}
	h.Status = status
	return nil
}

// valid reports whether a field is one that HTTP/2 allows (RFC 9113 section
// 8.2.1), as tolerantly as nginx.
func valid(f *hpack.HeaderField) bool {
	if f.Name == "" {
		return false
	}
	for i := range len(f.Name) {
		if c := f.Name[i]; c == ':' && i > 0 || 'A' <= c && c <= 'Z' || c <= ' ' || c == 0x7f {
			return false
		}
	}
	for i := range len(f.Value) {
		if c := f.Value[i]; c == 0 || c == '\r' || c == '\n' {
			return false
		}
	}
	return true
}

// ParseBody checks a piece of the body, which is all of it.
func (p *Response) ParseBody(x *exchange.Exchange, b []byte) (data []byte, n int, err error) {
	if p.left >= 0 {
		if int64(len(b)) > p.left {
			return nil, len(b), errTooLong
		}
		p.left -= int64(len(b))
		if x.Done {
			err = p.EndBody()
		}
	}
	return b, len(b), err
}

// EndBody says what is wrong with the body having ended.
func (p *Response) EndBody() error {
	if p.left > 0 {
		return exchange.ErrCut
	}
	return nil
}

// TakeTrailers takes the fields behind the body.
func TakeTrailers(x *exchange.Exchange, fields []hpack.HeaderField) error {
	for i := range fields {
		f := &fields[i]
		if !valid(f) || f.Name[0] == ':' {
			return &answer.BadField{Reason: invalid("trailer", f)}
		}
		x.Head.Trailers = append(x.Head.Trailers, answer.NewField(bytesOf(f.Name), bytesOf(f.Value)))
	}
	return nil
}
