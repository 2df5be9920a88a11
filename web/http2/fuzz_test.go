package http2_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"tandem/web/webtest"
)

// scripted is a connection whose client sends what it is made of, and keeps what it
// is sent.
type scripted struct {
	webtest.Memory
	in   *bytes.Reader
	mu   sync.Mutex
	sent bytes.Buffer
}

func (c *scripted) Read(p []byte) (int, error) { return c.in.Read(p) }
func (c *scripted) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent.Write(p)
}

// Whatever heads and frames come, each request is answered or reset, the answers are
// frames, and the connection ends with all that belongs to it.
func FuzzSession(f *testing.F) {
	s := webtest.Start(f, header+`server { listen 127.0.0.1:8080; http2 on; client_max_body_size 100;
		location / { say "$request $http_cookie $http_x"; }
		location /r { return 301 /; }
		location /slow { limit_rate 1m; say "$arg_a"; }
	} }`, modules, nil)
	add := func(make func(f *frames)) {
		var buf bytes.Buffer
		c := &frames{t: f, Framer: http2.NewFramer(&buf, nil)}
		c.AllowIllegalWrites = true
		c.enc = hpack.NewEncoder(&c.buf)
		_ = c.WriteSettings()
		make(c)
		f.Add(buf.Bytes())
	}
	add(func(f *frames) {
		_ = f.ask(1, "/", "cookie", "a=1", "cookie", "b=2", "x", "y", "te", "trailers", "priority", "u=1")
	})
	add(func(f *frames) {
		_ = f.ask(1, "/r?x")
		_ = f.ask(3, "/slow?a=b", "host", "localhost", "content-length", "0")
	})
	add(func(f *frames) {
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: f.block(":method", "POST", ":scheme", "http", ":path", "/", ":authority", "a", "content-length", "5", "expect", "100-continue")})
		_ = f.WriteData(1, false, []byte("hello"))
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, EndStream: true, BlockFragment: f.block("x-after", "z")})
	})
	add(func(f *frames) {
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: f.block(":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":path", "/", ":authority", "a")})
		_ = f.WriteRSTStream(1, http2.ErrCodeCancel)
	})
	add(func(f *frames) {
		_ = f.ask(1, "//..%2f/%zz", "Upper", "x", "transfer-encoding", "chunked", "a\n", "b\r")
	})
	f.Fuzz(func(t *testing.T, sent []byte) {
		c := &scripted{in: bytes.NewReader(append([]byte(http2.ClientPreface), sent...))}
		s.Gen.Serve(net.Conn(c), s.HTTP.Ports[0])
		for end := time.Now().Add(10 * time.Second); s.Gen.Connections() > 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the connection goes on")
			}
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		answers := http2.NewFramer(io.Discard, &c.sent)
		answers.SetMaxReadFrameSize(1<<24 - 1)
		for {
			_, err := answers.ReadFrame()
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return
			}
			if err != nil {
				t.Fatalf("what is answered is no frame: %v", err)
			}
		}
	})
}
