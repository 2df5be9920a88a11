package wire

import (
	"io"
	"strings"
	"testing"
	"time"

	"tandem/internal/flow/flowtest"
	"tandem/web/message"
)

func BenchmarkParseHead(b *testing.B) {
	lim := &message.Limits{IgnoreInvalidHeaders: true}
	for _, m := range []struct{ name, head string }{
		{"small", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"},
		{"typical", typical},
	} {
		b.Run(m.name, func(b *testing.B) {
			head := []byte(m.head)
			var h message.Head
			b.SetBytes(int64(len(head)))
			b.ReportAllocs()
			for b.Loop() {
				h.Reset()
				var p headParser
				if done, bad := p.feed(&h, head, lim); !done || bad != nil {
					b.Fatal(done, bad)
				}
			}
		})
	}
}

// BenchmarkKeepAlive is a request and its answer over loopback, with a client
// that waits for the answer.
func BenchmarkKeepAlive(b *testing.B) {
	client, server := flowtest.Pair(b)
	go func() {
		c := newConn(b, server)
		lim := &message.Limits{HeaderTimeout: time.Minute}
		var h message.Head
		var out []byte
		for c.WaitRequest(time.Minute) == nil && c.ReadHead(&h, lim) == nil {
			out = AppendStatusLine(out[:0], 204)
			out = append(append(append(out, "Date: "...), message.CachedDateAt(time.Now().Unix())...), "\r\n\r\n"...)
			if _, err := c.Write(out); err != nil {
				return
			}
		}
	}()
	request, buf := []byte(typical), make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := client.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPipelined is the same with 16 requests in a write.
func BenchmarkPipelined(b *testing.B) {
	client, server := flowtest.Pair(b)
	const depth = 16
	go func() {
		c := newConn(b, server)
		lim := &message.Limits{HeaderTimeout: time.Minute}
		var h message.Head
		var out []byte
		for c.WaitRequest(time.Minute) == nil && c.ReadHead(&h, lim) == nil {
			out = append(AppendStatusLine(out, 204), "\r\n"...)
			if len(c.Buffered()) > 0 {
				continue
			}
			if _, err := c.Write(out); err != nil {
				return
			}
			out = out[:0]
		}
	}()
	request := []byte(strings.Repeat("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", depth))
	buf := make([]byte, depth*len("HTTP/1.1 204 No Content\r\n\r\n"))
	for b.Loop() {
		if _, err := client.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(client, buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNormalizePath(b *testing.B) {
	for _, target := range []string{"/static/app.js?v=3", "/a%20b/../c//d.html?x"} {
		b.Run(target, func(b *testing.B) {
			raw, dst := []byte(target), make([]byte, 0, 128)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, ok := message.NormalizePath(dst, raw, true); !ok {
					b.Fatal("refused")
				}
			}
		})
	}
}

func BenchmarkCachedDate(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		message.CachedDateAt(time.Now().Unix())
	}
}
