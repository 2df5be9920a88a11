package http2_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"tandem/web"
	"tandem/web/webtest"
)

// waiting answers below /wait when the client has given up.
var waiting = &web.Module{Name: "waiting", Init: func(h *web.HTTP) error {
	h.Handle(web.PreContent, func(r *web.Request) web.Code {
		if !strings.HasPrefix(string(r.Path), "/wait") {
			return web.Declined
		}
		r.Wait(time.Minute)
		return web.StatusClientClosed
	})
	return nil
}}

// An attacker makes a server work, or hold memory, and does little itself. Each is
// told to be calm, in one line of the log, and meanwhile others are served.
func TestAttacks(t *testing.T) {
	ping := func(f *frames) error { return f.WritePing(false, [8]byte{1}) }
	for _, a := range []struct {
		name    string
		prepare func(f *frames)
		again   func(f *frames, i uint32) error
		most    uint32 // how often it is done before the server has had enough
		code    http2.ErrCode
		log     string
	}{
		// CVE-2023-44487
		{"rapid reset", nil, func(f *frames, i uint32) error {
			if err := f.ask(2*i+1, "/wait"); err != nil {
				return err
			}
			return f.WriteRSTStream(2*i+1, http2.ErrCodeCancel)
		}, 20000, http2.ErrCodeEnhanceYourCalm, "client reset too many streams"},
		// CVE-2025-8671
		{"MadeYouReset", nil, func(f *frames, i uint32) error {
			if err := f.ask(2*i+1, "/wait"); err != nil {
				return err
			}
			return f.WriteRawFrame(http2.FrameWindowUpdate, 0, 2*i+1, make([]byte, 4))
		}, 20000, http2.ErrCodeEnhanceYourCalm, "client reset too many streams"},
		// CVE-2024-27316
		{"CONTINUATION without end", func(f *frames) { f.must(f.WriteRawFrame(http2.FrameHeaders, 0, 1, f.block(":method", "GET"))) },
			func(f *frames, i uint32) error {
				return f.WriteContinuation(1, false, bytes.Repeat([]byte{0x82}, 1000))
			}, 2000, http2.ErrCodeEnhanceYourCalm, "client sent too large header"},
		{"empty CONTINUATION", func(f *frames) { f.must(f.WriteRawFrame(http2.FrameHeaders, 0, 1, f.block(":method", "GET"))) },
			func(f *frames, i uint32) error { return f.WriteContinuation(1, false, nil) }, 2000, http2.ErrCodeEnhanceYourCalm, "client sent too many empty CONTINUATION frames"},
		// CVE-2019-9518
		{"empty DATA", func(f *frames) {
			f.must(f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: f.block(":method", "POST", ":scheme", "http", ":path", "/wait", ":authority", "a")}))
		}, func(f *frames, i uint32) error { return f.WriteData(1, false, nil) }, 200000, http2.ErrCodeEnhanceYourCalm, "http2 flood detected"},
		// CVE-2019-9512
		{"PING", nil, func(f *frames, i uint32) error { return ping(f) }, 200000, http2.ErrCodeEnhanceYourCalm, "http2 flood detected"},
		// CVE-2019-9515
		{"SETTINGS", nil, func(f *frames, i uint32) error { return f.WriteSettings() }, 200000, http2.ErrCodeEnhanceYourCalm, "http2 flood detected"},
		{"PRIORITY", nil, func(f *frames, i uint32) error { return f.WritePriority(2*i+1, http2.PriorityParam{}) }, 200000, http2.ErrCodeEnhanceYourCalm, "http2 flood detected"},
		{"unknown frames", nil, func(f *frames, i uint32) error { return f.WriteRawFrame(0x77, 0, 0, nil) }, 200000, http2.ErrCodeEnhanceYourCalm, "http2 flood detected"},
		{"windows opened by a byte", nil, func(f *frames, i uint32) error { return f.WriteWindowUpdate(0, 1) }, 200000, http2.ErrCodeEnhanceYourCalm, "http2 flood detected"},
		// CVE-2016-6581: an entry of the table that is used again and again.
		{"HPACK bomb", nil, func(f *frames, i uint32) error {
			block := f.block(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", "x", strings.Repeat("x", 3000))
			return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*i + 1, EndHeaders: true, EndStream: true, BlockFragment: append(block, bytes.Repeat([]byte{0xbe}, 10000)...)})
		}, 1, http2.ErrCodeEnhanceYourCalm, "client sent too large header"},
		// CVE-2026-33814
		{"SETTINGS_MAX_FRAME_SIZE 0", nil, func(f *frames, i uint32) error { return f.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize}) }, 1,
			http2.ErrCodeProtocol, "client sent SETTINGS frame with incorrect MAX_FRAME_SIZE value 0"},
	} {
		t.Run(a.name, func(t *testing.T) {
			s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; http2 on; http2_max_concurrent_streams 1000; keepalive_requests 1000000; say x; } }`, append(modules, waiting), nil)
			others := client(t)
			url := "http://" + s.Addr(t, "8080") + "/"
			get(t, others, url)
			f := dialFrames(t, s)
			if a.prepare != nil {
				a.prepare(f)
			}
			cpu := processorTime(t)
			done := make(chan uint32)
			go func() {
				for i := range a.most {
					if a.again(f, i) != nil {
						done <- i
						return
					}
				}
				done <- a.most
			}()
			asked := 0
			told := make(chan http2.ErrCode, 1)
			go func() { told <- f.goAway() }()
			var code http2.ErrCode
			for waits := true; waits; asked++ {
				if _, body := get(t, others, url); body != "x" {
					t.Errorf("another is answered %q", body)
				}
				select {
				case code = <-told:
					waits = false
				default:
				}
			}
			f.Close()
			n := <-done
			t.Logf("%d times, %v of CPU on both sides, %d answers to another", n, processorTime(t)-cpu, asked)
			if code != a.code && code != overtaken {
				t.Errorf("GOAWAY with %v, want %v", code, a.code)
			}
			awaitLog(t, s, a.log+" while processing HTTP/2 connection")
			if n := strings.Count(s.Log(), "processing HTTP/2 connection"); n != 1 {
				t.Errorf("%d lines in the log", n)
			}
		})
	}
}

// overtaken: the connection ended before a GOAWAY frame was read. It is reset when
// a client goes on sending to a socket that is closed, and closed without one when
// it reads the answers so slowly that there is no room for more.
const overtaken http2.ErrCode = 1 << 31

// goAway reads up to a GOAWAY frame and returns its code, or overtaken.
func (f *frames) goAway() http2.ErrCode {
	for {
		fr, err := f.ReadFrame()
		if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF) {
			return overtaken
		}
		if err != nil {
			f.t.Errorf("no GOAWAY: %v", err)
			return 0
		}
		if g, ok := fr.(*http2.GoAwayFrame); ok {
			return g.ErrCode
		}
	}
}

// awaitLog waits for a text in the log.
func awaitLog(t *testing.T, s *webtest.Server, text string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !strings.Contains(s.Log(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%q is not in the log", text)
		}
	}
}

func processorTime(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A client that asks for much and takes nothing (CVE-2019-9517, CVE-2026-49975)
// has little kept for it, and loses its streams when send_timeout has passed.
func TestStalledWindows(t *testing.T) {
	const clients, streams = 5, 100
	s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; http2 on; send_timeout 300ms; } }`, append(modules, large), nil)
	others := &http.Client{Transport: &http.Transport{}}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var all []*frames
	for range clients {
		f := dialFrames(t, s, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1})
		for i := range uint32(streams) {
			f.must(f.ask(2*i+1, "/"))
		}
		all = append(all, f)
	}
	resets := make([]int, clients) // some may come before the last head, on a busy machine
	for i, f := range all {
		for heads := 0; heads < streams; {
			switch f.next().(type) {
			case *http2.HeadersFrame:
				heads++
			case *http2.RSTStreamFrame:
				resets[i]++
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (int64(after.HeapInuse+after.StackInuse) - int64(before.HeapInuse+before.StackInuse)) / (clients * streams)
	t.Logf("%d bytes a stream", each)
	if each > 64<<10 {
		t.Errorf("a stream that nobody takes costs %d bytes", each)
	}
	res, err := others.Get("http://" + s.Addr(t, "8080") + "/")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, res.Body); n != 1<<20 || err != nil {
		t.Errorf("another gets %d bytes, %v", n, err)
	}
	for i, f := range all {
		for resets[i] < streams {
			if _, ok := f.next().(*http2.RSTStreamFrame); ok {
				resets[i]++
			}
		}
		// The connection goes on.
		ping := [8]byte{7}
		f.must(f.WritePing(false, ping))
		for {
			fr, err := f.ReadFrame()
			f.must(err)
			if p, ok := fr.(*http2.PingFrame); ok && binary.BigEndian.Uint64(p.Data[:]) == binary.BigEndian.Uint64(ping[:]) {
				break
			}
		}
	}
}
