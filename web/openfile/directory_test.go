package openfile

import (
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestEntries(t *testing.T) {
	dir := tree(t)
	for i := range 500 {
		if err := os.WriteFile(fmt.Sprintf("%s/a file with a name of its own %d", dir, i), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	listed, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, e := range listed {
		want = append(want, fmt.Sprint(e.Name(), e.IsDir(), e.Type()&os.ModeSymlink != 0))
	}
	fd, f := OpenDir(name(dir))
	if !f.OK() {
		t.Fatal(f)
	}
	defer Close(fd)
	entries, f := AppendEntries(nil, fd)
	if !f.OK() {
		t.Fatal(f)
	}
	for e := range entries.All() {
		var itself, target Info
		if f := StatIn(fd, e.Name, false, &itself); !f.OK() {
			t.Fatal(f)
		}
		if f := StatIn(fd, e.Name, true, &target); !f.OK() || !target.IsDir() && !target.IsRegular() {
			t.Errorf("%q: %v", e.Name, f)
		}
		isLink := itself.Mode&unix.S_IFMT == unix.S_IFLNK
		if e.Type != unix.DT_UNKNOWN && (e.Type == unix.DT_DIR) != itself.IsDir() {
			t.Errorf("%q is of type %d", e.Name, e.Type)
		}
		got = append(got, fmt.Sprint(string(e.Name[:len(e.Name)-1]), itself.IsDir(), isLink))
	}
	slices.Sort(want)
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, f := OpenDir(name(dir + "/d/f")); f.Errno != syscall.ENOTDIR {
		t.Errorf("a file is a directory: %v", f)
	}
}
