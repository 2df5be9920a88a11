package message

import (
	"bytes"
	"strings"
	"tandem/internal/escape"
	"testing"
)

func TestNormalizePath(t *testing.T) {
	for _, test := range []struct{ raw, path, args string }{
		{"/", "/", ""},
		{"/a/b.c", "/a/b.c", ""},
		{"/a?b=c&d", "/a", "b=c&d"},
		{"/a?b?c", "/a", "b?c"},
		{"/a?", "/a", ""},
		{"/a%20b", "/a b", ""},
		{"/a+b", "/a+b", ""},
		{"/a%2Bb", "/a+b", ""},
		{"/%2f%2F/a", "/a", ""},
		{"//a///b//", "/a/b/", ""},
		{"/a/./b", "/a/b", ""},
		{"/a/.", "/a/", ""},
		{"/a/..", "/", ""},
		{"/a/../b", "/b", ""},
		{"/a/b/../../c", "/c", ""},
		{"/a/%2e%2E/b", "/b", ""},
		{"/a%2f..%2fb", "/b", ""},
		{"/a/.?x", "/a/", "x"},
		{"/a/..?x", "/", "x"},
		{"/a/.#x", "/a/", ""},
		{"/a/..#x", "/", ""},
		{"/a/...", "/a/...", ""},
		{"/a/..b", "/a/..b", ""},
		{"/a/.b", "/a/.b", ""},
		{"/.well-known", "/.well-known", ""},
		{"/a#b?c", "/a", ""},
		{"/a?b#c", "/a", "b"},
		{"/a%3fb", "/a?b", ""},
		{"/a%23b", "/a#b", ""},
		{"/a%25b", "/a%b", ""},
		{"/a%252e", "/a%2e", ""},
		{"/.%25", "/.%", ""},
		{"/%02", "/\x02", ""},
		{"?a", "/", "a"},
		{"?a#b", "/", "a"},
	} {
		path, args, ok := NormalizePath([]byte("before"), []byte(test.raw), true)
		if !ok || string(path) != test.path || string(args) != test.args {
			t.Errorf("%s: %q %q %v, want %q %q", test.raw, path, args, ok, test.path, test.args)
		}
	}
	for _, raw := range []string{
		"", "a", "*", "%2f", "#", "/..", "/../a", "/a/../..", "/%2e%2e", "/./..", "//..",
		"/%", "/%2", "/a%", "/%g0", "/%0g", "/%00", "/a\x00",
	} {
		if path, _, ok := NormalizePath(nil, []byte(raw), true); ok {
			t.Errorf("%q: %q, want it refused", raw, path)
		}
	}
	if path, _, _ := NormalizePath(nil, []byte("//a///b/..//c"), false); string(path) != "//a////c" {
		t.Errorf("without merging: %q", path)
	}
	plain := []byte("/a/b.c?d")
	if path, _, _ := NormalizePath(nil, plain, true); &path[0] != &plain[0] {
		t.Error("a plain path was copied")
	}
}

func FuzzNormalizePath(f *testing.F) {
	for _, s := range []string{"/", "/a/../b?c#d", "//a/%2e%2e/", "/%", "?x", "/a%2f..%2f..", "/...//./..a"} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, raw []byte, merge bool) {
		before := bytes.Clone(raw)
		path, args, ok := NormalizePath(nil, raw, merge)
		if !bytes.Equal(before, raw) {
			t.Fatal("the input changed")
		}
		if !ok {
			return
		}
		if path[0] != '/' || bytes.IndexByte(path, 0) >= 0 {
			t.Fatalf("%q: %q", raw, path)
		}
		for i, segment := range strings.Split(string(path), "/") {
			// A dot segment may stand only where dots were joined by nothing: it
			// would lead a file system out of the root.
			if segment == "." || segment == ".." {
				t.Fatalf("%q: %q", raw, path)
			}
			if merge && segment == "" && i != 0 && i != bytes.Count(path, []byte("/")) {
				t.Fatalf("%q: empty segment in %q", raw, path)
			}
		}
		// The path, escaped, means itself.
		escaped := escape.AppendURI(nil, path, escape.URI)
		again, none, ok := NormalizePath(nil, escaped, merge)
		if !ok || none != nil || !bytes.Equal(again, path) {
			t.Fatalf("%q: %q, escaped %q, is read as %q", raw, path, escaped, again)
		}
		if args != nil && !bytes.Contains(raw, append([]byte("?"), args...)) {
			t.Fatalf("%q: arguments %q", raw, args)
		}
	})
}
