package h2

import (
	"io"
	"net"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// asker is a client's Handler: it hands on what a stream is answered.
type asker struct {
	heads chan []hpack.HeaderField
	away  chan ErrCode
}

func (a *asker) Open(uint32, *Block) ErrCode { return ProtocolError }
func (a *asker) Head(_ *Stream, b *Block) error {
	a.heads <- append([]hpack.HeaderField(nil), b.Fields...)
	return nil
}
func (a *asker) Ended(*Stream, int)            {}
func (a *asker) GoAway(_ uint32, code ErrCode) { a.away <- code }

func ask(t *testing.T, nc net.Conn) (*Conn, *asker, chan error) {
	a := &asker{make(chan []hpack.HeaderField, 10), make(chan ErrCode, 10)}
	c := NewConn(&pipe{Conn: nc}, a, Options{Client: true, Settings: []Setting{{SettingEnablePush, 0}}, Window: defaultWindow, Limits: testLimits})
	done := make(chan error, 1)
	go func() { done <- c.Serve() }()
	return c, a, done
}

var request = fields{":method", "POST", ":scheme", "http", ":path", "/", ":authority", "a"}

// The client's side and the server's understand each other.
func TestClient(t *testing.T) {
	x, y := tcpPair(t)
	v := serveOn(t, y, func(s *Stream, _ []hpack.HeaderField) {
		body, err := io.ReadAll(s)
		if err != nil {
			t.Error(err)
		}
		_, _ = s.SendHead(fields{":status", "200"}, false)
		_ = s.SendData(body, false)
		_, _ = s.SendHead(fields{"x-sum", "1"}, true)
	})
	c, a, done := ask(t, x)
	want := make([]byte, 200000)
	s := new(Stream)
	if err := c.Request(s, request, false); err != nil {
		t.Fatal(err)
	}
	sent := make(chan error, 1)
	go func() {
		err := s.SendData(want, true)
		if err == nil {
			err = s.Flush()
		}
		sent <- err
	}()
	if head := <-a.heads; len(head) != 1 || head[0].Value != "200" {
		t.Fatal(head)
	}
	got, err := io.ReadAll(s)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d bytes of %d: %v", len(got), len(want), err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if trailers := <-a.heads; len(trailers) != 1 || trailers[0].Name != "x-sum" {
		t.Fatal(trailers)
	}
	s.Close(Cancel)
	v.c.Shutdown(true)
	if code := <-a.away; code != NoError {
		t.Error(code)
	}
	if err := c.Request(new(Stream), request, true); err != ErrClosed {
		t.Errorf("a request after GOAWAY: %v", err)
	}
	if err := <-done; err == nil {
		t.Error("ended without a reason")
	}
}

// A stream that the server refuses, and more streams than it allows.
func TestClientRefused(t *testing.T) {
	x, y := tcpPair(t)
	v := serveOn(t, y, hello)
	v.refuse = RefusedStream
	c, _, _ := ask(t, x)
	s := new(Stream)
	if err := c.Request(s, request, true); err != nil {
		t.Fatal(err)
	}
	_ = s.Flush() // which may see the answer already
	_, err := s.Read(make([]byte, 1))
	if e, ok := err.(*StreamError); !ok || e.Code != RefusedStream || !e.Remote {
		t.Fatal(err)
	}
	c.mu.Lock()
	c.heard, c.theirs.maxStreams = true, 1
	c.mu.Unlock()
	if err := c.Request(new(Stream), request, true); err != ErrFull || c.Usable() {
		t.Errorf("%v, usable %t", err, c.Usable())
	}
	s.Close(Cancel)
	if !c.Usable() {
		t.Error("not usable when the stream has ended")
	}
	c.Close()
}

// A server that goes on about streams that have ended is no flood.
func TestClientLateFrames(t *testing.T) {
	x, y := tcpPair(t)
	c, a, done := ask(t, x)
	go func() {
		_, _ = io.ReadFull(y, make([]byte, len(Preface)))
		fr := http2.NewFramer(y, y)
		_ = fr.WriteSettings()
		for {
			f, err := fr.ReadFrame()
			if err != nil {
				return
			}
			if h, ok := f.(*http2.HeadersFrame); ok {
				_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: h.StreamID, BlockFragment: []byte{0x88}, EndStream: true, EndHeaders: true})
			}
			if _, ok := f.(*http2.RSTStreamFrame); ok {
				for range maxIdle + 1000 {
					_ = fr.WriteWindowUpdate(1, 1)
					_ = fr.WriteRSTStream(1, http2.ErrCodeNo)
				}
			}
		}
	}()
	for range 2 {
		s := new(Stream)
		if err := c.Request(s, request, false); err != nil {
			t.Fatal(err)
		}
		_ = s.Flush()
		if head := <-a.heads; head[0].Value != "200" {
			t.Fatal(head)
		}
		s.Close(Cancel) // the request has not ended, so that the server is told
	}
	c.Close()
	if err := <-done; err != ErrClosed {
		t.Error(err)
	}
}
