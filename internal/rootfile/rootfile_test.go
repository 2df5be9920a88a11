package rootfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

const nobody = 65534

func TestOpenFile(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make what belongs to others")
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, name string, uid int) {
		t.Helper()
		check(os.Symlink(to, at(name)))
		check(os.Lchown(at(name), uid, -1))
	}
	check(os.Mkdir(at("etc"), 0o755))
	check(os.WriteFile(at("etc/passwd"), []byte("root"), 0o600))
	check(os.Mkdir(at("logs"), 0o755))
	check(os.Chown(at("logs"), nobody, nobody))
	check(os.WriteFile(at("logs/plain"), nil, 0o644))
	link("../etc/passwd", "logs/theirs", nobody)
	link(at("etc/passwd"), "logs/theirs-too", nobody)
	link("../etc/new", "logs/dangling", nobody)
	link("../etc/passwd", "logs/ours", 0)
	link("../etc", "logs/folder", nobody)
	link("etc", "ours", 0)
	link("logs/theirs", "through", 0)
	link("/proc/self/fd/0", "stdin", 0)
	link("endless", "endless", 0)
	for name, refused := range map[string]bool{
		"logs/plain": false, "logs/new": false, "logs/theirs": true, "logs/theirs-too": true, "logs/dangling": true, "logs/ours": false,
		"logs/folder/passwd": true, "ours/passwd": false, "ours/../logs/theirs": true, "through": true, "stdin": false, "endless": true,
	} {
		f, err := OpenFile(at(name), os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o640)
		if err == nil {
			check(f.Close())
		}
		if errors.Is(err, unix.ELOOP) != refused || err != nil && !refused && name != "stdin" {
			t.Errorf("%s: %v, refused is %v", name, err, refused)
		}
	}
	if info, err := os.Stat(at("logs/new")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("what it made: %v %v", info, err)
	}
	if _, err := os.Stat(at("etc/new")); !os.IsNotExist(err) {
		t.Errorf("what it must not make: %v", err)
	}
	if _, err := OpenFile(at("none/x"), os.O_RDONLY, 0); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}
