package h2

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func hello(s *Stream, _ []hpack.HeaderField) {
	_, _ = s.SendHead(fields{":status", "200", "Content-Type", "text/plain"}, false)
	_ = s.SendData([]byte("hello"), true)
	_ = s.Flush()
}

func TestAnswer(t *testing.T) {
	a, b := tcpPair(t)
	v := serveOn(t, b, hello)
	p := newPeer(t, a)
	p.start()
	p.get(1, true)
	h := p.next().(*http2.HeadersFrame)
	got, err := p.hd.DecodeFull(h.HeaderBlockFragment())
	if err != nil || len(got) != 2 || got[0].Value != "200" || got[1].Name != "content-type" {
		t.Fatalf("%v %v", got, err)
	}
	d := p.next().(*http2.DataFrame)
	if string(d.Data()) != "hello" || !d.StreamEnded() {
		t.Fatalf("%q %v", d.Data(), d)
	}
	a.Close()
	if err := <-v.done; err != io.EOF {
		t.Fatal(err)
	}
}

// What many streams have to say leaves in few writes.
func TestOneWriter(t *testing.T) {
	a, b := tcpPair(t)
	const n = 32
	ready := make(chan struct{})
	v := serveOn(t, b, func(s *Stream, f []hpack.HeaderField) {
		if s.ID() == 2*n-1 {
			close(ready)
		}
		<-ready
		hello(s, f)
	})
	p := newPeer(t, a)
	p.start()
	for i := range uint32(n) {
		p.get(2*i+1, true)
	}
	for ended := 0; ended < n; {
		if d, ok := p.next().(*http2.DataFrame); ok && d.StreamEnded() {
			ended++
		}
	}
	v.pipe.mu.Lock()
	defer v.pipe.mu.Unlock()
	if v.pipe.writes > n/2 {
		t.Errorf("%d answers took %d writes", n, v.pipe.writes)
	}
}

func TestFlowControl(t *testing.T) {
	a, b := tcpPair(t)
	body := bytes.Repeat([]byte("0123456789"), 20000)
	sent := make(chan error, 1)
	serveOn(t, b, func(s *Stream, _ []hpack.HeaderField) {
		_, _ = s.SendHead(fields{":status", "200"}, false)
		sent <- s.SendData(body, true)
		_ = s.Flush()
	})
	p := newPeer(t, a)
	p.start(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10})
	p.get(1, true)
	var got []byte
	window := 10
	for {
		switch f := p.next().(type) {
		case *http2.DataFrame:
			if got = append(got, f.Data()...); len(got) > window {
				t.Fatalf("%d bytes came, the window was %d", len(got), window)
			}
			if f.StreamEnded() {
				if err := <-sent; err != nil || !bytes.Equal(got, body) {
					t.Fatalf("%d bytes of %d: %v", len(got), len(body), err)
				}
				return
			}
			if len(got) == window {
				window += 7001
				_ = p.WriteWindowUpdate(0, 7001)
				_ = p.WriteWindowUpdate(1, 7001)
			}
		}
	}
}

// A peer that opens no window does not hold a stream for ever.
func TestStalledWindow(t *testing.T) {
	a, b := tcpPair(t)
	sent := make(chan error, 1)
	serveOn(t, b, func(s *Stream, _ []hpack.HeaderField) {
		s.SendTimeout = 20 * time.Millisecond
		_, _ = s.SendHead(fields{":status", "200"}, false)
		sent <- s.SendData(make([]byte, 100), true)
	})
	p := newPeer(t, a)
	p.start(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	p.get(1, true)
	if err := <-sent; err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Fatal(err)
	}
	if code := p.rst(1); code != NoError {
		t.Fatal(code)
	}
}

func TestBody(t *testing.T) {
	a, b := tcpPair(t)
	got := make(chan string, 1)
	v := serveOn(t, b, func(s *Stream, _ []hpack.HeaderField) {
		body, err := io.ReadAll(s)
		if err != nil {
			t.Error(err)
		}
		got <- string(body)
		hello(s, nil)
	})
	p := newPeer(t, a)
	p.start()
	p.get(1, false)
	want := strings.Repeat("x", 300000)
	opened := make(chan int, 100)
	go func() {
		for f, err := p.ReadFrame(); err == nil; f, err = p.ReadFrame() {
			if w, ok := f.(*http2.WindowUpdateFrame); ok && w.StreamID == 1 {
				opened <- int(w.Increment)
			}
		}
	}()
	window := 65535
	for left := want; left != ""; {
		n := min(len(left), 10000)
		for size := n + 11; window < size; {
			window += <-opened
		}
		if err := p.WriteDataPadded(1, false, []byte(left[:n]), make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		window -= n + 11
		left = left[n:]
	}
	err := p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.block("x-sum", "1"), EndStream: true, EndHeaders: true})
	if err != nil {
		t.Fatal(err)
	}
	if body := <-got; body != want {
		t.Fatalf("%d bytes of %d", len(body), len(want))
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.log) != 1 || !strings.Contains(v.log[0], "x-sum") {
		t.Fatal(v.log)
	}
}

func TestShutdown(t *testing.T) {
	a, b := tcpPair(t)
	answer := make(chan struct{})
	v := serveOn(t, b, func(s *Stream, f []hpack.HeaderField) {
		<-answer
		hello(s, f)
	})
	p := newPeer(t, a)
	p.start()
	p.get(1, true)
	for v.c.Streams() == 0 {
		time.Sleep(time.Millisecond)
	}
	v.c.Shutdown(false)
	if g := p.next().(*http2.GoAwayFrame); g.LastStreamID != maxID {
		t.Fatal(g)
	}
	ping := p.next().(*http2.PingFrame)
	// A request that was on its way when the warning came is served.
	p.get(3, true)
	_ = p.WritePing(true, ping.Data)
	if g := p.next().(*http2.GoAwayFrame); g.LastStreamID != 3 {
		t.Fatal(g)
	}
	p.get(5, true)
	close(answer)
	ended := map[uint32]bool{}
	for len(ended) < 2 {
		if d, ok := p.next().(*http2.DataFrame); ok && d.StreamEnded() {
			ended[d.StreamID] = true
		}
	}
	if _, err := p.ReadFrame(); err != io.EOF || ended[5] {
		t.Fatal(err, ended)
	}
	a.Close()
	if err := <-v.done; err != ErrClosed {
		t.Fatal(err)
	}
}

// The rules that a peer may break, and what it comes to.
func TestRules(t *testing.T) {
	long := strings.Repeat("x", 9000)
	for _, test := range []struct {
		name string
		do   func(p *peer)
		code ErrCode
		rst  uint32 // of a stream, not the connection
	}{
		{"DATA on stream 0", func(p *peer) { _ = p.WriteRawFrame(http2.FrameData, 0, 0, []byte("x")) }, ProtocolError, 0},
		{"DATA on an idle stream", func(p *peer) { _ = p.WriteRawFrame(http2.FrameData, 0, 9, []byte("x")) }, ProtocolError, 0},
		{"even stream", func(p *peer) { p.get(2, true) }, ProtocolError, 0},
		{"lower stream", func(p *peer) { p.get(5, true); p.get(3, true) }, ProtocolError, 0},
		{"padding too long", func(p *peer) {
			p.get(1, false)
			_ = p.WriteRawFrame(http2.FrameData, http2.FlagDataPadded, 1, []byte{5, 1, 2})
		}, ProtocolError, 0},
		{"SETTINGS of 5 bytes", func(p *peer) { _ = p.WriteRawFrame(http2.FrameSettings, 0, 0, make([]byte, 5)) }, FrameSizeError, 0},
		{"SETTINGS on a stream", func(p *peer) { _ = p.WriteRawFrame(http2.FrameSettings, 0, 1, nil) }, ProtocolError, 0},
		{"SETTINGS_MAX_FRAME_SIZE 0", func(p *peer) { _ = p.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize}) }, ProtocolError, 0},
		{"SETTINGS_INITIAL_WINDOW_SIZE too large", func(p *peer) { _ = p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 31}) }, FlowControlError, 0},
		{"PUSH_PROMISE", func(p *peer) { _ = p.WriteRawFrame(http2.FramePushPromise, 4, 1, []byte{0, 0, 0, 2}) }, ProtocolError, 0},
		{"PING of 4 bytes", func(p *peer) { _ = p.WriteRawFrame(http2.FramePing, 0, 0, make([]byte, 4)) }, FrameSizeError, 0},
		{"PING on a stream", func(p *peer) { _ = p.WriteRawFrame(http2.FramePing, 0, 1, make([]byte, 8)) }, ProtocolError, 0},
		{"WINDOW_UPDATE of 0", func(p *peer) { _ = p.WriteRawFrame(http2.FrameWindowUpdate, 0, 0, make([]byte, 4)) }, ProtocolError, 0},
		{"WINDOW_UPDATE of 0 on a stream", func(p *peer) { p.get(1, false); _ = p.WriteRawFrame(http2.FrameWindowUpdate, 0, 1, make([]byte, 4)) }, ProtocolError, 1},
		{"window beyond its limit", func(p *peer) { _ = p.WriteWindowUpdate(0, maxWindow) }, FlowControlError, 0},
		{"window of a stream beyond its limit", func(p *peer) { p.get(1, false); _ = p.WriteWindowUpdate(1, maxWindow) }, FlowControlError, 1},
		{"RST_STREAM of 3 bytes", func(p *peer) { p.get(1, false); _ = p.WriteRawFrame(http2.FrameRSTStream, 0, 1, make([]byte, 3)) }, FrameSizeError, 0},
		{"RST_STREAM of an idle stream", func(p *peer) { _ = p.WriteRawFrame(http2.FrameRSTStream, 0, 7, make([]byte, 4)) }, ProtocolError, 0},
		{"CONTINUATION without HEADERS", func(p *peer) { _ = p.WriteRawFrame(http2.FrameContinuation, 4, 1, nil) }, ProtocolError, 0},
		{"frame between HEADERS and CONTINUATION", func(p *peer) {
			_ = p.WriteRawFrame(http2.FrameHeaders, 0, 1, p.block(":method", "GET"))
			_ = p.WritePing(false, [8]byte{})
		}, ProtocolError, 0},
		{"frame of 16385 bytes", func(p *peer) { _ = p.WriteRawFrame(http2.FrameData, 0, 1, make([]byte, 16385)) }, FrameSizeError, 0},
		{"integer too long, of a frame that is not whole", func(p *peer) { _, _ = p.Conn.Write([]byte{0, 0, 5, 1, 5, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff}) }, CompressionError, 0},
		{"unknown table entry", func(p *peer) { _ = p.WriteRawFrame(http2.FrameHeaders, 5, 1, []byte{0xbf, 0x80}) }, CompressionError, 0},
		{"field too long", func(p *peer) { _ = p.WriteRawFrame(http2.FrameHeaders, 5, 1, p.block("x", long)) }, EnhanceYourCalm, 0},
		{"fields too long together", func(p *peer) {
			var kv []string
			for i := range 20 {
				kv = append(kv, "x-"+string(rune('a'+i)), strings.Repeat("é", 1000))
			}
			block := p.block(kv...)
			_ = p.WriteRawFrame(http2.FrameHeaders, 1, 1, block[:16000])
			for block = block[16000:]; len(block) > 16000; block = block[16000:] {
				_ = p.WriteRawFrame(http2.FrameContinuation, 0, 1, block[:16000])
			}
			_ = p.WriteRawFrame(http2.FrameContinuation, 4, 1, block)
		}, EnhanceYourCalm, 0},
		{"CONTINUATION without end", func(p *peer) {
			_ = p.WriteRawFrame(http2.FrameHeaders, 1, 1, p.block(":method", "GET"))
			for range 20 {
				_ = p.WriteRawFrame(http2.FrameContinuation, 0, 1, bytes.Repeat([]byte{0x82}, 16000))
			}
		}, EnhanceYourCalm, 0},
		{"empty CONTINUATIONs", func(p *peer) {
			_ = p.WriteRawFrame(http2.FrameHeaders, 1, 1, p.block(":method", "GET"))
			for range 20 {
				_ = p.WriteRawFrame(http2.FrameContinuation, 0, 1, nil)
			}
		}, EnhanceYourCalm, 0},
		{"DATA beyond the stream's window", func(p *peer) {
			p.get(1, false)
			for range 5 {
				_ = p.WriteData(1, false, make([]byte, 16384))
			}
		}, FlowControlError, 1},
		{"DATA after the end", func(p *peer) { p.get(1, true); _ = p.WriteRawFrame(http2.FrameData, 0, 1, []byte("x")) }, StreamClosed, 1},
		{"HEADERS after the end", func(p *peer) { p.get(1, true); p.get(1, true) }, StreamClosed, 1},
		{"trailers without an end", func(p *peer) { p.get(1, false); p.get(1, false) }, ProtocolError, 1},
		{"depends on itself", func(p *peer) { _ = p.WritePriority(3, http2.PriorityParam{StreamDep: 3}) }, ProtocolError, 0},
		{"SETTINGS acknowledged with bytes", func(p *peer) { _ = p.WriteRawFrame(http2.FrameSettings, 1, 0, make([]byte, 6)) }, FrameSizeError, 0},
		{"PRIORITY_UPDATE on a stream", func(p *peer) { _ = p.WriteRawFrame(0x10, 0, 1, make([]byte, 6)) }, ProtocolError, 0},
		{"flood of PINGs", func(p *peer) {
			go func() {
				for range 20 * maxIdle {
					if p.WritePing(true, [8]byte{}) != nil {
						return
					}
				}
			}()
		}, EnhanceYourCalm, 0},
		{"flood of resets", func(p *peer) {
			go func() {
				for i := range uint32(20 * maxResets) {
					_ = p.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*i + 1, BlockFragment: []byte{0x82}, EndHeaders: true})
					if p.WriteRSTStream(2*i+1, http2.ErrCodeCancel) != nil {
						return
					}
				}
			}()
		}, EnhanceYourCalm, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, b := tcpPair(t)
			v := serveOn(t, b, func(s *Stream, _ []hpack.HeaderField) {
				over := make(chan struct{})
				s.Watch(func() { close(over) })
				<-over
			})
			p := newPeer(t, a)
			p.AllowIllegalWrites = true
			p.start()
			test.do(p)
			if test.rst != 0 {
				if code := p.rst(test.rst); code != test.code {
					t.Fatalf("RST_STREAM with %v, want %v", code, test.code)
				}
				return
			}
			if code := p.goAway(); code != test.code {
				t.Errorf("GOAWAY with %v, want %v", code, test.code)
			}
			a.Close()
			var bad *ConnectionError
			if err := <-v.done; !errors.As(err, &bad) {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

func TestPreface(t *testing.T) {
	a, b := tcpPair(t)
	v := serveOn(t, b, hello)
	_, _ = io.WriteString(a, "GET / HTTP/1.1\r\n\r\n......")
	p := newPeer(t, a)
	if code := p.goAway(); code != ProtocolError {
		t.Fatal(code)
	}
	a.Close()
	<-v.done
}

// Streams beyond the limit are refused, and who goes on regardless is cut off.
func TestRefused(t *testing.T) {
	a, b := tcpPair(t)
	over := make(chan struct{})
	v := serveOn(t, b, func(s *Stream, _ []hpack.HeaderField) { <-over })
	v.c.most = 2
	p := newPeer(t, a)
	p.start()
	p.get(1, true)
	p.get(3, true)
	p.get(5, true)
	if code := p.rst(5); code != RefusedStream {
		t.Fatal(code)
	}
	for id := uint32(7); id < 7+2*101; id += 2 {
		p.get(id, true)
	}
	if code := p.goAway(); code != NoError {
		t.Fatal(code)
	}
	close(over)
	a.Close()
	<-v.done
}

// stalled is a script whose peer reads nothing.
type stalled struct {
	script
	closed chan struct{}
	once   sync.Once
}

func (s *stalled) Write([]byte) (int, error) {
	<-s.closed
	return 0, net.ErrClosed
}

func (s *stalled) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// A peer that has this side answer and does not read is cut off.
func TestUnreadAnswers(t *testing.T) {
	frames := append([]byte(Preface), bytes.Repeat(appendPing(nil, false, make([]byte, 8)), maxIdle-1)...)
	peer := &stalled{script: script{in: bytes.NewReader(frames)}, closed: make(chan struct{})}
	h := new(fuzzed)
	h.c = NewConn(peer, h, Options{Window: defaultWindow, Limits: testLimits})
	h.c.mu.Lock()
	h.c.writing = true // what it writes first has not been taken yet
	h.c.mu.Unlock()
	go func() {
		<-peer.closed
		h.c.mu.Lock()
		h.c.wrote()
		h.c.mu.Unlock()
	}()
	var bad *ConnectionError
	if err := h.c.Serve(); !errors.As(err, &bad) || bad.Code != EnhanceYourCalm {
		t.Fatal(err)
	}
}

// A stream is closed when both sides have ended it, though its goroutine may not
// have: what still comes on it ends the connection (RFC 9113 section 5.1).
func TestClosedStream(t *testing.T) {
	for name, do := range map[string]func(p *peer){
		"HEADERS": func(p *peer) { p.get(1, true) },
		"DATA":    func(p *peer) { _ = p.WriteData(1, true, []byte("x")) },
	} {
		a, b := tcpPair(t)
		end := make(chan struct{})
		v := serveOn(t, b, func(s *Stream, _ []hpack.HeaderField) {
			_, _ = s.SendHead(fields{":status", "200"}, true)
			_ = s.Flush()
			<-end
		})
		p := newPeer(t, a)
		p.start()
		p.get(1, true)
		if f, ok := p.next().(*http2.HeadersFrame); !ok {
			t.Fatalf("%v", f)
		}
		do(p)
		if code := p.goAway(); code != StreamClosed {
			t.Errorf("%s: %v", name, code)
		}
		close(end)
		a.Close()
		<-v.done
	}
}

// Streams that wait for a window of the connection that opens a little at a time
// all come to their end.
func TestNarrowWindow(t *testing.T) {
	const streams, each = 20, 5000
	a, b := tcpPair(t)
	serveOn(t, b, func(s *Stream, _ []hpack.HeaderField) {
		if s.SendData(make([]byte, each), true) == nil {
			_ = s.Flush()
		}
	})
	p := newPeer(t, a)
	p.start()
	// The first uses the window up.
	for id := uint32(1); id < 2*(65535/each+1); id += 2 {
		p.get(id, true)
	}
	for id := uint32(101); id < 101+2*streams; id += 2 {
		p.get(id, true)
	}
	got, ended := 0, 0
	for want := 65535; ended < 65535/each+1+streams; want += 100 {
		for got < min(want, (65535/each+1+streams)*each) {
			if f, ok := p.next().(*http2.DataFrame); ok {
				got += len(f.Data())
				if f.StreamEnded() {
					ended++
				}
			}
		}
		if err := p.WriteWindowUpdate(0, 100); err != nil {
			t.Fatal(err)
		}
	}
	a.Close()
}
