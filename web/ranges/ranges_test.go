package ranges_test

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/static"
	"tandem/web"
	"tandem/web/notmodified"
	"tandem/web/ranges"
	"tandem/web/webtest"
)

var modules = []*web.Module{static.Module, notmodified.Module, ranges.Module}

const date = "Fri, 02 Jan 2026 03:04:05 GMT"

func start(t *testing.T, files map[string]string) *webtest.Server {
	s := webtest.Start(t, `events {}
http { server { listen 127.0.0.1:8080; root html; types { text/html html; }
	location /two/ { alias html/; max_ranges 2; }
	location /none/ { alias html/; max_ranges 0; }
	location /page/ { alias html/; error_page 416 /416.html; }
} }`, modules, files)
	modified := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name := range files {
		if err := os.Chtimes(filepath.Join(s.Dir, name), modified, modified); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// body is a file of n bytes in which every place can be told.
func body(n int) string {
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%08d", b.Len())
	}
	return b.String()[:n]
}

// The large file is sent from its descriptor, the small one from memory.
var sizes = map[string]int{"small.html": 1000, "large.html": 300_000}

func files() map[string]string {
	files := map[string]string{"html/empty.html": "", "html/416.html": "no such range"}
	for name, size := range sizes {
		files["html/"+name] = body(size)
	}
	return files
}

func TestOneRange(t *testing.T) {
	s := start(t, files())
	for name, size := range sizes {
		whole := body(size)
		for _, c := range []struct {
			value      string
			start, end int
		}{
			{"bytes=0-0", 0, 1}, {"bytes=5-99", 5, 100}, {"BYTES=-10", size - 10, size}, {"bytes=100-", 100, size},
			{"bytes=0-", 0, size}, {fmt.Sprintf("bytes=%d-", size-1), size - 1, size}, {"bytes=0-9,5-4", 0, 10},
		} {
			a := s.Get(t, "/"+name, "Range: "+c.value)
			want := fmt.Sprintf("bytes %d-%d/%d", c.start, c.end-1, size)
			if a.Status != 206 || a.Body != whole[c.start:c.end] || a.Header.Get("Content-Range") != want ||
				a.Header.Get("Content-Length") != fmt.Sprint(c.end-c.start) || a.Header.Get("Accept-Ranges") != "" {
				t.Errorf("%s %s: %.300q", name, c.value, a.Raw)
			}
			if a := s.Do(t, "HEAD", "/"+name, "Range: "+c.value); a.Status != 206 || a.Header.Get("Content-Range") != want || !strings.HasSuffix(a.Raw, "\r\n\r\n") {
				t.Errorf("HEAD %s %s: %.300q", name, c.value, a.Raw)
			}
		}
	}
}

func TestWholeBody(t *testing.T) {
	s := start(t, files())
	tag := s.Get(t, "/small.html").Header.Get("ETag")
	for _, c := range []struct {
		path    string
		headers []string
		status  int
	}{
		{"/small.html", nil, 200},
		{"/small.html", []string{"Range: lines=1-2"}, 200},
		{"/small.html", []string{"Range: bytes="}, 200},
		{"/small.html", []string{"Range: bytes=0-999,0-999"}, 200},
		{"/two/small.html", []string{"Range: bytes=0-1,3-4,6-7"}, 200},
		{"/two/small.html", []string{"Range: bytes=0-1,3-4"}, 206},
		{"/none/small.html", []string{"Range: bytes=0-1"}, 200},
		{"/empty.html", []string{"Range: bytes=0-1"}, 200},
		{"/small.html", []string{"Range: bytes=0-1", "If-Range: " + tag}, 206},
		{"/small.html", []string{"Range: bytes=0-1", "If-Range: W/" + tag}, 200},
		{"/small.html", []string{"Range: bytes=0-1", `If-Range: "x"`}, 200},
		{"/small.html", []string{"Range: bytes=0-1", "If-Range: " + date}, 206},
		{"/small.html", []string{"Range: bytes=0-1", "If-Range: Fri, 02 Jan 2026 03:04:06 GMT"}, 200},
		{"/small.html", []string{"Range: bytes=0-1", "If-Range: rubbish"}, 200},
		{"/small.html", []string{"Range: bytes=0-1", "If-None-Match: " + tag}, 304},
	} {
		a := s.Get(t, c.path, c.headers...)
		offered := a.Header.Get("Accept-Ranges") == "bytes"
		if a.Status != c.status || offered != (c.status == 200 && !strings.HasPrefix(c.path, "/none")) {
			t.Errorf("%s %q: %.300q", c.path, c.headers, a.Raw)
		}
		if a.Status == 200 && a.Body != body(len(a.Body)) {
			t.Errorf("%s %q: body %.100q", c.path, c.headers, a.Body)
		}
	}
}

func TestUnsatisfiable(t *testing.T) {
	s := start(t, files())
	for _, c := range []struct{ path, value, body string }{
		{"/small.html", "bytes=1000-", "416 Requested Range Not Satisfiable"},
		{"/small.html", "bytes=x", "416 Requested Range Not Satisfiable"},
		{"/page/small.html", "bytes=1000-", "no such range"},
	} {
		a := s.Get(t, c.path, "Range: "+c.value)
		if a.Status != 416 || a.Header.Get("Content-Range") != "bytes */1000" || !strings.Contains(a.Body, c.body) || a.Header.Get("Content-Length") != fmt.Sprint(len(a.Body)) {
			t.Errorf("%s %s: %q", c.path, c.value, a.Raw)
		}
	}
}

func TestManyRanges(t *testing.T) {
	s := start(t, files())
	for name, size := range sizes {
		whole := body(size)
		a := s.Get(t, "/"+name, "Range: bytes=0-9, 100-199,-1,500-")
		spans := [][2]int{{0, 10}, {100, 200}, {size - 1, size}, {500, size}}
		typ, params, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
		if a.Status != 206 || err != nil || typ != "multipart/byteranges" || len(params["boundary"]) != 20 ||
			a.Header.Get("Content-Length") != fmt.Sprint(len(a.Body)) || a.Header.Get("Content-Range") != "" {
			t.Fatalf("%s: %.300q", name, a.Raw)
		}
		if want := "\r\n--" + params["boundary"] + "\r\nContent-Type: text/html\r\nContent-Range: bytes 0-9/" + fmt.Sprint(size) + "\r\n\r\n"; !strings.HasPrefix(a.Body, want) {
			t.Errorf("%s begins with %.200q, want %q", name, a.Body, want)
		}
		r := multipart.NewReader(strings.NewReader(a.Body), params["boundary"])
		for _, want := range spans {
			p, err := r.NextPart()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(p)
			if err != nil || string(got) != whole[want[0]:want[1]] || p.Header.Get("Content-Range") != fmt.Sprintf("bytes %d-%d/%d", want[0], want[1]-1, size) {
				t.Errorf("%s %v: %v %v %.100q", name, want, err, p.Header, got)
			}
		}
		if _, err := r.NextPart(); err != io.EOF {
			t.Errorf("%s: after the last part: %v", name, err)
		}
		if head := s.Do(t, "HEAD", "/"+name, "Range: bytes=0-9,100-199"); head.Status != 206 || !strings.HasSuffix(head.Raw, "\r\n\r\n") {
			t.Errorf("HEAD %s: %q", name, head.Raw)
		}
	}
}
