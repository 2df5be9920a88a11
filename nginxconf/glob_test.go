package nginxconf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var globNames = []string{"a.conf", "b.conf", "B.conf", "ab.conf", "z.conf", ".hidden.conf", "a.conf~", "a b.conf", "ä.conf", "\xff.conf",
	"[x].conf", "-.conf", "1.conf", "*.conf", "a/x.conf", "b/x.conf", "b/.x.conf", ".c/x.conf", "b/c/x.conf", "a-b/x.conf", `\.conf`}

func makeGlobNames(t *testing.T, dir string) {
	t.Helper()
	for _, name := range globNames {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestGlob(t *testing.T) {
	dir := t.TempDir()
	makeGlobNames(t, dir)
	for pattern, want := range map[string]string{
		"[ab].conf":                   "a.conf|b.conf",
		"[!ab].conf":                  "*.conf|-.conf|1.conf|B.conf|\\.conf|z.conf|\xff.conf",
		"[^a-z].conf":                 "*.conf|-.conf|1.conf|B.conf|\\.conf|\xff.conf",
		"?.conf":                      "*.conf|-.conf|1.conf|B.conf|\\.conf|a.conf|b.conf|z.conf|\xff.conf",
		"??.conf":                     "ab.conf|ä.conf",
		"a*.conf":                     "a b.conf|a.conf|ab.conf",
		".*.conf":                     ".hidden.conf",
		"*/x.conf":                    "a-b/x.conf|a/x.conf|b/x.conf",
		"*/*.conf":                    "a-b/x.conf|a/x.conf|b/x.conf",
		"*/*/*":                       "b/c/x.conf",
		".?/x*":                       ".c/x.conf",
		"[[]x].conf":                  "[x].conf",
		`\[x\]*`:                      "[x].conf",
		`\*.con[f]`:                   "*.conf",
		"[]-].con?":                   "-.conf",
		"[a-].conf":                   "-.conf|a.conf",
		"[[:upper:][:digit:]].conf":   "1.conf|B.conf",
		"[[:alpha:]][[:alpha:]].conf": "ab.conf",
		"[[:nonsense:]].conf":         "",
		"[x.conf*":                    "",
		"nothing*":                    "",
		"*/nothing":                   "",
		"a.conf/*":                    "",
		"*conf":                       "*.conf|-.conf|1.conf|B.conf|[x].conf|\\.conf|a b.conf|a.conf|ab.conf|b.conf|z.conf|ä.conf|\xff.conf",
		"**.conf":                     "*.conf|-.conf|1.conf|B.conf|[x].conf|\\.conf|a b.conf|a.conf|ab.conf|b.conf|z.conf|ä.conf|\xff.conf",
		"../*/a.con?":                 "../" + filepath.Base(dir) + "/a.conf",
		"./a.con*":                    "./a.conf|./a.conf~",
		"b//x.con?":                   "b//x.conf",
	} {
		names, err := glob(dir + "/" + pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
		for i := range names {
			names[i] = strings.TrimPrefix(names[i], dir+"/")
		}
		if got := strings.Join(names, "|"); got != want {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
}

// The files that nginx includes for a pattern, and their order, seen in its
// dump.
func TestGlobAsNginx(t *testing.T) {
	nginx := newPeer(t)
	makeGlobNames(t, nginx.dir+"/files")
	for _, pattern := range []string{"*.conf", "?.conf", "??.conf", "[ab].conf", "[!ab].conf", "[^ab].conf", "[a-z]*.conf", "[z-a]*.conf",
		".*.conf", "*/*.conf", "*/.*.conf", ".?/x*", "[.]*", "[[]x].conf", `\[x\]*`, `\*.con[f]`, "[]-].con?", "[a-].conf", "[!].conf", "[].conf*",
		"[[:upper:][:digit:]].conf", "[[:nonsense:]].conf", "[[:alpha:].conf", "[x.conf*", "x].conf*", "nothing*", "*/nothing", "a.conf/*", "**.conf",
		"../*/a.con?", "./a.con*", "b//x.con?", `[\]]*`, `[\a-b].conf`, `\\*`, `*\`, "[a/b].conf", "[!/]x.conf"} {
		nginx.write(t, "nginx.conf", "events {}\ninclude \"files/"+strings.ReplaceAll(pattern, `\`, `\\`)+"\";\n")
		tree, errs := Read("nginx.conf", Options{Prefix: nginx.dir})
		if len(errs) > 0 {
			t.Errorf("%s: %v", pattern, errs)
			continue
		}
		var b strings.Builder
		if err := tree.Dump(&b); err != nil {
			t.Fatal(err)
		}
		if theirs := nginx.dump(t, "nginx.conf"); b.String() != theirs {
			t.Errorf("%s\ngot\n%s\nnginx\n%s", pattern, &b, theirs)
		}
	}
}
