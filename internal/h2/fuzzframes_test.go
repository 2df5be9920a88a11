package h2

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// recorded is a script whose peer keeps what it is sent.
type recorded struct {
	script
	sent bytes.Buffer
}

func (r *recorded) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sent.Write(p)
}

// allowed is what a peer has let be sent: on the connection (0), and beside the
// initial window on each stream.
type allowed struct {
	window int64 // the largest initial one
	more   map[uint32]int64
}

// frameSequence makes frames of a fuzzer's bytes, four for each: what it is, of
// which stream, and two that say more. Most are in order, so that the sequence goes
// deep.
func frameSequence(data []byte) (frames []byte, a allowed) {
	var buf bytes.Buffer
	fr := http2.NewFramer(&buf, nil)
	fr.AllowIllegalWrites = true
	p := &peer{Framer: fr}
	p.he = hpack.NewEncoder(&p.enc)
	a = allowed{65535, map[uint32]int64{0: 65535}}
	for ; len(data) >= 4; data = data[4:] {
		id, x, y := uint32(data[1]%16)*2+1, data[2], data[3]
		switch data[0] % 12 {
		case 0, 1:
			_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: p.block(":method", "GET", ":path", "/", "x", string('a'+rune(y%26))), EndHeaders: x&1 == 0, EndStream: x&2 == 0})
		case 2:
			_ = fr.WriteContinuation(id, x&1 == 0, p.block("y", "z"))
		case 3:
			_ = fr.WriteData(id, x&1 == 0, make([]byte, y))
		case 4:
			_ = fr.WriteDataPadded(id, x&1 == 0, make([]byte, y%50), make([]byte, y/50))
		case 5:
			n := uint32(x)<<8 | uint32(y)
			_ = fr.WriteWindowUpdate(id, n)
			a.more[id] += int64(n)
		case 6:
			n := uint32(x)<<16 | uint32(y)
			_ = fr.WriteWindowUpdate(0, n)
			a.more[0] += int64(n)
		case 7:
			_ = fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(x) << (y % 12)}, http2.Setting{ID: http2.SettingHeaderTableSize, Val: uint32(y)})
			a.window = max(a.window, int64(x)<<(y%12))
		case 8:
			_ = fr.WriteRSTStream(id, http2.ErrCode(x))
		case 9:
			_ = fr.WritePing(x&1 == 0, [8]byte{y})
		case 10:
			_ = fr.WriteRawFrame(http2.FrameType(x), http2.Flags(y), id, make([]byte, y%16))
		case 11:
			_ = fr.WriteRawFrame(0x10, 0, 0, []byte{0, 0, 0, byte(id), 'u', '=', '0' + y%8})
		}
	}
	return buf.Bytes(), a
}

// answers has each stream send more than a window holds, in pieces.
type answers struct{ fuzzed }

func (h *answers) Open(id uint32, b *Block) ErrCode {
	if h.c.Streams() >= 20 {
		return RefusedStream
	}
	s := h.c.Open(new(Stream), id, b)
	h.wg.Add(1)
	go func() {
		defer h.wg.Done()
		defer s.Close(InternalError)
		if id%4 == 1 {
			if _, err := io.Copy(io.Discard, s); err != nil {
				return
			}
		}
		if _, err := s.SendHead(fields{"x", "y"}, false); err != nil {
			return
		}
		body := make([]byte, 30000)
		for range 2 {
			if s.SendData(body, false) != nil || s.Flush() != nil {
				return
			}
		}
		_ = s.SendFile(bytes.NewReader(body), 0, int64(len(body)), true)
	}()
	return NoError
}

// Whatever frames come in whatever order, what is sent is in order: no more than the
// peer has allowed, nothing on a stream behind its end, and no frame on one that the
// peer has not opened.
func FuzzFrames(f *testing.F) {
	get, post := []byte{0, 0, 0, 0}, []byte{0, 0, 2, 0}
	f.Add(append(append(bytes.Clone(get), 6, 0, 1, 0), 5, 0, 255, 0))
	f.Add(append(append(bytes.Clone(post), 3, 0, 0, 9), 8, 0, 8, 0))
	f.Add([]byte{7, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 7, 0, 255, 11, 6, 0, 255, 255, 5, 1, 255, 255, 5, 0, 1, 1, 8, 1, 0, 0, 5, 0, 255, 255})
	f.Add([]byte{0, 0, 1, 0, 2, 0, 1, 0, 2, 0, 0, 0, 9, 0, 0, 1, 10, 0, 0x77, 5, 11, 0, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		frames, a := frameSequence(data)
		r := &recorded{script: script{in: bytes.NewReader(append([]byte(Preface), frames...))}}
		h := new(answers)
		h.c = NewConn(r, h, Options{Window: 100, MaxStreams: 20, Limits: testLimits})
		h.c.grace = 0
		if h.c.Serve() == nil {
			t.Error("ended without a reason")
		}
		h.wg.Wait()
		if n := h.c.Streams(); n != 0 {
			t.Errorf("%d streams are left", n)
		}
		inOrder(t, r.sent.Bytes(), frames, a)
	})
}

// inOrder looks at what has been sent.
func inOrder(t *testing.T, sent, came []byte, a allowed) {
	t.Helper()
	opened := map[uint32]bool{}
	for len(came) >= frameHeaderLen {
		h := parseFrameHeader(came)
		if h.typ == FrameHeaders {
			opened[h.id] = true
		}
		came = came[min(frameHeaderLen+h.length, len(came)):]
	}
	fr := http2.NewFramer(io.Discard, bytes.NewReader(sent))
	ended := map[uint32]bool{}
	bytesOf := map[uint32]int64{}
	for {
		f, err := fr.ReadFrame()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return // cut off, by a fault of the peer's
		}
		if err != nil {
			t.Fatalf("%v is sent: %x", err, sent)
		}
		h := f.Header()
		id := h.StreamID
		if id != 0 && !opened[id] && h.Type != http2.FrameRSTStream {
			t.Errorf("%v of a stream that there is not", h)
		}
		if (h.Type == http2.FrameData || h.Type == http2.FrameHeaders) && ended[id] {
			t.Errorf("%v behind the end of its stream", h)
		}
		switch f := f.(type) {
		case *http2.DataFrame:
			bytesOf[0] += int64(h.Length)
			bytesOf[id] += int64(h.Length)
			if bytesOf[0] > a.more[0] || bytesOf[id] > a.window+a.more[id] {
				t.Errorf("%d bytes of a stream and %d of all, allowed are %d and %d", bytesOf[id], bytesOf[0], a.window+a.more[id], a.more[0])
			}
			ended[id] = f.StreamEnded()
		case *http2.HeadersFrame:
			ended[id] = f.StreamEnded()
		case *http2.RSTStreamFrame:
			ended[id] = true
		case *http2.WindowUpdateFrame:
			if f.Increment == 0 {
				t.Error("a window is opened by nothing")
			}
		}
	}
}
