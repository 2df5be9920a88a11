package static_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/static"
	"tandem/web"
	"tandem/web/webtest"
)

var davModules = []*web.Module{static.Index, static.DAV, static.Module}

func startDAV(t *testing.T, server string, files map[string]string) *webtest.Server {
	t.Helper()
	return webtest.Start(t, "events {}\nhttp { server { listen 127.0.0.1:8080; root html; dav_methods PUT DELETE MKCOL COPY MOVE;\n"+server+"\n} }", davModules, files)
}

// content lists what is below html: folders with a slash, files with their
// content.
func content(t *testing.T, s *webtest.Server) string {
	t.Helper()
	var names []string
	root := filepath.Join(s.Dir, "html")
	if err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, name)
		switch {
		case err != nil || rel == ".":
		case d.IsDir():
			names = append(names, rel+"/")
		case d.Type()&fs.ModeSymlink != 0:
			names = append(names, rel+"->")
		default:
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			names = append(names, rel+"="+string(b))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func (d davStep) request() string {
	req := d.method + " " + d.path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
	for _, h := range d.headers {
		req += h + "\r\n"
	}
	return req + "\r\n" + d.body
}

type davStep struct {
	method, path string
	headers      []string
	body         string
	status       int
	after        string // content, if not empty
}

func TestDAV(t *testing.T) {
	s := startDAV(t, `
		location /full/ { create_full_put_path on; dav_access group:r all:r; }
		location /deep/ { min_delete_depth 2; }
		location /alias/ { alias html/aliased/; }
		location /off/ { dav_methods off; }
		client_max_body_size 100;`,
		map[string]string{"html/aliased/x": "x", "html/deep/a/b": "b"})
	const base = "aliased/ aliased/x=x deep/ deep/a/ deep/a/b=b"
	for _, step := range []davStep{
		{"PUT", "/f", []string{"Content-Length: 3"}, "one", 201, base + " f=one"},
		{"PUT", "/f", []string{"Content-Length: 3"}, "two", 204, base + " f=two"},
		{"PUT", "/f", []string{"Transfer-Encoding: chunked"}, "5\r\nthree\r\n0\r\n\r\n", 204, base + " f=three"},
		{"PUT", "/f", []string{"Content-Length: 0"}, "", 204, base + " f="},
		{"PUT", "/c/", []string{"Content-Length: 1"}, "x", 409, ""},
		{"PUT", "/none/f", []string{"Content-Length: 1"}, "x", 500, ""},
		{"PUT", "/deep", []string{"Content-Length: 1"}, "x", 409, ""},
		{"PUT", "/f", []string{"Content-Length: 1", "Content-Range: bytes 0-0/1"}, "x", 501, ""},
		{"PUT", "/f", []string{"Content-Length: 101"}, strings.Repeat("x", 101), 413, ""},
		{"PUT", "/f", []string{"Transfer-Encoding: chunked"}, "65\r\n" + strings.Repeat("x", 101) + "\r\n0\r\n\r\n", 413, ""},
		{"PUT", "/off/f", []string{"Content-Length: 1"}, "x", 405, base + " f="},
		{"DELETE", "/f", []string{"Depth: 1"}, "", 400, ""},
		{"DELETE", "/f", []string{"Content-Length: 1"}, "x", 415, ""},
		{"DELETE", "/f/", nil, "", 409, ""},
		{"DELETE", "/f", nil, "", 204, base},
		{"DELETE", "/f", nil, "", 404, ""},
		{"DELETE", "/deep/a", nil, "", 409, ""},
		{"DELETE", "/deep/", nil, "", 409, ""},
		{"MKCOL", "/c", nil, "", 409, ""},
		{"MKCOL", "/c/d/", nil, "", 409, ""},
		{"MKCOL", "/c/", nil, "", 201, "aliased/ aliased/x=x c/ deep/ deep/a/ deep/a/b=b"},
		{"MKCOL", "/c/", nil, "", 405, ""},
		{"DELETE", "/c/", []string{"Depth: 0"}, "", 400, ""},
		{"DELETE", "/c/", []string{"Depth: infinity"}, "", 204, base},
		{"COPY", "/alias/x", []string{"Destination: /alias/y"}, "", 204, "aliased/ aliased/x=x aliased/y=x deep/ deep/a/ deep/a/b=b"},
		{"COPY", "/alias/x", []string{"Destination: /al"}, "", 400, ""},
		{"MOVE", "/alias/y", []string{"Destination: http://localhost/alias/new/z"}, "", 204, "aliased/ aliased/new/ aliased/new/z=x aliased/x=x deep/ deep/a/ deep/a/b=b"},
		{"DELETE", "/alias/new/", nil, "", 204, base},
		{"COPY", "/deep/", []string{"Destination: /copy/"}, "", 201, "aliased/ aliased/x=x copy/ copy/a/ copy/a/b=b deep/ deep/a/ deep/a/b=b"},
		{"COPY", "/deep/", []string{"Destination: /copy/", "Overwrite: F"}, "", 412, ""},
		{"COPY", "/aliased/", []string{"Destination: /copy/", "Overwrite: T"}, "", 201, "aliased/ aliased/x=x copy/ copy/x=x deep/ deep/a/ deep/a/b=b"},
		{"COPY", "/aliased/", []string{"Destination: /copy/", "Overwrite: maybe"}, "", 400, ""},
		{"COPY", "/aliased/", []string{"Destination: /copy/", "Depth: 1"}, "", 400, ""},
		{"MOVE", "/copy/", []string{"Destination: /moved/", "Depth: 0"}, "", 400, ""},
		{"MOVE", "/copy/", []string{"Destination: /moved/"}, "", 201, base + " moved/ moved/x=x"},
		{"MOVE", "/moved/x", []string{"Destination: /moved"}, "", 409, ""},
		{"MOVE", "/moved/", []string{"Destination: /moved/in/"}, "", 403, ""},
		{"MOVE", "/moved/", []string{"Destination: /moved/"}, "", 403, ""},
		{"MOVE", "/moved/", []string{"Destination: /x"}, "", 409, ""},
		{"MOVE", "/moved/x", []string{"Destination: /../x"}, "", 400, ""},
		{"MOVE", "/moved/x", []string{"Destination: /%2e%2e/x"}, "", 400, ""},
		{"MOVE", "/moved/x", []string{"Destination: http://elsewhere/x"}, "", 400, ""},
		{"MOVE", "/moved/x", []string{"Destination: https://localhost/x"}, "", 400, ""},
		{"MOVE", "/moved/x", nil, "", 400, ""},
		{"MOVE", "/moved/none", []string{"Destination: /y"}, "", 404, base + " moved/ moved/x=x"},
	} {
		a := webtest.ParseAnswer(t, step.method, s.Raw(t, step.request()))
		if a.Status != step.status {
			t.Errorf("%s %s %v: %q, want %d", step.method, step.path, step.headers, a.Raw, step.status)
		}
		if got := content(t, s); step.after != "" && got != step.after {
			t.Errorf("after %s %s %v:\n%s, want\n%s", step.method, step.path, step.headers, got, step.after)
		}
		if step.status == 201 && strings.HasSuffix(step.method, "T") && a.Header.Get("Location") == "" {
			t.Errorf("%s %s: no Location in %q", step.method, step.path, a.Raw)
		}
	}
	if left, err := filepath.Glob(filepath.Join(s.Dir, "client_body_temp", "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestDAVAccess(t *testing.T) {
	s := startDAV(t, "create_full_put_path on; dav_access group:rw all:r;", map[string]string{"html/x": ""})
	a := webtest.ParseAnswer(t, "PUT", s.Raw(t, davStep{method: "PUT", path: "/new%20folder/f", body: "x",
		headers: []string{"Content-Length: 1", "Date: Fri, 02 Jan 2026 03:04:05 GMT"}}.request()))
	if a.Status != 201 || !strings.HasSuffix(a.Header.Get("Location"), "/new%20folder/f") {
		t.Errorf("%q", a.Raw)
	}
	info, err := os.Stat(filepath.Join(s.Dir, "html/new folder/f"))
	if err != nil || info.Mode() != 0o664 || !info.ModTime().Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Errorf("%v %v %v", err, info.Mode(), info.ModTime())
	}
	for _, c := range []struct{ directives, want string }{
		{"dav_methods GET;", `invalid value "GET"`},
		{"dav_access user:x;", `invalid value "user:x"`},
		{"dav_access world:r;", `invalid value "world:r"`},
		{"dav_access user:rw; dav_access user:r;", `"dav_access" directive is duplicate`},
		{"min_delete_depth x;", "invalid number"},
	} {
		_, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp { server { "+c.directives+" } }", davModules)
		if len(errs) != 1 || !strings.Contains(errs.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.directives, errs, c.want)
		}
	}
}

// TestDAVLinks: links are removed and left out of copies, not followed.
func TestDAVLinks(t *testing.T) {
	s := startDAV(t, "", map[string]string{"html/d/f": "f", "outside/secret": "secret"})
	for name, to := range map[string]string{"html/d/out": "../../outside", "html/d/file": "../../outside/secret"} {
		if err := os.Symlink(to, filepath.Join(s.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []davStep{
		{"COPY", "/d/", []string{"Destination: /e/"}, "", 201, "d/ d/f=f d/file-> d/out-> e/ e/f=f"},
		{"DELETE", "/d/", nil, "", 500, "d/ d/out-> e/ e/f=f"},
	} {
		if a := webtest.ParseAnswer(t, step.method, s.Raw(t, step.request())); a.Status != step.status {
			t.Errorf("%q", a.Raw)
		}
		if got := content(t, s); got != step.after {
			t.Errorf("%s, want %s", got, step.after)
		}
	}
	if b, err := os.ReadFile(filepath.Join(s.Dir, "outside/secret")); err != nil || string(b) != "secret" {
		t.Errorf("%v %q", err, b)
	}
}
