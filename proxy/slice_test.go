package proxy_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"tandem/web"
	"tandem/web/headers"
	"tandem/web/notmodified"
	"tandem/web/ranges"
	"tandem/web/slice"
	"tandem/web/webtest"
)

var sliceModules = []*web.Module{modules[0], modules[1], slice.Module, notmodified.Module, headers.Module, ranges.Module, slice.Rest}

// TestSlice: large responses are asked for and kept in parts.
func TestSlice(t *testing.T) {
	for name, more := range map[string]string{"as nginx": "", "RFC 9111": "proxy_cache_rfc9111 on; proxy_cache_revalidate on;"} {
		t.Run(name, func(t *testing.T) { testSlice(t, more) })
	}
}

func testSlice(t *testing.T, more string) {
	s := webtest.Start(t, begin+more+`proxy_cache_path cache keys_zone=z:1m;
	server { listen 127.0.0.1:8080; slice 4; add_header X-Cache $upstream_cache_status; location / { proxy_pass http://127.0.0.1:8081;
		proxy_cache z; proxy_cache_key $uri$slice_range; proxy_cache_valid 200 206 1h; proxy_set_header Range $slice_range; } } }`, sliceModules, nil)
	const whole = "0123456789ab"
	b := serve(t, s.Addr(t, "8081"), func(head, _ string) (string, bool) {
		if strings.Contains(head, "/plain") {
			return ok(whole), true
		}
		_, r, _ := strings.Cut(head, "Range: bytes=")
		first, _, _ := strings.Cut(r, "-")
		from, _ := strconv.Atoi(first)
		if from >= len(whole) {
			return "HTTP/1.1 416 No\r\nContent-Length: 0\r\n\r\n", true
		}
		tag, told := "x", fmt.Sprintf("%d-%d/%d", from, from+3, len(whole))
		switch {
		case strings.Contains(head, "/changed") && from == 4:
			tag = "y"
		case strings.Contains(head, "/else") && from == 4:
			told = "0-3/12"
		case strings.Contains(head, "/nonsense") && from == 4:
			told = "x"
		case strings.Contains(head, "/unknown") && from == 4:
			told = "4-7/*"
		}
		return fmt.Sprintf("HTTP/1.1 206 Partial Content\r\nETag: \"%s\"\r\nAccept-Ranges: bytes\r\nContent-Range: bytes %s\r\nContent-Length: 4\r\n\r\n%s",
			tag, told, whole[from:from+4]), true
	})
	for _, c := range []struct {
		path, asked string
		status      int
		body        string
		parts       int // that the back end was asked for
	}{
		{"/a", "", 200, whole, 3},
		{"/a", "", 200, whole, 0},
		{"/a", "bytes=5-6", 206, "56", 0},
		{"/b", "bytes=5-6", 206, "56", 1},
		{"/b", "bytes=5-8", 206, "5678", 1},
		{"/b", "bytes=-2", 206, "ab", 1},
		{"/b", "bytes=1-1,3-3", 200, whole, 0},
		{"/b", "bytes=40-", 416, "*", 1},
		{"/plain", "", 200, whole, 1},
	} {
		var fields []string
		if c.asked != "" {
			fields = append(fields, "Range: "+c.asked)
		}
		a := s.Get(t, c.path, fields...)
		if a.Status != c.status || c.body != "*" && a.Body != c.body || len(b.got) != c.parts {
			t.Errorf("%s %s: %d %q after %d questions, want %d %q after %d", c.path, c.asked, a.Status, a.Body, len(b.got), c.status, c.body, c.parts)
		}
		for len(b.got) > 0 {
			<-b.got
		}
	}
	// Parts that do not belong together end the response before its end.
	for path, why := range map[string]string{
		"/changed": "etag mismatch in slice response", "/else": "unexpected range in slice response: 0-4, expected: 4-8",
		"/nonsense": "invalid range in slice response", "/unknown": "no complete length in slice response",
	} {
		raw := s.Raw(t, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if strings.Contains(raw, "4567") || !strings.Contains(s.Log(), why) {
			t.Errorf("%s: %q", path, raw)
		}
	}
}
