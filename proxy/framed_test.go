package proxy_test

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"tandem/web/webtest"
)

// framed is a back end that speaks HTTP/2 frame by frame: one connection.
type framed struct {
	*http2.Framer
	t    testing.TB
	conn net.Conn
	n    int // the how manieth connection, from 1
	enc  bytes.Buffer
	hpe  *hpack.Encoder
}

// serveFrames has every connection to a back end served by serve, after the
// settings have been sent. It returns the address.
func serveFrames(t testing.TB, settings []http2.Setting, serve func(f *framed)) string {
	var mu sync.Mutex
	n := 0
	return webtest.Backend(t, "127.0.0.1:0", func(c net.Conn) {
		mu.Lock()
		n++
		f := &framed{Framer: http2.NewFramer(c, c), t: t, conn: c, n: n}
		mu.Unlock()
		f.hpe = hpack.NewEncoder(&f.enc)
		f.hpe.SetMaxDynamicTableSize(0)
		f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
		if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
			return
		}
		_ = f.WriteSettings(settings...)
		serve(f)
	})
}

// request reads up to the next request, and returns its stream and fields; 0: the
// connection has ended.
func (f *framed) request() (id uint32, fields string) {
	for {
		fr, err := f.ReadFrame()
		if err != nil {
			return 0, ""
		}
		switch fr := fr.(type) {
		case *http2.SettingsFrame:
			if !fr.IsAck() {
				_ = f.WriteSettingsAck()
			}
		case *http2.MetaHeadersFrame:
			for _, h := range fr.Fields {
				fields += h.Name + ": " + h.Value + "\n"
			}
			return fr.StreamID, fields
		}
	}
}

// head sends a header block of "name: value" lines.
func (f *framed) head(id uint32, end bool, fields ...string) {
	f.enc.Reset()
	for _, field := range fields {
		name, value, _ := strings.Cut(field, "= ")
		_ = f.hpe.WriteField(hpack.HeaderField{Name: name, Value: value})
	}
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: f.enc.Bytes(), EndStream: end, EndHeaders: true})
}

// answer sends a whole response.
func (f *framed) answer(id uint32, body string) {
	f.head(id, false, ":status= 200")
	_ = f.WriteData(id, true, []byte(body))
}
