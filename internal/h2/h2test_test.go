package h2

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// pipe is a Transport over a connection of the test's.
type pipe struct {
	net.Conn
	mu       sync.Mutex
	first    []byte
	writes   int
	lingered bool
}

func (p *pipe) Wait() error {
	var b [1]byte
	n, err := p.Conn.Read(b[:])
	if n == 1 {
		p.first = append(p.first, b[0])
		return nil
	}
	return err
}

func (p *pipe) Read(b []byte) (int, error) {
	if n := copy(b, p.first); n > 0 {
		p.first = p.first[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}

func (p *pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	p.writes++
	p.mu.Unlock()
	return p.Conn.Write(b)
}

func (p *pipe) Interrupt() { _ = p.Conn.SetReadDeadline(time.Unix(1, 0)) }

func (p *pipe) Linger() {
	_ = p.Conn.(*net.TCPConn).CloseWrite()
	_ = p.Conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.Copy(io.Discard, p.Conn)
	p.mu.Lock()
	p.lingered = true
	p.mu.Unlock()
}

func tcpPair(t testing.TB) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// fields is a Head of names and values in turns.
type fields []string

func (f fields) WriteFields(e *Encoder) {
	for i := 0; i+1 < len(f); i += 2 {
		e.Field([]byte(f[i]), []byte(f[i+1]))
	}
}

// server runs answer for each stream.
type server struct {
	t      testing.TB
	c      *Conn
	pipe   *pipe
	answer func(s *Stream, request []hpack.HeaderField)
	done   chan error
	mu     sync.Mutex
	log    []string
	refuse ErrCode
}

func (v *server) Open(id uint32, b *Block) ErrCode {
	if v.refuse != NoError {
		return v.refuse
	}
	s := v.c.Open(new(Stream), id, b)
	request := append([]hpack.HeaderField(nil), b.Fields...)
	go func() {
		v.answer(s, request)
		s.Close(NoError)
	}()
	return NoError
}

func (v *server) Head(s *Stream, b *Block) error {
	v.note("trailers %v", b.Fields)
	return nil
}

func (v *server) Ended(s *Stream, left int)        {}
func (v *server) GoAway(last uint32, code ErrCode) { v.note("goaway %d %v", last, code) }

func (v *server) note(format string, args ...any) {
	v.mu.Lock()
	v.log = append(v.log, fmt.Sprintf(format, args...))
	v.mu.Unlock()
}

// testStreams is how many streams the server takes at once.
const testStreams = 50000

var testLimits = Limits{String: 8 << 10, List: 32 << 10, Fields: 100}

func serveOn(t testing.TB, nc net.Conn, answer func(s *Stream, request []hpack.HeaderField)) *server {
	v := &server{t: t, pipe: &pipe{Conn: nc}, answer: answer, done: make(chan error, 1)}
	v.c = NewConn(v.pipe, v, Options{MaxStreams: testStreams, Window: 65535, Limits: testLimits})
	go func() {
		err := v.c.Serve()
		_ = v.pipe.Close()
		v.done <- err
	}()
	return v
}

// peer speaks frames by hand.
type peer struct {
	t testing.TB
	net.Conn
	*http2.Framer
	enc bytes.Buffer
	he  *hpack.Encoder
	hd  *hpack.Decoder
}

func newPeer(t testing.TB, nc net.Conn) *peer {
	p := &peer{t: t, Conn: nc, Framer: http2.NewFramer(nc, nc), hd: hpack.NewDecoder(4096, nil)}
	p.he = hpack.NewEncoder(&p.enc)
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	return p
}

// start does what a client does first.
func (p *peer) start(settings ...http2.Setting) {
	p.t.Helper()
	if _, err := io.WriteString(p.Conn, Preface); err != nil {
		p.t.Fatal(err)
	}
	if err := p.WriteSettings(settings...); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) block(kv ...string) []byte {
	p.enc.Reset()
	for i := 0; i+1 < len(kv); i += 2 {
		_ = p.he.WriteField(hpack.HeaderField{Name: kv[i], Value: kv[i+1]})
	}
	return bytes.Clone(p.enc.Bytes())
}

func (p *peer) get(id uint32, end bool) {
	p.t.Helper()
	err := p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: p.block(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a"), EndStream: end, EndHeaders: true})
	if err != nil {
		p.t.Fatal(err)
	}
}

// next returns the next frame that is not a SETTINGS or WINDOW_UPDATE.
func (p *peer) next() http2.Frame {
	p.t.Helper()
	for {
		f, err := p.ReadFrame()
		if err != nil {
			p.t.Fatal(err)
		}
		switch f.(type) {
		case *http2.SettingsFrame, *http2.WindowUpdateFrame:
			continue
		}
		return f
	}
}

// goAway reads up to a GOAWAY frame and the end, and returns its code.
func (p *peer) goAway() ErrCode {
	p.t.Helper()
	for {
		f, err := p.ReadFrame()
		if err != nil {
			p.t.Fatalf("no GOAWAY: %v", err)
		}
		if g, ok := f.(*http2.GoAwayFrame); ok {
			return ErrCode(g.ErrCode)
		}
	}
}

func (p *peer) rst(id uint32) ErrCode {
	p.t.Helper()
	for {
		if f, ok := p.next().(*http2.RSTStreamFrame); ok && f.StreamID == id {
			return ErrCode(f.ErrCode)
		}
	}
}
