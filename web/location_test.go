package web_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"tandem/web"
)

// The longest location that a path begins with is found, whatever else there is: as
// looking at one after the other finds it.
func TestLongestLocation(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		b := []byte("/")
		for range random.IntN(6) {
			b = append(b, "ab/"[random.IntN(3)])
		}
		return string(b)
	}
	for range 30 {
		names := map[string]bool{} // whether it is an exact one
		var conf strings.Builder
		for range 12 {
			name, exact := word(), random.IntN(4) == 0
			if strings.Contains(name, "//") {
				continue
			}
			if _, there := names[name]; there {
				continue
			}
			names[name] = exact
			form := ""
			if exact {
				form = "= "
			}
			fmt.Fprintf(&conf, "location %s%s { say %q; }\n", form, name, name)
		}
		s := oneServer(t, "merge_slashes off; "+conf.String())
		for range 60 {
			path, want := word(), ""
			for name, exact := range names {
				if len(name) >= len(want) && (path == name || !exact && strings.HasPrefix(path, name)) {
					want = name
				}
			}
			x := s.Ask(t, path)
			if want == "" && x.Status >= 400 {
				continue
			}
			if x.Content != want {
				t.Fatalf("%s: location %q, want %q, of\n%s", path, x.Content, want, conf.String())
			}
		}
	}
}

// Which location a path comes to when expressions, nested locations and those of
// other methods than searching have a say.
func TestLocationOrder(t *testing.T) {
	s := oneServer(t, `
		location / { say root; location ~ \.gif$ { say "root gif"; } }
		location /a/ { say a; location /a/b/ { say "a b"; location ~ x { say "a b x"; } } location = /a/c { say "a = c"; } location ~ ^/a/b/y { say "a y"; } }
		location ^~ /pics/ { say pics; location ~ \.png$ { say "pics png"; } }
		location ~ ^/a/b/z { say "z outside"; location ~ zz { say "zz"; } location ~ zzz { say "zzz"; } }
		location ~ \.gif$ { say gif; }
		location ~* \.PNG$ { say png; }
		location @a { say named; }
		location @a { say "the second"; }
		location /named { error_page 404 @a; }`)
	for path, want := range map[string]string{
		"/x.gif":      "root gif", // expressions inside come before those outside
		"/x":          "root",
		"/a/b/1":      "a b",
		"/a/b/x":      "a b x",
		"/a/b/y":      "a y",
		"/a/c":        "a = c",
		"/a/c/":       "a",
		"/a/b/z":      "z outside",
		"/a/b/zz":     "zz",
		"/a/b/zzz":    "zz",
		"/pics/a.png": "pics png",
		"/pics/a.gif": "pics",
		"/a/1.gif":    "gif",
		"/a/1.png":    "png",
		"/named":      "named",
	} {
		if x := s.Ask(t, path); x.Content != want {
			t.Errorf("%s: %q, want %q", path, x.Content, want)
		}
	}
}

// A path without the final slash of a location that passes requests on is
// redirected to it, unless there is a location of that name.
func TestMissingSlash(t *testing.T) {
	s := oneServer(t, `
		location /pass/ { code 418; }
		location "/with space/" { code 418; }
		location /both/ { code 418; } location = /both { say both; }
		location /two { say two; } location /two/ { code 418; }
		location /plain/ { say plain; }
		location / { say root; }`, coded)
	for target, want := range map[string]string{
		"/pass":         "301 http://localhost:8080/pass/",
		"/pass?a=b&c":   "301 http://localhost:8080/pass/?a=b&c",
		"/with%20space": "301 http://localhost:8080/with%20space/",
		"/pass/":        "418 ",
		"/pass/x":       "418 ",
		"/both":         "200 ",
		"/two":          "200 ",
		"/plain":        "200 ",
		"/pas":          "200 ",
	} {
		x := s.Ask(t, target)
		if got := fmt.Sprint(x.Status, " ", x.Field("Location")); got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
}

// What a rewrite phase makes of the path, and of the location.
func TestChangePath(t *testing.T) {
	for _, stay := range []bool{false, true} {
		var valid, raw bool
		s := oneServer(t, `location /old { say "old $uri"; } location /new { say "new $uri"; internal; }`,
			handling(web.Rewrite, func(r *web.Request) web.Code {
				if string(r.Path) != "/old" {
					return web.Declined
				}
				r.ChangePath([]byte("/new"))
				if stay {
					r.StayInLocation()
				}
				return web.OK
			}), handling(web.PreContent, func(r *web.Request) web.Code {
				valid, raw = r.LocationValid, r.RawPathValid
				return web.Declined
			}))
		want := "new /new"
		if stay {
			want = "old /new"
		}
		if x := s.Ask(t, "/old"); x.Content != want || valid == stay || raw {
			t.Errorf("stays %v: %q, location valid: %v, path as received: %v", stay, x.Content, valid, raw)
		}
		if x := s.Ask(t, "/new"); x.Status != 404 || !valid && !stay {
			t.Errorf("an internal location: %d", x.Status)
		}
	}
}

// A handler of a location that has nothing to say leaves the answer to the content
// phase, or to a page.
func TestHandlerDeclines(t *testing.T) {
	s := oneServer(t, `location / { code -5; } location /say { say said; code -5; }`, coded)
	for target, want := range map[string]int{"/x": 404, "/say": 200} {
		if x := s.Ask(t, target); x.Status != want {
			t.Errorf("%s: %d, want %d", target, x.Status, want)
		}
	}
	// Nobody answers: what is logged.
	s = oneServer(t, "root /nowhere;")
	if x := s.Ask(t, "/folder/"); x.Status != 403 || !strings.Contains(s.Log(), `directory index of "/nowhere/folder/" is forbidden`) {
		t.Errorf("%d, log %s", x.Status, s.Log())
	}
	if x := s.Ask(t, "/file"); x.Status != 404 || !strings.Contains(s.Log(), "no handler found") {
		t.Errorf("%d, log %s", x.Status, s.Log())
	}
}
