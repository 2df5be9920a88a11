package web_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/web"
	"tandem/web/webtest"
)

// tell answers with the value of a variable, "-" when it has none.
func tell(name string) web.Handler {
	return func(r *web.Request) web.Code {
		v, found := r.NamedVariable(name, nil)
		if !found {
			v = []byte("-")
		}
		return answer(r, string(v))
	}
}

// The file that a path stands for.
func TestRequestFilename(t *testing.T) {
	for _, c := range []struct{ conf, path, want string }{
		{"", "/a/b", "PREFIX/html/a/b"},
		{"root /srv;", "/a/b", "/srv/a/b"},
		{"root /srv/;", "/a", "/srv/a"},
		{"root data;", "/a", "PREFIX/data/a"},
		{"root /srv; location /a { }", "/a", "/srv/a"},
		{"root /srv; location /a { root /other; }", "/a", "/other/a"},
		{"root /srv/$arg_v;", "/a?v=1", "/srv/1/a"},
		{"root /srv/$arg_v/;", "/a?v=1", "/srv/1/a"},
		{"root $arg_v;", "/a?v=data", "PREFIX/data/a"},
		{"root $arg_v;", "/a?v=/data", "/data/a"},
		{"location /a/ { alias /other/; }", "/a/b", "/other/b"},
		{"location /a { alias /other; }", "/ab", "/otherb"},
		{"location = /a { alias /other; }", "/a", "/other"},
		{"location /a/ { alias /other/$arg_v/; }", "/a/b?v=1", "/other/1/b"},
		{`location ~ ^/a/(.*)\.x$ { alias /other/$1.y; }`, "/a/b.x", "/other/b.y"},
		{"location /a/ { alias /other/; location /a/b/ { } }", "/a/b/c", "/other/b/c"},
		{"location /a/ { alias /other/; location /a/b/ { root /srv; } }", "/a/b/c", "/srv/a/b/c"},
		// A path that would lead above the alias.
		{"location /a { alias /other/; }", "/a../c", "-"},
		{"location /a { alias /other/; }", "/a..", "-"},
		{"location /a { alias /other/; }", "/a..c", "/other/..c"},
		{"location /a { alias /other/; }", "/a.", "/other/."},
	} {
		s := inMemory(t, c.conf, tell("request_filename"))
		got := strings.ReplaceAll(s.Ask(t, c.path).Content, strings.TrimSuffix(s.Dir, "/"), "PREFIX")
		if got = strings.ReplaceAll(got, "PREFIX//", "PREFIX/"); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.conf, c.path, got, c.want)
		}
		if leads := strings.Contains(s.Log(), `leads out of the alias of location "/a"`); leads != (c.want == "-") {
			t.Errorf("%s %s: log %s", c.conf, c.path, s.Log())
		}
	}
	s := oneServer(t, "location /a/ { alias /other/; }", handling(web.Rewrite, func(r *web.Request) web.Code {
		r.ChangePath([]byte("/x"))
		r.StayInLocation()
		return web.Declined
	}), handling(web.Content, tell("request_filename")))
	if x := s.Ask(t, "/a/b"); x.Content != "-" || !strings.Contains(s.Log(), `"alias" cannot be used in location "/a/" where URI was rewritten`) {
		t.Errorf("%q, log %s", x.Content, s.Log())
	}
}

// $realpath_root has no links in it, and no value where there is no such folder.
func TestRealpathRoot(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, dir+"/link"); err != nil {
		t.Fatal(err)
	}
	for root, want := range map[string]string{dir + "/link": dir, dir + "/none": "-"} {
		s := inMemory(t, "root "+root+";", tell("realpath_root"))
		if x := s.Ask(t, "/"); x.Content != want || strings.Contains(s.Log(), "realpath() failed") != (want == "-") {
			t.Errorf("%s: %s, log %s", root, x.Content, s.Log())
		}
	}
}

// disable_symlinks: what is checked of a file's name, and from where on.
func TestLinks(t *testing.T) {
	for _, c := range []struct {
		conf, name       string
		check, sameOwner bool
		trusted          int
	}{
		{"", "/srv/a", false, false, 0},
		{"off", "/srv/a", false, false, 0},
		{"on", "/srv/a", true, false, 0},
		{"if_not_owner", "/srv/a", true, true, 0},
		{"on from=/srv", "/srv/a", true, false, 4},
		{"on from=/srv/", "/srv/a", true, false, 4},
		{"if_not_owner from=/$arg_dir", "/srv/a\x00", true, true, 4},
		{"on from=/srv", "/srva", true, false, 0},
		{"on from=/other", "/srv/a", true, false, 0},
		{"on from=$arg_none", "/srv/a", true, false, 0},
		{"on from=/srv/a", "/srv/a", false, false, 0},
		{"on from=/srv/a", "/srv/a\x00", false, false, 0},
	} {
		conf := ""
		if c.conf != "" {
			conf = "disable_symlinks " + c.conf + ";"
		}
		inMemory(t, conf, func(r *web.Request) web.Code {
			if l := r.Links([]byte(c.name)); l.Check != c.check || l.SameOwner != c.sameOwner || l.Trusted != c.trusted {
				t.Errorf("%s %q: %+v", c.conf, c.name, l)
			}
			return 204
		}).Ask(t, "/?dir=srv")
	}
}

// URIs that others give: of back ends and of pages.
func TestSafeURI(t *testing.T) {
	for uri, want := range map[string]string{
		"/a?b":        "/a b",
		"/a%20b?c%20": "/a b c%20",
		"/a/..b/...":  "/a/..b/... ",
		"a":           "a ",
		"/?..":        "/ ..",
		"":            "unsafe",
		"?a":          "unsafe",
		"/a/..":       "unsafe",
		"../a":        "unsafe",
		"..":          "unsafe",
		"/a/../b":     "unsafe",
		"/%2e./a":     "unsafe",
		"/a%2f..":     "unsafe",
		"/a%00b":      "unsafe",
		"/a\x00b":     "unsafe",
	} {
		path, args, ok := web.SafeURI([]byte(uri))
		got := string(path) + " " + string(args)
		if !ok {
			got = "unsafe"
		}
		if got != want {
			t.Errorf("%q: %q, want %q", uri, got, want)
		}
	}
}

// Whether a browser has sent a request for a page of this origin.
func TestSameOrigin(t *testing.T) {
	for _, c := range []struct {
		fields []string
		want   bool
	}{
		{nil, true},
		{[]string{"Origin: http://localhost"}, true},
		{[]string{"Origin: https://LOCALHOST"}, true},
		{[]string{"Origin: http://localhost:81"}, false},
		{[]string{"Origin: http://evil.example"}, false},
		{[]string{"Origin: null"}, false},
		{[]string{"Sec-Fetch-Site: same-origin", "Origin: http://evil.example"}, true},
		{[]string{"Sec-Fetch-Site: none"}, true},
		{[]string{"Sec-Fetch-Site: same-site"}, false},
		{[]string{"Sec-Fetch-Site: cross-site", "Origin: http://localhost"}, false},
	} {
		inMemory(t, "", func(r *web.Request) web.Code {
			if r.SameOrigin() != c.want {
				t.Errorf("%v: %v", c.fields, !c.want)
			}
			return 204
		}).Ask(t, "/", c.fields...)
	}
}

// A context is one module's and one request's, is forgotten at a redirect, and its
// memory serves once more.
func TestContexts(t *testing.T) {
	var told []int
	s := oneServer(t, "", handling(web.Content, func(r *web.Request) web.Code {
		if c := noted.Of(r); c != nil {
			told = append(told, -*c)
		}
		if string(r.Path) == "/" {
			*noted.Take(r) = 1
			told = append(told, *noted.Of(r))
			return r.InternalRedirect([]byte("/there"), nil)
		}
		n := 2
		noted.Set(r, &n)
		told = append(told, *noted.Of(r), *noted.Take(r))
		noted.Set(r, nil)
		if noted.Of(r) != nil {
			t.Error("it has not been taken away")
		}
		return 204
	}))
	if s.Ask(t, "/"); len(told) != 3 || told[0] != 1 || told[1] != 2 || told[2] != 0 {
		t.Errorf("%v", told)
	}
	// The second request of a connection finds nothing of the first.
	kept := webtest.Start(t, header+"server { listen 127.0.0.1:8080; } }", []*web.Module{handling(web.Content, func(r *web.Request) web.Code {
		c := noted.Take(r)
		*c++
		return answer(r, fmt.Sprint("counted ", *c))
	})}, nil)
	raw := kept.Raw(t, "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if strings.Count(raw, "counted 1") != 2 {
		t.Errorf("%q", raw)
	}
}

// noted is the context of a module that notes a number.
var noted = web.NewContext[int]()
