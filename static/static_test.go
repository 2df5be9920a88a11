package static_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/static"
	"tandem/web"
	"tandem/web/notmodified"
	"tandem/web/ranges"
	"tandem/web/webtest"
)

var modules = []*web.Module{static.Index, static.Module, notmodified.Module, ranges.Module}

func start(t testing.TB, server string, files map[string]string) *webtest.Server {
	t.Helper()
	return webtest.Start(t, "events {}\nhttp { server { listen 127.0.0.1:8080;\n"+server+"\n} }", modules, files)
}

func TestFile(t *testing.T) {
	s := start(t, `
		location / { root html; }
		location /a/ { alias html/sub/; }
		location ~ ^/re/(.*)$ { alias html/sub/$1; }
		location /nolog/ { root html; log_not_found off; }
		types { text/html html; text/css css; } default_type application/x-thing;`,
		map[string]string{"html/index.html": "index", "html/sub/a.css": "css", "html/sub/b": "b", "html/empty": "", "html/sub/x y.html": "xy"})
	if err := os.Symlink("/", filepath.Join(s.Dir, "html/root")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path     string
		status           int
		typ, body, place string
	}{
		{"GET", "/index.html", 200, "text/html", "index", ""},
		{"HEAD", "/index.html", 200, "text/html", "", ""},
		{"GET", "/", 200, "text/html", "index", ""},
		{"GET", "/?x=1", 200, "text/html", "index", ""},
		{"GET", "/sub/a.css", 200, "text/css", "css", ""},
		{"GET", "/sub/b", 200, "application/x-thing", "b", ""},
		{"GET", "/empty", 200, "application/x-thing", "", ""},
		{"GET", "/a/a.css", 200, "text/css", "css", ""},
		{"GET", "/re/a.css", 200, "text/css", "css", ""},
		{"GET", "/sub/x%20y.html", 200, "text/html", "xy", ""},
		{"GET", "/sub", 301, "text/html", "<h1>301", "http://localhost/sub/"},
		{"GET", "/sub?a=b", 301, "text/html", "<h1>301", "http://localhost/sub/?a=b"},
		{"GET", "/sub/", 403, "text/html", "<h1>403", ""},
		{"GET", "/none", 404, "text/html", "<h1>404", ""},
		{"GET", "/none/", 404, "text/html", "<h1>404", ""},
		{"GET", "/index.html/", 404, "text/html", "<h1>404", ""},
		{"GET", "/index.html/x", 404, "text/html", "<h1>404", ""},
		{"GET", "/" + strings.Repeat("x", 300), 404, "text/html", "<h1>404", ""},
		{"GET", strings.Repeat("/"+strings.Repeat("y", 200), 25), 404, "text/html", "<h1>404", ""},
		{"POST", "/index.html", 405, "text/html", "<h1>405", ""},
		{"POST", "/none", 404, "text/html", "<h1>404", ""},
		{"PUT", "/none", 405, "text/html", "<h1>405", ""},
		{"PUT", "/", 405, "text/html", "<h1>405", ""},
		{"DELETE", "/none/", 405, "text/html", "<h1>405", ""},
	} {
		a := s.Do(t, c.method, c.path)
		if a.Status != c.status || a.Header.Get("Content-Type") != c.typ || !strings.Contains(a.Body, c.body) || a.Header.Get("Location") != strings.Replace(c.place, "localhost", "localhost:"+port(t, s), 1) {
			t.Errorf("%s %s: %q, want %v", c.method, c.path, a.Raw, c)
		}
	}
}

func port(t *testing.T, s *webtest.Server) string {
	_, p, _ := strings.Cut(s.Addr(t, "8080"), ":")
	return p
}

// TestExpectContinue: a client that waits is told to go on when its body is to
// be thrown away, and not when the request is refused.
func TestExpectContinue(t *testing.T) {
	s := start(t, "root html; location /refused/ { root nowhere; }", map[string]string{"html/f": "body"})
	const rest = "Host: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n"
	if raw := s.Raw(t, "GET /f HTTP/1.1\r\n"+rest+"abc"); !strings.HasPrefix(raw, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n") {
		t.Errorf("%q", raw)
	}
	if raw := s.Raw(t, "GET /refused/f HTTP/1.1\r\n"+rest+"abc"); !strings.HasPrefix(raw, "HTTP/1.1 404 Not Found\r\n") {
		t.Errorf("%q", raw)
	}
}
