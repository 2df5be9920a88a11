package web

import (
	"bytes"
	"strconv"
	"unsafe"

	"tandem/web/message"
)

// Response is the head of an answer, before it is written in the words of a
// protocol version.
type Response struct {
	Status        int
	StatusLine    []byte // "200 OK" from a back end; nil: by Status
	ContentLength int64  // -1: not known
	// ContentOffset is where in the whole body the bytes begin that the handler
	// will send, for one that skips what the client did not ask for.
	ContentOffset int64
	ContentType   []byte // nil: no header; without charset
	Charset       []byte // added to ContentType unless empty
	written       writtenType
	// OverrideCharset is the charset that a back end asks for in place of what
	// charset says (X-Accel-Charset); nil: none.
	OverrideCharset []byte
	LastModified    int64  // Unix seconds, -1: none
	Location        []byte // made absolute when it begins with "/"
	// GzipVary: the body depends on Accept-Encoding, so that gzip_vary adds
	// the Vary header.
	GzipVary bool
	// OmitServer and OmitDate: the field of a back end that is to be seen by
	// clients takes the place of ours, or that it has none.
	OmitServer, OmitDate bool
	fields               []ResponseField
	trailers             []ResponseField
}

// ResponseField is one header of an answer.
type ResponseField struct {
	Name, Value []byte
}

func (p *Response) reset() {
	clear(p.fields)
	clear(p.trailers)
	*p = Response{ContentLength: -1, LastModified: -1, fields: p.fields[:0], trailers: p.trailers[:0]}
}

// Fields returns the headers that have no field of their own in Response, in
// the order in which they were added. The slice is only to be read.
func (p *Response) Fields() []ResponseField { return p.fields }

// Trailers returns the fields that follow the body.
func (p *Response) Trailers() []ResponseField { return p.trailers }

// Add adds a header. Name and value must stay unchanged until the response
// has been sent.
func (p *Response) Add(name string, value []byte) {
	p.AddBytes(nameBytes(name), value)
}

// AddBytes is Add for a name that is no constant.
func (p *Response) AddBytes(name, value []byte) {
	p.fields = append(p.fields, ResponseField{name, value})
}

// Set adds a header in place of all of that name.
func (p *Response) Set(name string, value []byte) {
	p.Del(name)
	p.Add(name, value)
}

// Get returns the value of the first header of that name, nil if there is
// none; case does not matter.
func (p *Response) Get(name string) []byte {
	for i := range p.fields {
		if message.EqualFold(p.fields[i].Name, name) {
			return p.fields[i].Value
		}
	}
	return nil
}

// Has reports whether there is a header of that name.
func (p *Response) Has(name string) bool {
	for i := range p.fields {
		if message.EqualFold(p.fields[i].Name, name) {
			return true
		}
	}
	return false
}

// Del removes all headers of that name.
func (p *Response) Del(name string) {
	kept := p.fields[:0]
	for _, f := range p.fields {
		if !message.EqualFold(f.Name, name) {
			kept = append(kept, f)
		}
	}
	clear(p.fields[len(kept):])
	p.fields = kept
}

// Replace gives the first header called old another name and value, and removes
// the others that are called so; without one it adds it. An empty value only
// removes.
func (p *Response) Replace(old, name string, value []byte) {
	if len(value) == 0 {
		p.Del(old)
		return
	}
	first := -1
	kept := p.fields[:0]
	for _, f := range p.fields {
		switch {
		case !message.EqualFold(f.Name, old):
		case first >= 0:
			continue
		default:
			first = len(kept)
		}
		kept = append(kept, f)
	}
	clear(p.fields[len(kept):])
	p.fields = kept
	p.Add(name, value)
	if n := len(p.fields) - 1; first >= 0 {
		p.fields[first] = p.fields[n]
		p.fields = p.fields[:n]
	}
}

// AddTrailer adds a field that follows the body.
func (p *Response) AddTrailer(name string, value []byte) {
	p.trailers = append(p.trailers, ResponseField{nameBytes(name), value})
}

// nameBytes returns the bytes of the string itself: a field's name is only ever
// read.
func nameBytes(name string) []byte { return unsafe.Slice(unsafe.StringData(name), len(name)) }

// AddTrailerBytes is AddTrailer for a name that is no constant.
func (p *Response) AddTrailerBytes(name, value []byte) {
	p.trailers = append(p.trailers, ResponseField{name, value})
}

// SetETag sets or, with nil, removes the entity tag.
func (p *Response) SetETag(value []byte) {
	p.Del("ETag")
	if value != nil {
		p.Add("ETag", value)
	}
}

// SetFileETag sets the entity tag of a file from LastModified and
// ContentLength, unless the etag directive says off.
func (r *Request) SetFileETag() {
	if !r.Core.ETag.V {
		return
	}
	p := &r.Response
	tag := append(r.Scratch(), '"')
	tag = strconv.AppendInt(tag, p.LastModified, 16)
	tag = append(tag, '-')
	tag = strconv.AppendInt(tag, p.ContentLength, 16)
	tag = append(tag, '"')
	p.SetETag(r.Keep(tag))
	r.Unscratch(tag)
}

// ETag returns the entity tag, nil if there is none.
func (p *Response) ETag() []byte { return p.Get("ETag") }

// WeakenETag marks the entity tag as weak, as filters do that change a body's
// bytes but not its meaning (RFC 9110, 8.8.1); one that is no valid strong tag
// is removed.
func (r *Request) WeakenETag() {
	for i := range r.Response.fields {
		f := &r.Response.fields[i]
		if !message.EqualFold(f.Name, "ETag") {
			continue
		}
		switch {
		case bytes.HasPrefix(f.Value, []byte("W/")):
		case len(f.Value) == 0 || f.Value[0] != '"':
			r.Response.Del("ETag")
		default:
			scratch := append(append(r.Scratch(), "W/"...), f.Value...)
			f.Value = r.Keep(scratch)
			r.Unscratch(scratch)
		}
		return
	}
}

// ClearContentLength makes the length of the body unknown.
func (p *Response) ClearContentLength() { p.ContentLength = -1 }

// ClearAcceptRanges takes back the offer of ranges.
func (r *Request) ClearAcceptRanges() {
	r.AllowRanges = false
	r.Response.Del("Accept-Ranges")
}

// clearHead forgets the whole head, before an error takes its place.
func (r *Request) clearHead() { r.Response.reset() }

// NoContent reports whether a status has no body and no Content-Type.
func NoContent(status int) bool { return status == 204 || status == 304 || status < 200 }

// Chunk is a piece of a body on its way through the filters: bytes, or a part
// of a file.
type Chunk struct {
	Data []byte
	File FileSegment // when File.Len > 0
	// Flush: send what waits in filters and buffers.
	Flush bool
	// Last: the body ends with this piece.
	Last bool
}

// Len returns the number of bytes in c.
func (c *Chunk) Len() int64 { return int64(len(c.Data)) + c.File.Len }
