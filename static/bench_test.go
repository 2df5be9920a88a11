package static_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"tandem/web/webtest"
)

// Benchmark measures what the server itself takes for a request, without a
// network.
func Benchmark(b *testing.B) {
	s := start(b, "location / { root html; } keepalive_requests 1000000000; log_not_found off;", map[string]string{
		"html/index.html": string(bytes.Repeat([]byte("x"), 300)), "html/big": string(bytes.Repeat([]byte("x"), 60<<10)), "html/sub/x": "",
	})
	settle(b, s)
	for _, c := range []struct{ name, path, more string }{
		{"file", "/index.html", ""},
		{"index", "/", ""},
		{"large", "/big", ""},
		{"304", "/index.html", "If-None-Match: *\r\n"},
		{"404", "/none", ""},
		{"301", "/sub", ""},
		{"range", "/big", "Range: bytes=100-199\r\n"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			s.Serve(&webtest.Memory{Requests: b.N, Request: []byte("GET " + c.path + " HTTP/1.1\r\nHost: localhost\r\n" +
				"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
				"Accept: text/html,application/xhtml+xml\r\nAccept-Encoding: gzip, deflate, br\r\n" + c.more + "\r\n")})
		})
	}
}

// settle waits until the files that the test has written are old enough to be
// kept in memory.
func settle(t testing.TB, s *webtest.Server) {
	t.Helper()
	info, err := os.Stat(s.Dir + "/html/sub/x")
	if err != nil {
		t.Fatal(err)
	}
	for time.Since(info.ModTime()) < 60*time.Millisecond {
		time.Sleep(time.Millisecond)
	}
}
