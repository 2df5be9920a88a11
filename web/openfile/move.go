package openfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

// Move says how a file gets its place.
type Move struct {
	Access       fs.FileMode // permissions of the file; 0: as they are
	FolderAccess fs.FileMode // permissions of folders that are made, by those of files
	CreatePath   bool        // make folders that are missing
	Modified     time.Time   // its modification time; zero: as it is
}

// Do gives the file from the name to, in place of what has that name. On
// another file system it is copied first, so that whoever opens the name sees
// the old file or the new one, whole. Errors are *fs.PathError or *os.LinkError.
func (m Move) Do(from, to string) error {
	if m.Access != 0 {
		if err := os.Chmod(from, m.Access); err != nil {
			return err
		}
	}
	if !m.Modified.IsZero() {
		if err := os.Chtimes(from, m.Modified, m.Modified); err != nil {
			return err
		}
	}
	err := os.Rename(from, to)
	if errors.Is(err, fs.ErrNotExist) && m.CreatePath {
		if err := os.MkdirAll(filepath.Dir(to), FolderAccess(m.FolderAccess)); err != nil {
			return err
		}
		err = os.Rename(from, to)
	}
	if !errors.Is(err, syscall.EXDEV) {
		return err
	}
	beside := fmt.Sprintf("%s.%010d", to, moves.Add(1))
	err = Copy(from, beside)
	if err == nil {
		err = os.Rename(beside, to)
	}
	if err != nil {
		_ = os.Remove(beside)
		return err
	}
	return os.Remove(from)
}

var moves atomic.Uint32

// FolderAccess returns the permissions of a folder whose files have the given
// ones: who may read may also look names up.
func FolderAccess(files fs.FileMode) fs.FileMode { return files | files&0o444>>2 }

// Copy copies a file's content, permissions and modification time to the name
// to, over what is there.
func Copy(from, to string) error {
	in, err := os.OpenFile(from, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if e := out.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Chtimes(to, info.ModTime(), info.ModTime())
}
