package h2

import (
	"io"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A body right behind its head that is longer than its window is taken if its
// reader widens that, and a fault otherwise.
func TestEarlyBody(t *testing.T) {
	const size = 66000
	for _, widens := range []bool{true, false} {
		a, b := tcpPair(t)
		got := make(chan int, 1)
		serveOn(t, b, func(s *Stream, _ []hpack.HeaderField) {
			if widens {
				s.Widen(256 << 10)
			} else {
				for end := time.Now().Add(10 * time.Second); s.Err() == nil && time.Now().Before(end); {
					time.Sleep(time.Millisecond)
				}
			}
			n, _ := io.Copy(io.Discard, struct{ io.Reader }{s})
			got <- int(n)
		})
		p := newPeer(t, a)
		p.start()
		p.get(1, false)
		for left := size; left > 0; left -= min(left, 16384) {
			if err := p.WriteData(1, left <= 16384, make([]byte, min(left, 16384))); err != nil {
				t.Fatal(err)
			}
		}
		if widens {
			if n := <-got; n != size {
				t.Errorf("%d bytes of %d have been taken", n, size)
			}
		} else if code := p.rst(1); code != FlowControlError {
			t.Errorf("a body beyond its window: %v", code)
		}
	}
}

// All parameters of a SETTINGS frame are obeyed before anything is sent that one of
// them allows.
func TestSettingsTogether(t *testing.T) {
	a, b := tcpPair(t)
	serveOn(t, b, func(s *Stream, _ []hpack.HeaderField) {
		s.Chunk = 1 << 20
		if s.SendData(make([]byte, 65574), true) == nil {
			_ = s.Flush()
		}
	})
	p := newPeer(t, a)
	p.start(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 38})
	if err := p.WriteWindowUpdate(0, 1<<20); err != nil {
		t.Fatal(err)
	}
	p.get(1, true)
	for i, want := range []int{38, 32768, 32768} {
		if i == 1 {
			if err := p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 17}, http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1 << 15}); err != nil {
				t.Fatal(err)
			}
		}
		if f, ok := p.next().(*http2.DataFrame); !ok || len(f.Data()) != want {
			t.Fatalf("%v, want %d bytes", f, want)
		}
	}
}
