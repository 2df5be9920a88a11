package h2

import (
	"bytes"
	"io"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// frames returns what write puts on the wire.
func (p *peer) frames(write func(f *http2.Framer)) []byte {
	var buf bytes.Buffer
	f := http2.NewFramer(&buf, nil)
	f.AllowIllegalWrites = true
	write(f)
	return buf.Bytes()
}

func (p *peer) send(b []byte) {
	p.t.Helper()
	if _, err := p.Conn.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// A stream is given the bytes of a frame that has not come whole.
func TestPartialData(t *testing.T) {
	a, b := tcpPair(t)
	got := make(chan string)
	serveOn(t, b, func(s *Stream, _ []hpack.HeaderField) {
		s.ReadTimeout = 10 * time.Second
		buf := make([]byte, 1<<16)
		for {
			n, err := s.Read(buf)
			if n > 0 {
				got <- string(buf[:n])
			}
			if err != nil {
				got <- err.Error()
				return
			}
		}
	})
	p := newPeer(t, a)
	p.start()
	p.get(1, false)
	small := p.frames(func(f *http2.Framer) { _ = f.WriteDataPadded(1, false, []byte("hello"), make([]byte, 9)) })
	p.send(small[:13])
	if s := <-got; s != "hel" {
		t.Errorf("%q of a part of a frame", s)
	}
	p.send(small[13:16])
	if s := <-got; s != "lo" {
		t.Errorf("then %q", s)
	}
	p.send(small[16:])
	p.send(p.frames(func(f *http2.Framer) { _ = f.WriteData(1, true, nil) }))
	if s := <-got; s != io.EOF.Error() {
		t.Errorf("at the end %q", s)
	}
}

// A stream whose block does not come in time is reset, and the connection, whose
// table the rest of the block changes, goes on.
func TestPartialHead(t *testing.T) {
	for _, at := range []int{10, 20} {
		a, b := tcpPair(t)
		v := &server{t: t, pipe: &pipe{Conn: b}, done: make(chan error, 1)}
		v.answer = func(s *Stream, request []hpack.HeaderField) {
			_, _ = s.SendHead(fields{":status", "200", "x", request[len(request)-1].Value}, true)
			_ = s.Flush()
		}
		v.c = NewConn(v.pipe, v, Options{Window: 65535, Limits: testLimits, HeadTime: time.Millisecond})
		go func() { v.done <- v.c.Serve() }()
		p := newPeer(t, a)
		p.start()
		request := func(id uint32) []byte {
			block := p.block(":method", "GET", ":path", "/", "x-long-name", "value")
			return p.frames(func(f *http2.Framer) {
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndStream: true, EndHeaders: true})
			})
		}
		first := request(1)
		p.send(first[:at])
		if code := p.rst(1); code != ProtocolError {
			t.Errorf("a block cut at %d: %v", at, code)
		}
		p.send(first[at:])
		p.send(request(3))
		f, ok := p.next().(*http2.HeadersFrame)
		if !ok || f.StreamID != 3 {
			t.Fatalf("%v", f)
		}
		h, err := p.hd.DecodeFull(f.HeaderBlockFragment())
		if err != nil || h[1].Value != "value" {
			t.Errorf("%v, %v", h, err)
		}
		a.Close()
		<-v.done
	}
}

// A frame is as long as the settings say, however long the buffer is.
func TestLongFrame(t *testing.T) {
	for _, most := range []uint32{0, 200000} {
		a, b := tcpPair(t)
		v := &server{t: t, pipe: &pipe{Conn: b}, done: make(chan error, 1)}
		got := make(chan int, 1)
		v.answer = func(s *Stream, _ []hpack.HeaderField) {
			body, _ := io.ReadAll(s)
			got <- len(body)
		}
		o := Options{Window: 1 << 20, Limits: testLimits}
		if most > 0 {
			o.Settings = []Setting{{SettingMaxFrameSize, most}}
		}
		v.c = NewConn(v.pipe, v, o)
		go func() { v.done <- v.c.Serve() }()
		p := newPeer(t, a)
		p.start()
		p.get(1, false)
		p.send(p.frames(func(f *http2.Framer) { _ = f.WriteData(1, true, make([]byte, 150000)) }))
		want := 150000
		if most == 0 {
			want = 0
		}
		if n := <-got; n != want {
			t.Errorf("frames of up to %d bytes: %d came", most, n)
		}
		_ = a.Close()
		<-v.done
	}
}
