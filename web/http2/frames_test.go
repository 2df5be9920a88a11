package http2_test

import (
	"bytes"
	"io"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"tandem/web"
	"tandem/web/webtest"
)

// large answers with more than a window holds, whatever is asked for.
var large = &web.Module{Name: "large", Init: func(h *web.HTTP) error {
	body := bytes.Repeat([]byte("x"), 1<<20)
	h.Handle(web.Content, func(r *web.Request) web.Code {
		r.Response.Status, r.Response.ContentLength = 200, int64(len(body))
		if code := r.SendHeader(); code != web.OK {
			return code
		}
		return r.SendBody(web.Chunk{Data: body, Last: true})
	})
	return nil
}}

// frames is a client that speaks frames by hand.
type frames struct {
	t testing.TB
	io.Closer
	*http2.Framer
	enc  *hpack.Encoder
	buf  bytes.Buffer
	dec  *hpack.Decoder
	conn io.Writer
}

// dialFrames connects to port 8080 and says what a client says first.
func dialFrames(t testing.TB, s *webtest.Server, settings ...http2.Setting) *frames {
	t.Helper()
	nc := s.Dial(t)
	f := &frames{t: t, Closer: nc, Framer: http2.NewFramer(nc, nc), dec: hpack.NewDecoder(4096, nil), conn: nc}
	f.AllowIllegalWrites = true
	f.enc = hpack.NewEncoder(&f.buf)
	if _, err := io.WriteString(nc, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	f.must(f.WriteSettings(settings...))
	return f
}

func (f *frames) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// block encodes a header block of names and values in turns.
func (f *frames) block(kv ...string) []byte {
	f.buf.Reset()
	for i := 0; i+1 < len(kv); i += 2 {
		_ = f.enc.WriteField(hpack.HeaderField{Name: kv[i], Value: kv[i+1]})
	}
	return bytes.Clone(f.buf.Bytes())
}

// ask opens a stream with a GET of a path, and further fields.
func (f *frames) ask(id uint32, path string, kv ...string) error {
	block := f.block(append([]string{":method", "GET", ":scheme", "http", ":path", path, ":authority", "localhost"}, kv...)...)
	return f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndStream: true, EndHeaders: true})
}

// next returns the next frame that is of a stream or ends the connection.
func (f *frames) next() http2.Frame {
	f.t.Helper()
	for {
		fr, err := f.ReadFrame()
		if err != nil {
			f.t.Fatal(err)
		}
		if _, away := fr.(*http2.GoAwayFrame); away || fr.Header().StreamID != 0 && fr.Header().Type != http2.FrameWindowUpdate {
			return fr
		}
	}
}

// status reads a response's head.
func (f *frames) status(id uint32) string {
	f.t.Helper()
	fr, ok := f.next().(*http2.HeadersFrame)
	if !ok || fr.StreamID != id {
		f.t.Fatalf("%v, want the head of %d", fr, id)
	}
	fields, err := f.dec.DecodeFull(fr.HeaderBlockFragment())
	if err != nil || fields[0].Name != ":status" {
		f.t.Fatalf("%v, %v", fields, err)
	}
	return fields[0].Value
}

// data reads a piece of a body.
func (f *frames) data(id uint32) string {
	f.t.Helper()
	fr, ok := f.next().(*http2.DataFrame)
	if !ok || fr.StreamID != id {
		f.t.Fatalf("%v, want data of %d", fr, id)
	}
	return string(fr.Data())
}
