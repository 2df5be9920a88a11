package openfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func name(s string) []byte { return append([]byte(s), 0) }

// read opens and reads a file, and says what came of it.
func read(l Links, path string) string {
	n := name(path)
	fd, f := l.Open(n)
	if string(n) != path+"\x00" {
		return "the name was changed to " + string(n)
	}
	if !f.OK() {
		return fmt.Sprintf("%s %d", f.Call, int(f.Errno))
	}
	defer Close(fd)
	var i Info
	if f := Fstat(fd, &i); !f.OK() {
		return f.Call
	}
	if i.IsDir() {
		return "directory"
	}
	b := make([]byte, i.Size)
	got, f := ReadFull(fd, b)
	if !f.OK() {
		return f.Call
	}
	return string(b[:got])
}

// tree makes a folder with links of all kinds in it.
func tree(t *testing.T) string {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(dir+"/d/e", 0o755))
	must(os.WriteFile(dir+"/d/f", []byte("content"), 0o644))
	must(os.WriteFile(dir+"/d/e/g", []byte("deep"), 0o644))
	must(os.Symlink("f", dir+"/d/link"))
	must(os.Symlink("d", dir+"/dirlink"))
	must(os.Symlink("nowhere", dir+"/d/dangling"))
	must(os.Symlink("loop", dir+"/d/loop"))
	return dir
}

func TestLinks(t *testing.T) {
	dir := tree(t)
	all, none, same := Links{}, Links{Check: true}, Links{Check: true, SameOwner: true}
	trusted := Links{Check: true, Trusted: len(dir) + len("/dirlink")}
	enoent, enotdir, eloop := int(syscall.ENOENT), int(syscall.ENOTDIR), int(syscall.ELOOP)
	for _, c := range []struct {
		links Links
		path  string
		want  string
	}{
		{all, "/d/f", "content"},
		{all, "/d/link", "content"},
		{all, "/dirlink/e/g", "deep"},
		{all, "/d", "directory"},
		{all, "/d/", "directory"},
		{all, "/d/dangling", fmt.Sprintf("open() %d", enoent)},
		{all, "/d/loop", fmt.Sprintf("open() %d", eloop)},
		{all, "/d/f/", fmt.Sprintf("open() %d", enotdir)},
		{none, "/d/f", "content"},
		{none, "//d///f", "content"},
		{none, "/d/e/g", "deep"},
		{none, "/d", "directory"},
		{none, "/d/", "directory"},
		{none, "/d/link", fmt.Sprintf("openat() %d", eloop)},
		{none, "/d/dangling", fmt.Sprintf("openat() %d", eloop)},
		{none, "/dirlink/f", fmt.Sprintf("openat() %d", enotdir)},
		{none, "/dirlink", fmt.Sprintf("openat() %d", eloop)},
		{none, "/d/none", fmt.Sprintf("openat() %d", enoent)},
		{none, "/d/f/", fmt.Sprintf("openat() %d", enotdir)},
		{same, "/d/link", "content"},
		{same, "/dirlink/e/g", "deep"},
		{same, "/d/dangling", fmt.Sprintf("openat() %d", enoent)},
		{trusted, "/dirlink/f", "content"},
		{trusted, "/dirlink/e/g", "deep"},
		{trusted, "/dirlink/link", fmt.Sprintf("openat() %d", eloop)},
	} {
		if got := read(c.links, dir+c.path); got != c.want {
			t.Errorf("%+v %s: %s, want %s", c.links, c.path, got, c.want)
		}
	}
}

func TestLinksOfAnotherOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to give files away")
	}
	dir := tree(t)
	if err := os.Lchown(dir+"/d/link", 1, 1); err != nil {
		t.Fatal(err)
	}
	if got, want := read(Links{Check: true, SameOwner: true}, dir+"/d/link"), fmt.Sprintf("openat() %d", int(syscall.ELOOP)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := read(Links{}, dir+"/d/link"); got != "content" {
		t.Error(got)
	}
}

func TestStat(t *testing.T) {
	dir := tree(t)
	for _, l := range []Links{{}, {Check: true}} {
		var i Info
		if f := l.Stat(name(dir+"/d/f"), &i); !f.OK() || !i.IsRegular() || i.IsDir() || i.Size != 7 {
			t.Errorf("%+v: %v %+v", l, f, i)
		}
		file, err := os.Stat(dir + "/d/f")
		if err != nil || i.Mtime != file.ModTime().UnixNano() || i.Modified() != file.ModTime().Unix() {
			t.Errorf("%+v: %v %v %v", l, err, i, file.ModTime())
		}
		if f := l.Stat(name(dir+"/none"), &i); f.Errno != syscall.ENOENT {
			t.Errorf("%+v: %v", l, f)
		}
		if f := l.Stat(name(dir+strings.Repeat("/x", 2100)), &i); l.Check != (f.Errno == syscall.ENOENT) || !l.Check && f.Errno != syscall.ENAMETOOLONG {
			t.Errorf("%+v: %v", l, f)
		}
	}
	if i := (Info{Mtime: -1}); i.Modified() != -1 {
		t.Errorf("a nanosecond before 1970 is in second %d", i.Modified())
	}
}

// TestFIFO: opening a FIFO that nobody writes to does not wait.
func TestFIFO(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, l := range []Links{{}, {Check: true}} {
		fd, f := l.Open(name(fifo))
		if !f.OK() {
			t.Fatal(f)
		}
		Close(fd)
	}
}

// TestSwappedDirectory: while a directory is again and again replaced by a link
// to another one, nothing is ever read through the link.
func TestSwappedDirectory(t *testing.T) {
	dir := tree(t)
	if err := os.MkdirAll(dir+"/secret", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/secret/f", []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("secret", dir+"/bait"); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var swaps sync.WaitGroup
	swaps.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				_ = os.Rename(dir+"/d", dir+"/away")
				_ = os.Rename(dir+"/bait", dir+"/d")
				_ = os.Rename(dir+"/d", dir+"/bait")
				_ = os.Rename(dir+"/away", dir+"/d")
			}
		}
	})
	seen := make(map[string]int)
	for i := 0; i < 5000 || seen["content"] == 0; i++ {
		seen[read(Links{Check: true}, dir+"/d/f")]++
	}
	close(done)
	swaps.Wait()
	if seen["secret"] > 0 || len(seen) > 4 {
		t.Errorf("saw %v", seen)
	}
}

func TestFound(t *testing.T) {
	var f Found
	var i Info
	if f.Take(name("a"), &i) {
		t.Error("found something in nothing")
	}
	f.Leave(name("a"), &Info{Size: 5})
	if f.Take(name("b"), &i) {
		t.Error("found under another name")
	}
	if !f.Take(name("a"), &i) || i.Size != 5 || f.Take(name("a"), &i) {
		t.Error("what was left is not taken once")
	}
}

func TestAllocations(t *testing.T) {
	dir := tree(t)
	n, missing := name(dir+"/d/f"), name(dir+"/d/none")
	var i Info
	b := make([]byte, 10)
	if n := testing.AllocsPerRun(100, func() {
		_ = Links{}.Stat(n, &i)
		_ = Links{}.Stat(missing, &i)
		_ = Links{Check: true}.Stat(n, &i)
		fd, _ := Links{}.Open(n)
		_, _ = ReadFull(fd, b)
		Close(fd)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
