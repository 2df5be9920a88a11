package h2

import (
	"bytes"
	"io"
	"sync"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// script is a Transport whose peer sends what it is made of and reads
// everything.
type script struct {
	in  *bytes.Reader
	mu  sync.Mutex
	out int
}

func (s *script) Wait() error {
	if s.in.Len() == 0 {
		return io.EOF
	}
	return nil
}
func (s *script) Read(p []byte) (int, error) { return s.in.Read(p) }
func (s *script) Write(p []byte) (int, error) {
	s.mu.Lock()
	s.out += len(p)
	s.mu.Unlock()
	return len(p), nil
}
func (s *script) Interrupt()   {}
func (s *script) Linger()      {}
func (s *script) Close() error { return nil }

type fuzzed struct {
	c  *Conn
	wg sync.WaitGroup
}

func (f *fuzzed) Open(id uint32, b *Block) ErrCode {
	if f.c.Streams() > 20 {
		return RefusedStream
	}
	s := f.c.Open(new(Stream), id, b)
	f.wg.Add(1)
	go func() {
		defer f.wg.Done()
		_, _ = s.SendHead(fields{"x", "y"}, false)
		_, _ = io.Copy(io.Discard, s)
		_ = s.SendData([]byte("hello"), true)
		s.Close(NoError)
	}()
	return NoError
}
func (f *fuzzed) Head(*Stream, *Block) error { return nil }
func (f *fuzzed) Ended(*Stream, int)         {}
func (f *fuzzed) GoAway(uint32, ErrCode)     {}

// Whatever a peer sends, the connection ends, and so does every stream.
func FuzzConn(f *testing.F) {
	var buf bytes.Buffer
	fr := http2.NewFramer(&buf, nil)
	fr.AllowIllegalWrites = true
	p := &peer{Framer: fr}
	p.he = hpack.NewEncoder(&p.enc)
	_ = fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 3})
	_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.block(":method", "GET", ":path", "/"), EndHeaders: true})
	_ = fr.WriteData(1, false, []byte("abc"))
	_ = fr.WriteWindowUpdate(1, 10)
	_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.block("x", "GET"), EndStream: true})
	_ = fr.WriteContinuation(1, true, p.block("y", "z"))
	_ = fr.WriteRSTStream(1, 2)
	_ = fr.WritePing(false, [8]byte{1})
	_ = fr.WriteRawFrame(http2.FrameData, http2.FlagDataPadded, 3, []byte{1, 2, 3})
	_ = fr.WriteRawFrame(0x10, 0, 0, []byte{0, 0, 0, 1, 'u', '=', '1'})
	_ = fr.WriteGoAway(1, 0, nil)
	f.Add(buf.Bytes())
	f.Fuzz(func(t *testing.T, frames []byte) {
		h := new(fuzzed)
		h.c = NewConn(&script{in: bytes.NewReader(append([]byte(Preface), frames...))}, h, Options{Window: 100, Limits: testLimits})
		h.c.grace = 0
		if h.c.Serve() == nil {
			t.Error("ended without a reason")
		}
		h.wg.Wait()
		if n := h.c.Streams(); n != 0 {
			t.Errorf("%d streams are left", n)
		}
	})
}
