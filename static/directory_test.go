package static_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/static"
	"tandem/web"
	"tandem/web/webtest"
)

var allModules = []*web.Module{static.TryFiles, static.RandomIndex, static.Index, static.AutoIndex, static.Module, static.EmptyGIF}

func startAll(t *testing.T, server string, files map[string]string) *webtest.Server {
	t.Helper()
	return webtest.Start(t, "events {}\nhttp { server { listen 127.0.0.1:8080; root html;\n"+server+"\n} }", allModules, files)
}

func TestTryFiles(t *testing.T) {
	s := startAll(t, `
		location / { try_files $uri $uri/ /fallback?from=$uri; }
		location /code { try_files $uri =418; }
		location /named { try_files $uri @named; }
		location @named { try_files /d/index.html =404; }
		location /alias/ { alias html/d/; try_files $uri /none =404; }
		location /nested/ { alias html/; location ~ a$ { try_files $uri =404; } }
		location ~ ^/re/ { alias html/d; try_files /a =404; }
		location /dir { try_files /d/ =404; }
		location /nodir { try_files /d =404; }
		location /nofile { try_files /d/a/ =404; }
		location /loop { try_files /none /loop; }
		location /empty { try_files /none $arg_nothing; }`,
		map[string]string{"html/d/index.html": "index of d", "html/d/a": "a", "html/fallback": "fallback"})
	for _, c := range []struct {
		path   string
		status int
		body   string
	}{
		{"/d/a", 200, "a"},
		{"/d/", 200, "index of d"},
		{"/d", 301, ""},
		{"/none", 200, "fallback"},
		{"/code", 418, ""},
		{"/named", 200, "index of d"},
		{"/alias/a", 200, "a"},
		{"/alias/b", 404, ""},
		{"/nested/d/a", 200, "a"},
		{"/nested/d/aa", 404, ""},
		{"/re/x", 200, "a"},
		{"/dir", 301, ""},
		{"/nodir", 404, ""},
		{"/nofile", 404, ""},
		{"/loop", 500, ""},
		{"/empty", 500, ""},
	} {
		if a := s.Get(t, c.path); a.Status != c.status || c.status == 200 && a.Body != c.body {
			t.Errorf("%s: %q, want %d %q", c.path, a.Raw, c.status, c.body)
		}
	}
}

func TestAutoIndex(t *testing.T) {
	s := startAll(t, `autoindex on;
		location /json/ { alias html/; autoindex_format json; }
		location /jsonp/ { alias html/; autoindex_format jsonp; }
		location /xml/ { alias html/; autoindex_format xml; }
		location /rounded/ { alias html/; autoindex_exact_size off; }
		location /off/ { alias html/; autoindex off; }`,
		map[string]string{"html/b": strings.Repeat("x", 123456), "html/a & \"b\"": "", "html/dir/x": "", "html/.hidden": "", "html/tab\t": ""})
	modified := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, name := range []string{"b", "a & \"b\"", "dir", "tab\t"} {
		if err := os.Chtimes(filepath.Join(s.Dir, "html", name), modified, modified); err != nil {
			t.Fatal(err)
		}
	}
	page := func(path, size string) string {
		return "<html>\r\n<head><title>Index of " + path + "</title></head>\r\n<body>\r\n<h1>Index of " + path + "</h1><hr><pre><a href=\"../\">../</a>\r\n" +
			"<a href=\"dir/\">dir/</a>                                               02-Jan-2026 03:04 " + strings.Repeat(" ", len(size)-1) + "-\r\n" +
			"<a href=\"a%20%26%20%22b%22\">a &amp; &quot;b&quot;</a>                                            02-Jan-2026 03:04 " + strings.Repeat(" ", len(size)-1) + "0\r\n" +
			"<a href=\"b\">b</a>                                                  02-Jan-2026 03:04 " + size + "\r\n" +
			"<a href=\"tab%09\">tab\t</a>                                               02-Jan-2026 03:04 " + strings.Repeat(" ", len(size)-1) + "0\r\n" +
			"</pre><hr></body>\r\n</html>\r\n"
	}
	const json = "[\r\n{ \"name\":\"dir\", \"type\":\"directory\", \"mtime\":\"Fri, 02 Jan 2026 03:04:05 GMT\" },\r\n" +
		"{ \"name\":\"a & \\\"b\\\"\", \"type\":\"file\", \"mtime\":\"Fri, 02 Jan 2026 03:04:05 GMT\", \"size\":0 },\r\n" +
		"{ \"name\":\"b\", \"type\":\"file\", \"mtime\":\"Fri, 02 Jan 2026 03:04:05 GMT\", \"size\":123456 },\r\n" +
		"{ \"name\":\"tab\\t\", \"type\":\"file\", \"mtime\":\"Fri, 02 Jan 2026 03:04:05 GMT\", \"size\":0 }\r\n]"
	const xml = "<?xml version=\"1.0\"?>\r\n<list>\r\n<directory mtime=\"2026-01-02T03:04:05Z\">dir</directory>\r\n" +
		"<file mtime=\"2026-01-02T03:04:05Z\" size=\"0\">a &amp; &quot;b&quot;</file>\r\n<file mtime=\"2026-01-02T03:04:05Z\" size=\"123456\">b</file>\r\n" +
		"<file mtime=\"2026-01-02T03:04:05Z\" size=\"0\">tab\t</file>\r\n</list>\r\n"
	for _, c := range []struct {
		path, typ, body string
		status          int
	}{
		{"/", "text/html", page("/", "             123456"), 200},
		{"/rounded/", "text/html", page("/rounded/", "   121K"), 200},
		{"/json/", "application/json", json, 200},
		{"/jsonp/", "application/json", json, 200},
		{"/jsonp/?callback=a.b_1", "application/javascript", "/* callback */\r\na.b_1(" + json + ");", 200},
		{"/jsonp/?callback=a;b", "text/html", "", 400},
		{"/jsonp/?callback=" + strings.Repeat("a", 129), "text/html", "", 400},
		{"/xml/", "text/xml; charset=utf-8", xml, 200},
		{"/off/", "text/html", "", 403},
		{"/none/", "text/html", "", 404},
		{"/b/", "text/html", "", 404},
	} {
		a := s.Get(t, c.path)
		if a.Status != c.status || a.Header.Get("Content-Type") != c.typ || c.status == 200 && a.Body != c.body {
			t.Errorf("%s: %q\nwant %q", c.path, a.Raw, c.body)
		}
	}
}

func TestRandomIndex(t *testing.T) {
	s := startAll(t, "location / { random_index on; } location /off/ { root html; }",
		map[string]string{"html/a": "a", "html/b": "b", "html/.hidden": "hidden", "html/dir/sub/x": "x", "html/off/index.html": "index"})
	if err := os.Symlink("b", filepath.Join(s.Dir, "html/link")); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]int)
	for range 1000 {
		if seen[s.Get(t, "/").Body]++; len(seen) == 2 {
			break
		}
	}
	if len(seen) != 2 || seen["a"] == 0 || seen["b"] == 0 {
		t.Errorf("saw %v", seen)
	}
	for path, want := range map[string]int{"/dir/": 403, "/none/": 404, "/off/": 200} {
		if a := s.Get(t, path); a.Status != want {
			t.Errorf("%s: %q", path, a.Raw)
		}
	}
}

func TestEmptyGIF(t *testing.T) {
	s := startAll(t, "location = /pixel { empty_gif; }", nil)
	a := s.Get(t, "/pixel")
	if a.Status != 200 || len(a.Body) != 43 || !strings.HasPrefix(a.Body, "GIF89a\x01\x00\x01\x00") || !strings.HasSuffix(a.Body, ";") ||
		a.Header.Get("Content-Type") != "image/gif" || a.Header.Get("Last-Modified") != "Mon, 28 Sep 1970 06:00:00 GMT" {
		t.Errorf("%q", a.Raw)
	}
	if a := s.Do(t, "POST", "/pixel"); a.Status != 405 {
		t.Errorf("%q", a.Raw)
	}
}

// TestTraversal: no path leads out of the root, unless a link does.
func TestTraversal(t *testing.T) {
	s := startAll(t, "location /alias { alias html/d/; } location /slash/ { alias html/d/; }",
		map[string]string{"secret": "secret", "html/secret.txt": "beside", "html/d/a": "a"})
	for name, to := range map[string]string{"html/out": "..", "html/d/up": "../../secret"} {
		if err := os.Symlink(to, filepath.Join(s.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{
		"/../secret", "/%2e%2e/secret", "/%2E%2E%2fsecret", "/..%2fsecret", "/d/../../secret", "/d/%2e%2e/%2e%2e/secret", "/./../secret",
		"/d/..//../secret", "/..", "/%2e%2e", "/d/../..", "/..%00/secret", "/secret.txt%00", "/%00", "/slash/../../secret", "/slash/%2e%2e/%2e%2e/secret",
		"/..%252fsecret", "/%252e%252e/secret", "/..\\secret", "/..%5csecret", "/d/a/../../../secret", "/d/a/..", "//../secret", "/alias../secret.txt",
		"/alias..%2fsecret.txt", "/alias../", "/alias..", "/alias../../secret",
	} {
		raw := s.Raw(t, "GET "+path+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		if strings.Contains(raw, "secret") || strings.Contains(raw, "beside") || strings.HasPrefix(raw, "HTTP/1.1 200") {
			t.Errorf("%s: %q", path, raw)
		}
	}
	// Links are the operator's own: disable_symlinks is there for others.
	for path, want := range map[string]string{"/out/secret": "secret", "/d/up": "secret", "/slash/up": "secret", "/d/../secret.txt": "beside", "/d/x/..%2fa": "a"} {
		if a := s.Get(t, path); a.Body != want {
			t.Errorf("%s: %q, want %q", path, a.Raw, want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct{ directives, want string }{
		{"index a; index \"\";", `index "" in "index" directive is invalid`},
		{"index /a b;", `only the last index in "index" directive should be absolute`},
		{"index $none;", `unknown "none" variable`},
		{"index;", `invalid number of arguments in "index" directive`},
		{"try_files a;", `invalid number of arguments in "try_files" directive`},
		{"try_files a =x;", `invalid code "=x"`},
		{"try_files a =1000;", `invalid code "=1000"`},
		{"try_files a b; try_files a b;", `"try_files" directive is duplicate`},
		{"autoindex yes;", `invalid value "yes" in "autoindex" directive, it must be "on" or "off"`},
		{"autoindex_format text;", `invalid value "text"`},
		{"open_file_cache max=0;", `invalid "open_file_cache" parameter "max=0"`},
		{"open_file_cache inactive=5s;", `"open_file_cache" must have the "max" parameter`},
		{"open_file_cache max=1 for=5s;", `invalid "open_file_cache" parameter "for=5s"`},
		{"open_file_cache_valid x;", `"open_file_cache_valid" directive invalid value`},
		{"random_index on;", `"random_index" directive is not allowed here`},
		{"empty_gif;", `"empty_gif" directive is not allowed here`},
	} {
		_, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp { server { "+c.directives+" } }", allModules)
		if len(errs) != 1 || !strings.Contains(errs.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.directives, errs, c.want)
		}
	}
}
