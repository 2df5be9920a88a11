package configuration

import (
	"os"
	"path/filepath"
	"testing"
)

// In images for containers error.log is a link to standard error.
func TestIsStderr(t *testing.T) {
	dir := t.TempDir()
	stderr, err := os.Create(filepath.Join(dir, "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer func(before *os.File) { os.Stderr = before; _ = stderr.Close() }(os.Stderr)
	os.Stderr = stderr
	link, other := filepath.Join(dir, "error.log"), filepath.Join(dir, "other.log")
	if err := os.Symlink(stderr.Name(), link); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{link: true, stderr.Name(): true, other: false, filepath.Join(dir, "missing"): false} {
		if got := isStderr(name); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
