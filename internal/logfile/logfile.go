// Package logfile keeps the log files of the process: shared by all that
// write to the same name, reopened together, and never in the way of the
// writer. A line that is written goes into memory; a goroutine per file brings
// it to the disk, at once when there is little to log, in larger pieces when
// there is much. When the disk is full or stands still, lines are dropped and
// counted; nobody waits.
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
	// NoFiles: nothing is opened and what is written is dropped, for a process
	// that only looks at the configuration.
	NoFiles bool

	mu    sync.Mutex
	files map[string]*File
}

// window is how long lines are gathered while there are many: the pause
// between two writes to one file.
const window = 10 * time.Millisecond

// maxWaiting is how many bytes may wait for the disk before lines are dropped.
const maxWaiting = 4 << 20

// File is one log file. Writes of whole lines by several goroutines do not
// mix.
type File struct {
	name string
	uses int // guarded by the Set

	mu      sync.Mutex
	waiting []byte // not yet written
	spare   []byte // the buffer that was written last
	dropped uint64
	closed  bool
	flushed sync.Cond // waiting has become empty

	wake chan struct{}
	busy bool // the writer goroutine has bytes in its hands

	out sync.Mutex // around f, which reopen replaces
	f   *os.File
}

// Open returns the file of that name, opened for appending or made. A default
// name (one that no configuration wrote) has its folder made as well. Each
// Open wants one Release.
func (s *Set) Open(name string, isDefault bool) (*File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.files[name]; f != nil {
		f.uses++
		return f, nil
	}
	f := &File{name: name, uses: 1, wake: make(chan struct{}, 1)}
	f.flushed.L = &f.mu
	if s.NoFiles {
		f.closed = true
		return f, nil
	}
	if err := f.reopen(isDefault); err != nil {
		return nil, err
	}
	if s.files == nil {
		s.files = make(map[string]*File)
	}
	s.files[name] = f
	go f.write()
	return f, nil
}

// Reopen opens every file anew by its name, as USR1 demands after a rotation.
// What cannot be opened goes on with what it has, and is reported.
func (s *Set) Reopen() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, f := range s.files {
		f.flush(time.Second)
		if err := f.reopen(false); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// Flush waits until everything written so far has reached the files, at most
// for limit each.
func (s *Set) Flush(limit time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		f.flush(limit)
	}
}

// Release gives up one use of each of the files; those that nobody uses any
// more are closed when all has been written.
func (s *Set) Release(files []*File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range files {
		if f.uses--; f.uses == 0 {
			delete(s.files, f.name)
			f.mu.Lock()
			f.closed = true
			f.mu.Unlock()
			f.signal()
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
	f.out.Lock()
	defer f.out.Unlock()
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
			text := errno.Error()
			return fmt.Errorf("open() \"%s\" failed (%d: %s)", name, int(errno), string(text[0]-'a'+'A')+text[1:])
		}
	}
	return fmt.Errorf("open() \"%s\" failed: %w", name, err)
}

// Name returns the file's name.
func (f *File) Name() string { return f.name }

// Dropped returns how many lines were lost because the file did not keep up.
func (f *File) Dropped() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dropped
}

// Write takes a line. It never waits for the file; a line that finds too much
// waiting is dropped, which Dropped counts and which is no error.
func (f *File) Write(line []byte) (int, error) {
	f.mu.Lock()
	if len(f.waiting)+len(line) > maxWaiting || f.closed {
		f.dropped++
		f.mu.Unlock()
		return len(line), nil
	}
	first := len(f.waiting) == 0
	f.waiting = append(f.waiting, line...)
	f.mu.Unlock()
	if first {
		f.signal()
	}
	return len(line), nil
}

func (f *File) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// take hands the waiting bytes to the writer.
func (f *File) take() (b []byte, closed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, f.waiting = f.waiting, f.spare[:0]
	f.spare = nil
	f.busy = len(b) > 0
	return b, f.closed
}

// maxSpare is how large a buffer is kept for the next lines.
const maxSpare = 256 << 10

func (f *File) give(b []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if cap(b) <= maxSpare {
		f.spare = b
	}
	f.busy = false
	if len(f.waiting) == 0 {
		f.flushed.Broadcast()
	}
}

// write is the file's writer goroutine.
func (f *File) write() {
	for range f.wake {
		b, closed := f.take()
		if len(b) > 0 {
			f.out.Lock()
			_, err := f.f.Write(b)
			f.out.Unlock()
			if err != nil {
				f.mu.Lock()
				f.dropped++
				f.mu.Unlock()
			}
			f.give(b)
			if !closed {
				time.Sleep(window)
			}
		}
		if closed {
			f.out.Lock()
			_ = f.f.Close()
			f.out.Unlock()
			return
		}
	}
}

// flush waits until nothing is left to write, at most for limit.
func (f *File) flush(limit time.Duration) {
	timer := time.AfterFunc(limit, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.flushed.Broadcast()
	})
	defer timer.Stop()
	end := time.Now().Add(limit)
	f.mu.Lock()
	defer f.mu.Unlock()
	for (len(f.waiting) > 0 || f.busy) && time.Now().Before(end) {
		f.flushed.Wait()
	}
}

var _ io.Writer = (*File)(nil)
