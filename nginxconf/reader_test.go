package nginxconf

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestIncludes(t *testing.T) {
	files := map[string]string{
		"/etc/nginx.conf":    "a;\nhttp {\n  include sub/b.conf;\n  include /abs.conf;\n}\ninclude sub/b.conf;\n",
		"/etc/sub/b.conf":    "b1;\ninclude sub/c.conf;\nb2;", // relative to the main file's folder
		"/etc/sub/c.conf":    "map x {\n  include values;\n}\n",
		"/etc/values":        "default 1;\n~^a 2;\n",
		"/abs.conf":          "",
		"/etc/not/read.conf": "z;",
	}
	tree, errs := Read("etc/nginx.conf", Options{Prefix: "/", ReadFile: memory(files)})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	want := `1 a
2 http {
  1 b1
  1 map x {
    1 default 1
    2 ~^a 2
  3 }
  3 b2
5 }
1 b1
1 map x {
  1 default 1
  2 ~^a 2
3 }
3 b2
`
	if got := render(tree.Main); got != want {
		t.Errorf("got\n%s", got)
	}
	var names []string
	for _, f := range tree.Files {
		names = append(names, f.Name)
		if string(f.Data) != files[f.Name] {
			t.Errorf("%s holds %q", f.Name, f.Data)
		}
	}
	if got, want := strings.Join(names, " "), "/etc/nginx.conf /etc/sub/b.conf /etc/sub/c.conf /etc/values /abs.conf"; got != want {
		t.Errorf("files %s, want %s", got, want)
	}

	// The way to the second "default" leads over line 6.
	pos := tree.Main[3].Block[0].Pos
	e := &Error{Pos: pos, Msg: "oops"}
	if got, want := e.Error(), "oops in /etc/values:1, included from /etc/sub/c.conf:2, included from /etc/sub/b.conf:2, included from /etc/nginx.conf:6"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestIncludeItself(t *testing.T) {
	_, errs := Read("/a", Options{ReadFile: memory(map[string]string{
		"/a": "include b;\nx {\n include c;\n}\ninclude a;",
		"/b": "include c;",
		"/c": "\ninclude b;",
	})})
	want := `include of "/b" never ends, it includes itself in /c:2, included from /b:1, included from /a:1
include of "/c" never ends, it includes itself in /b:1, included from /c:2, included from /a:3
include of "/a" never ends, it includes itself in /a:5`
	if got := errs.Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDeepNesting(t *testing.T) {
	_, errs := readText(strings.Repeat("a {", 1_000_000))
	if got, want := errs.Error(), "blocks are nested more than 500 deep in /nginx.conf:1"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	_, errs = readText(strings.Repeat("a {", 500) + strings.Repeat("}", 500))
	if len(errs) > 0 {
		t.Error(errs)
	}
}

func TestBuiltinFiles(t *testing.T) {
	files := map[string]string{"/etc/nginx.conf": "include mime.types;\ninclude mime.typos;\n"}
	builtin := map[string][]byte{"mime.types": []byte("types {\n}\n")}
	tree, errs := Read("/etc/nginx.conf", Options{ReadFile: memory(files), BuiltinFiles: builtin})
	if got, want := render(tree.Main), "1 types {\n2 }\n"; got != want {
		t.Errorf("got %s", got)
	}
	if len(errs) != 2 || errs[0].Severity != Warn || errs[1].Severity != Emerg {
		t.Fatalf("errors %v", errs)
	}
	if Errors(errs[:1]).Failed() || !errs.Failed() {
		t.Error("a built-in file is worth a warning, another missing one an error")
	}
	if !errors.Is(errs, fs.ErrNotExist) {
		t.Error("the cause is lost")
	}

	// A file that is there wins, and so does any other trouble with it.
	files["/etc/mime.types"] = "own;"
	tree, errs = Read("/etc/nginx.conf", Options{ReadFile: memory(files), BuiltinFiles: builtin})
	if got := render(tree.Main); got != "1 own\n" || len(errs) != 1 {
		t.Errorf("got %s, %v", got, errs)
	}
	_, errs = Read("/mime.types", Options{ReadFile: memory(nil), BuiltinFiles: builtin})
	if !errs.Failed() {
		t.Error("the main file is never a built-in one")
	}
}

func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, []byte("\ninclude folder;"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, errs := Read("missing.conf", Options{Prefix: dir})
	if got, want := errs.Error(), `open() "`+dir+`/missing.conf" failed (2: No such file or directory)`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	_, errs = Read(conf, Options{})
	if got, want := errs.Error(), `pread() "`+dir+`/folder" failed (21: Is a directory) in `+conf+":2"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if errs[0].Severity != Crit || !errs.Failed() {
		t.Errorf("severity %v", errs[0].Severity)
	}
}

func TestGlobals(t *testing.T) {
	tree, errs := Read("/c", Options{Globals: "a b;\n c 'd';", ReadFile: memory(map[string]string{"/c": "e;"})})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if got, want := render(tree.Main), "0 a b\n1 c \"d\"\n1 e\n"; got != want {
		t.Errorf("got %s", got)
	}
	if got := tree.Main[1].Pos.String(); got != "command line" {
		t.Errorf("position %s", got)
	}
	if len(tree.Files) != 1 {
		t.Errorf("%d files", len(tree.Files))
	}
}

// dumped are files of one configuration that nginx accepts, with what -T must
// not change: CRLF, bytes that are not UTF-8, a missing final newline, an empty
// file, files included several times.
var dumped = map[string]string{
	"nginx.conf":       "# \xc8\xe7\r\nevents {\r\n include sub/*.ev;\r\n}\r\ninclude one.conf;\ninclude nothing/*.conf;\ninclude one.con[f];\n",
	"one.conf":         "include two.conf;\n#\ttext without newline",
	"two.conf":         "",
	"sub/b.ev":         "multi_accept\ton;",
	"sub/a.ev":         "\n\n\n",
	"sub/.c.ev":        "hidden, so that this is not read",
	"sub/A.ev":         "include sub/a.ev;\n",
	"nothing/here.txt": "",
}

func TestDumpAsNginx(t *testing.T) {
	nginx := newPeer(t)
	for name, text := range dumped {
		nginx.write(t, name, text)
	}
	tree, errs := Read("nginx.conf", Options{Prefix: nginx.dir})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	var b strings.Builder
	if err := tree.Dump(&b); err != nil {
		t.Fatal(err)
	}
	if theirs := nginx.dump(t, "nginx.conf"); b.String() != theirs {
		t.Errorf("dump\n%q\nnginx's\n%q", b.String(), theirs)
	}
}

func TestDump(t *testing.T) {
	tree, _ := Read("/a", Options{ReadFile: memory(map[string]string{"/a": "include b;\r\ninclude b;", "/b": "\xff"})})
	var b strings.Builder
	if err := tree.Dump(&b); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "# configuration file /a:\ninclude b;\r\ninclude b;\n# configuration file /b:\n\xff\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
