package openfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestMove(t *testing.T) {
	dir := t.TempDir()
	modified := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	folders := map[string]string{"same": dir}
	// Another file system, where there is one.
	if shm, err := os.MkdirTemp("/dev/shm", "openfile-"); err == nil {
		t.Cleanup(func() { _ = os.RemoveAll(shm) })
		folders["other"] = shm
	}
	for name, from := range folders {
		t.Run(name, func(t *testing.T) {
			src, dst := filepath.Join(from, "src"), filepath.Join(dir, name, "deep", "dst")
			if err := os.WriteFile(src, []byte("content"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := (Move{}).Do(src, dst); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("without a folder: %v", err)
			}
			if err := (Move{Access: 0o640, FolderAccess: 0o640, CreatePath: true, Modified: modified}).Do(src, dst); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(dst)
			if err != nil || info.Mode() != 0o640 || !info.ModTime().Equal(modified) {
				t.Errorf("%v %v", err, info)
			}
			if folder, err := os.Stat(filepath.Dir(dst)); err != nil || folder.Mode().Perm() != 0o750 {
				t.Errorf("%v %v", err, folder)
			}
			if content, err := os.ReadFile(dst); err != nil || string(content) != "content" {
				t.Errorf("%v %q", err, content)
			}
			if _, err := os.Stat(src); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the source is still there: %v", err)
			}
			if left, err := filepath.Glob(dst + ".*"); err != nil || len(left) > 0 {
				t.Errorf("left beside: %v", left)
			}
		})
	}
}
