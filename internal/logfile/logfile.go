// Package logfile keeps the log files of the process: shared by all that
// write to the same name, reopened together, and never in the way of the
// writer.
package logfile

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Set is the log files that are open, by name.
type Set struct {
	mu    sync.Mutex
	files map[string]*File
}

// File is one log file. Writes of whole lines by several goroutines do not
// mix.
type File struct {
	name string
	mu   sync.Mutex
	f    *os.File
	w    io.Writer // in place of f, for stderr
	uses int
}

// Open returns the file of that name, opened for appending or made. A default
// name (one that no configuration wrote) has its folder made as well.
func (s *Set) Open(name string, isDefault bool) (*File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.files[name]; f != nil {
		f.uses++
		return f, nil
	}
	f := &File{name: name, uses: 1}
	if err := f.reopen(isDefault); err != nil {
		return nil, err
	}
	if s.files == nil {
		s.files = make(map[string]*File)
	}
	s.files[name] = f
	return f, nil
}

// Reopen opens every file anew by its name, as USR1 demands after a rotation.
// What cannot be opened goes on with what it has, and is reported.
func (s *Set) Reopen() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, f := range s.files {
		if err := f.reopen(false); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// Release gives up one use of each of the files; those that nobody uses any
// more are closed. For the generation of a configuration that has ended.
func (s *Set) Release(files []*File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range files {
		if f.uses--; f.uses == 0 {
			delete(s.files, f.name)
			f.mu.Lock()
			_ = f.f.Close()
			f.f = nil
			f.mu.Unlock()
		}
	}
}

const openFlags = os.O_WRONLY | os.O_APPEND | os.O_CREATE | syscall.O_CLOEXEC

func (f *File) reopen(makeFolder bool) error {
	opened, err := os.OpenFile(f.name, openFlags, 0o644)
	if os.IsNotExist(err) && makeFolder {
		if os.MkdirAll(filepath.Dir(f.name), 0o755) == nil {
			opened, err = os.OpenFile(f.name, openFlags, 0o644)
		}
	}
	if err != nil {
		return openError(f.name, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.f != nil {
		_ = f.f.Close()
	}
	f.f = opened
	return nil
}

// openError says what went wrong as nginx does.
func openError(name string, err error) error {
	if pe, ok := err.(*os.PathError); ok {
		if errno, ok := pe.Err.(syscall.Errno); ok {
			return fmt.Errorf("open() \"%s\" failed (%d: %w)", name, int(errno), errno)
		}
	}
	return fmt.Errorf("open() \"%s\" failed: %w", name, err)
}

// Name returns the file's name.
func (f *File) Name() string { return f.name }

// Write appends p. After an error the line is lost; the next is tried again.
func (f *File) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.f == nil {
		return 0, os.ErrClosed
	}
	// A terminal or pipe that nobody reads must not hold up requests.
	_ = f.f.SetWriteDeadline(time.Now().Add(writeLimit))
	return f.f.Write(p)
}

// writeLimit is how long a write to a pipe may take before the line is given
// up.
const writeLimit = 50 * time.Millisecond
