package http2_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	"tandem/web/webtest"
)

// A websocket over a stream (RFC 8441) is one of HTTP/1 for the back end, and goes
// on when the configuration is replaced.
func TestExtendedConnect(t *testing.T) {
	closed := make(chan string, 1)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "GET" || r.Header.Get("Upgrade") != "websocket" || len(r.Header.Get("Sec-WebSocket-Key")) != 24 || r.Header.Get("Sec-WebSocket-Version") != "13" {
			t.Errorf("%s %v", r.Method, r.Header)
		}
		nc, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer nc.Close()
		_, _ = io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n")
		line, err := buf.ReadString('\n')
		for ; err == nil; line, err = buf.ReadString('\n') {
			_, _ = io.WriteString(nc, strings.ToUpper(line))
		}
		closed <- line
	}))
	defer backend.Close()
	conf := header + `http2 on; server { listen 127.0.0.1:8080; location / {
		proxy_pass ` + backend.URL + `; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; } } }`
	s := webtest.Start(t, conf, modules, nil)
	f := dialFrames(t, s)
	connect := func(id uint32, protocol string) {
		f.must(f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, EndHeaders: true, BlockFragment: f.block(
			":method", "CONNECT", ":protocol", protocol, ":scheme", "http", ":path", "/chat", ":authority", "localhost", "sec-websocket-version", "13")}))
	}
	connect(1, "websocket")
	if status := f.status(1); status != "200" {
		t.Fatal(status)
	}
	say := func(text string) {
		t.Helper()
		f.must(f.WriteData(1, false, []byte(text)))
		if got := f.data(1); got != strings.ToUpper(text) {
			t.Errorf("%q", got)
		}
	}
	say("hello\n")
	connect(3, "smoke-signals")
	if status := f.status(3); status != "501" {
		t.Errorf("an unknown protocol: %s", status)
	}
	for fr := f.next(); !fr.Header().Flags.Has(http2.FlagDataEndStream); fr = f.next() {
	}
	if fr, ok := f.next().(*http2.RSTStreamFrame); !ok || fr.StreamID != 3 {
		t.Errorf("%v", fr)
	}
	old := s.Gen
	s.Reload(t, conf, modules)
	old.Retire(s.Gen)
	if fr, ok := f.next().(*http2.GoAwayFrame); !ok || fr.ErrCode != http2.ErrCodeNo {
		t.Errorf("%v", fr)
	}
	say("still here\n")
	f.must(f.WriteData(1, true, []byte("bye")))
	if rest := <-closed; rest != "bye" {
		t.Errorf("at the end the back end got %q", rest)
	}
	for fr := f.next(); !fr.Header().Flags.Has(http2.FlagDataEndStream); fr = f.next() {
		if fr.Header().Type != http2.FrameData && fr.Header().Type != http2.FrameGoAway {
			t.Fatalf("%v", fr)
		}
	}
}

// Among streams that wait for the connection's window the more urgent one comes
// first, as the request says or a later PRIORITY_UPDATE (RFC 9218).
func TestUrgency(t *testing.T) {
	s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; http2 on; } }`, append(modules, large), nil)
	for _, c := range []struct {
		name   string
		first  string // the priority of stream 3
		second string // of stream 5
		update string // of stream 3, in a frame
		want   uint32
	}{
		{"as they come", "u=3", "u=3", "", 3},
		{"by field", "u=5", "u=1, i", "", 5},
		{"by default", "u=4", "", "", 5},
		{"not understood", "u=9", "x", "", 3},
		{"by frame", "u=1", "u=2", "u=6", 5},
	} {
		f := dialFrames(t, s, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
		// The first takes the connection's window, the others wait for it.
		f.must(f.ask(1, "/"))
		f.status(1)
		for got := 0; got < 65535; {
			if fr, ok := f.next().(*http2.DataFrame); ok {
				got += len(fr.Data())
			}
		}
		f.must(f.WriteRSTStream(1, http2.ErrCodeCancel))
		if c.update != "" {
			f.must(f.WriteRawFrame(0x10, 0, 0, append([]byte{0, 0, 0, 3}, c.update...)))
		}
		f.must(f.ask(3, "/", "priority", c.first))
		f.status(3)
		f.must(f.ask(5, "/", "priority", c.second))
		f.status(5)
		if c.update != "" {
			f.must(f.WriteRawFrame(0x10, 0, 0, append([]byte{0, 0, 0, 3}, c.update...)))
			// It is obeyed before what comes behind it is answered.
			f.must(f.WritePing(false, [8]byte{}))
			for fr, err := f.ReadFrame(); ; fr, err = f.ReadFrame() {
				f.must(err)
				if fr.Header().Type == http2.FramePing {
					break
				}
			}
		}
		f.must(f.WriteWindowUpdate(0, 8192))
		if fr, ok := f.next().(*http2.DataFrame); !ok || fr.StreamID != c.want {
			t.Errorf("%s: %v, want data of %d", c.name, fr, c.want)
		}
		f.Close()
	}
}
