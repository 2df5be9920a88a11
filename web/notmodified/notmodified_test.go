package notmodified_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/static"
	"tandem/web"
	"tandem/web/headers"
	"tandem/web/notmodified"
	"tandem/web/webtest"
)

var modules = []*web.Module{static.Module, notmodified.Module, headers.Module}

// modified is the date of the file that the tests ask for.
var modified = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const (
	same   = "Fri, 02 Jan 2026 03:04:05 GMT"
	before = "Fri, 02 Jan 2026 03:04:04 GMT"
	after  = "Fri, 02 Jan 2026 03:04:06 GMT"
	tag    = `"695735a5-4"`
)

func start(t *testing.T) *webtest.Server {
	s := webtest.Start(t, `events {}
http { server { listen 127.0.0.1:8080; root html;
	location /before/ { alias html/; if_modified_since before; }
	location /off/ { alias html/; if_modified_since off; }
	location /notag/ { alias html/; etag off; }
	location /page/ { alias html/; error_page 412 /other; }
} }`, modules, map[string]string{"html/f": "body", "html/other": "other page"})
	if err := os.Chtimes(filepath.Join(s.Dir, "html/f"), modified, modified); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConditions(t *testing.T) {
	s := start(t)
	for _, c := range []struct {
		path    string
		headers []string
		want    int
	}{
		{"/f", nil, 200},
		{"/f", []string{"If-Modified-Since: " + same}, 304},
		{"/f", []string{"If-Modified-Since: " + before}, 200},
		{"/f", []string{"If-Modified-Since: " + after}, 200},
		{"/f", []string{"If-Modified-Since: rubbish"}, 200},
		{"/f", []string{"If-Modified-Since: Friday, 02-Jan-26 03:04:05 GMT"}, 304},
		{"/before/f", []string{"If-Modified-Since: " + same}, 304},
		{"/before/f", []string{"If-Modified-Since: " + after}, 304},
		{"/before/f", []string{"If-Modified-Since: " + before}, 200},
		{"/before/f", []string{"If-Modified-Since: rubbish"}, 200},
		{"/off/f", []string{"If-Modified-Since: " + same}, 200},
		{"/off/f", []string{"If-None-Match: " + tag}, 304},

		{"/f", []string{"If-None-Match: " + tag}, 304},
		{"/f", []string{"If-None-Match: W/" + tag}, 304},
		{"/f", []string{"If-None-Match: *"}, 304},
		{"/f", []string{`If-None-Match: "x"`}, 200},
		{"/f", []string{`If-None-Match: "x", W/"y" ,` + tag + ` , "z"`}, 304},
		{"/f", []string{`If-None-Match: ` + tag + `x`}, 200},
		{"/f", []string{`If-None-Match: x` + tag}, 200},
		{"/f", []string{`If-None-Match: ,,`}, 200},
		{"/notag/f", []string{"If-None-Match: " + tag}, 200},
		{"/notag/f", []string{"If-None-Match: *"}, 304},
		{"/f", []string{"If-None-Match: " + tag, "If-Modified-Since: " + before}, 200},
		{"/f", []string{"If-None-Match: " + tag, "If-Modified-Since: " + same}, 304},
		{"/f", []string{`If-None-Match: "x"`, "If-Modified-Since: " + same}, 200},

		{"/f", []string{"If-Match: " + tag}, 200},
		{"/f", []string{"If-Match: *"}, 200},
		{"/f", []string{"If-Match: W/" + tag}, 412},
		{"/f", []string{`If-Match: "x"`}, 412},
		{"/f", []string{`If-Match: "x", ` + tag}, 200},
		{"/notag/f", []string{"If-Match: " + tag}, 412},

		{"/f", []string{"If-Unmodified-Since: " + same}, 200},
		{"/f", []string{"If-Unmodified-Since: " + after}, 200},
		{"/f", []string{"If-Unmodified-Since: " + before}, 412},
		{"/f", []string{"If-Unmodified-Since: rubbish"}, 412},
		{"/f", []string{"If-Unmodified-Since: " + before, "If-None-Match: " + tag}, 412},

		// Only a success is conditional.
		{"/none", []string{"If-None-Match: *"}, 404},
		{"/none", []string{"If-Match: " + tag}, 404},
	} {
		a := s.Get(t, c.path, c.headers...)
		if a.Status != c.want {
			t.Errorf("%s %q: %d, want %d", c.path, c.headers, a.Status, c.want)
		}
		if a.Status == 304 && (a.Body != "" || a.Header.Get("Content-Length") != "" || a.Header.Get("Content-Type") != "" ||
			a.Header.Get("Last-Modified") != same || a.Header.Get("ETag") != tag && !strings.HasPrefix(c.path, "/notag")) {
			t.Errorf("%s %q: %q", c.path, c.headers, a.Raw)
		}
		if a.Status == 412 && (!strings.Contains(a.Body, "412 Precondition Failed") || a.Header.Get("ETag") != "" || a.Header.Get("Last-Modified") != "") {
			t.Errorf("%s %q: %q", c.path, c.headers, a.Raw)
		}
	}
}

// TestPreconditionFailed: what answers in place of the file leaves the
// connection as it should be.
func TestPreconditionFailed(t *testing.T) {
	s := start(t)
	const refused = "Host: a\r\nIf-Match: \"x\"\r\n\r\n"
	raw := s.Raw(t, "HEAD /f HTTP/1.1\r\n"+refused+"GET /page/f HTTP/1.1\r\n"+refused+
		"GET /f HTTP/1.1\r\n"+refused+"GET /f HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if n := strings.Count(raw, "HTTP/1.1 412 Precondition Failed\r\n"); n != 3 {
		t.Errorf("%d refusals in %q", n, raw)
	}
	if !strings.Contains(raw, "\r\n\r\nother pageHTTP/1.1 412") || !strings.HasSuffix(raw, "\r\n\r\nbody") {
		t.Errorf("got %q", raw)
	}
}
