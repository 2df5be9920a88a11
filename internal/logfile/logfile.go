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
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/privilege"
	"tandem/internal/rootfile"
)

// Set is the log files that are open, by name.
type Set struct {
	// NoFiles: nothing is opened and what is written is dropped, for a process
	// that only looks at the configuration.
	NoFiles bool
	// Report is told of what cannot be written: at most once a minute of a
	// file, each time of one whose name changes. It may be nil.
	Report func(errorlog.Level, error)

	mu    sync.Mutex
	files map[string]*File
	named map[*Named]bool
	lost  uint64 // lines of files that are released
	// ending are the ends of goroutines that write their last lines.
	ending []chan struct{}
}

// Options say how the lines of a file are gathered, as nginx's access_log does.
// The zero value brings them to the disk without delay.
type Options struct {
	Buffer int           // bytes that are gathered before they are written; 0: none
	Flush  time.Duration // the longest that a line is gathered; 0: no limit
	Gzip   int           // compression level 1 to 9 of what was gathered; 0: none
}

// maxWaiting is how many bytes beyond its buffer may wait for the disk before
// lines are dropped.
const maxWaiting = 4 << 20

// File is one log file. Writes of whole lines by several goroutines do not
// mix.
type File struct {
	name   string
	report func(errorlog.Level, error)
	uses   int // guarded by the Set

	mu      sync.Mutex
	options Options
	waiting []byte // not yet written
	spare   []byte // the buffer that was written last
	dropped uint64
	closed  bool
	busy    bool      // somebody has bytes in his hands and writes them: the writer, or Put
	regular bool      // Put may write by itself
	flushed sync.Cond // waiting has become empty
	// Closed when what waits, and what is being written, has been
	// written; nil while nobody wants to know.
	wantWaiting, wantBusy chan struct{}
	still                 bool     // somebody has waited in vain since the last piece was written
	next                  *os.File // what reopen has opened, for the writer to change to
	timer                 *time.Timer

	wake chan struct{}
	done chan struct{} // closed when the last line has been written

	writer writer // of the goroutine
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
	f := &File{name: name, report: s.Report, uses: 1, wake: make(chan struct{}, 1), done: make(chan struct{})}
	f.flushed.L = &f.mu
	if s.NoFiles {
		f.closed = true
		return f, nil
	}
	opened, err := open(name)
	if os.IsNotExist(err) && isDefault && os.MkdirAll(filepath.Dir(name), 0o755) == nil {
		opened, err = open(name)
	}
	if err != nil {
		return nil, openError(name, err)
	}
	if s.files == nil {
		s.files = make(map[string]*File)
	}
	s.files[name] = f
	f.use(opened)
	go f.write()
	return f, nil
}

func open(name string) (*os.File, error) {
	const flags = os.O_WRONLY | os.O_APPEND | os.O_CREATE | syscall.O_CLOEXEC
	if privilege.Dropped() {
		// The folder may belong to the user that the process serves as.
		return rootfile.OpenFile(name, flags, 0o644)
	}
	return os.OpenFile(name, flags, 0o644)
}

// giveToUser gives a file that was opened anew to the user that the process
// serves as, as nginx does: its workers open logs by themselves then. One that has
// another name as well may be somebody else's.
func giveToUser(f *os.File) {
	a, ok := privilege.User()
	if !ok {
		return
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != a.UID && st.Nlink == 1 {
		_ = f.Chown(a.UID, -1)
	}
}

// openError says what went wrong as nginx does.
func openError(name string, err error) error {
	why := ""
	if os.Geteuid() == 0 {
		why = privilege.Why(err, privilege.DACOverride) // others are refused as they should be
	}
	return fmt.Errorf("open() \"%s\" failed (%s)%s", name, errorlog.Reason(err), why)
}

// Reopen opens every file anew by its name, as USR1 demands after a rotation.
// What was written before goes to the old file, unless that one stands still.
// What cannot be opened goes on with what it has, and is reported.
func (s *Set) Reopen() []error {
	s.Flush(time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, f := range s.files {
		opened, err := open(f.name)
		if err != nil {
			errs = append(errs, openError(f.name, err))
			continue
		}
		giveToUser(opened)
		f.changeTo(opened)
	}
	for n := range s.named {
		n.forget()
	}
	return errs
}

// Flush waits until everything written so far has reached the files, those
// that have been released included, at most for limit.
func (s *Set) Flush(limit time.Duration) {
	s.mu.Lock()
	files := slices.Collect(maps.Values(s.files))
	named := slices.Collect(maps.Keys(s.named))
	ending := slices.Clone(s.ending)
	s.mu.Unlock()
	end := time.Now().Add(limit)
	for _, f := range files {
		f.signal()
	}
	for _, f := range files {
		f.flush(end)
	}
	for _, n := range named {
		n.flush(end)
	}
	late := time.NewTimer(time.Until(end))
	defer late.Stop()
	for _, done := range ending {
		select {
		case <-done:
		case <-late.C:
			return
		}
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
			s.lost += f.dropped
			f.mu.Unlock()
			f.signal()
			s.awaitEnd(f.done)
		}
	}
}

// Dropped returns how many lines were lost because files did not keep up, since
// the start; without those of logs with variables in the name.
func (s *Set) Dropped() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	lost := s.lost
	for _, f := range s.files {
		lost += f.Dropped()
	}
	return lost
}

// awaitEnd notes a goroutine that is ending, for Flush, and forgets those that
// have ended.
func (s *Set) awaitEnd(done chan struct{}) {
	if s.NoFiles {
		return
	}
	s.ending = slices.DeleteFunc(s.ending, func(done chan struct{}) bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
	s.ending = append(s.ending, done)
}

// Name returns the file's name.
func (f *File) Name() string { return f.name }

// Dropped returns how many lines were lost because the file did not keep up.
func (f *File) Dropped() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dropped
}

// Gather changes how lines are gathered from now on.
func (f *File) Gather(o Options) {
	f.mu.Lock()
	waiting := f.options != o && len(f.waiting) > 0
	f.options = o
	f.mu.Unlock()
	if waiting {
		f.signal()
	}
}

// Write takes a line. It never waits for the file; a line that finds too much
// waiting is dropped, which Dropped counts and which is no error.
func (f *File) Write(line []byte) (int, error) {
	f.mu.Lock()
	if len(f.waiting)+len(line) > f.options.Buffer+maxWaiting || f.closed {
		f.dropped++
		f.mu.Unlock()
		return len(line), nil
	}
	first := len(f.waiting) == 0
	f.waiting = append(f.waiting, line...)
	wake := first
	if buffer := f.options.Buffer; buffer > 0 {
		wake = len(f.waiting) >= buffer
		if first && f.options.Flush > 0 {
			f.flushAfter(f.options.Flush)
		}
	}
	f.mu.Unlock()
	if wake {
		f.signal()
	}
	return len(line), nil
}

// Put takes a line as Write does, and returns when it is in the file. One that
// nothing waits for is written here and now, if the file is a regular one: to have
// the writer do it costs as much again. For others, and behind others, Put waits
// for no more than putLimit, once, when the disk stands still; it does not wait for
// lines that are being gathered.
func (f *File) Put(line []byte) {
	f.mu.Lock()
	if !f.regular || f.busy || len(f.waiting) > 0 || f.options.Buffer > 0 || f.next != nil || f.closed {
		f.mu.Unlock()
		_, _ = f.Write(line)
		f.settle()
		return
	}
	f.busy = true
	f.mu.Unlock()
	if _, err := f.writer.f.Write(line); err != nil {
		f.failed(err)
	}
	f.mu.Lock()
	f.finish()
	wake := len(f.waiting) > 0 || f.next != nil || f.closed
	f.mu.Unlock()
	if wake {
		f.signal()
	}
}

// putLimit is how long Put waits.
const putLimit = 100 * time.Millisecond

// settle waits until what has been written so far is in the file.
func (f *File) settle() {
	f.mu.Lock()
	want := &f.wantBusy
	if len(f.waiting) > 0 {
		want = &f.wantWaiting
	}
	if len(f.waiting) == 0 && !f.busy || f.closed || f.still || f.options.Buffer > 0 {
		f.mu.Unlock()
		return
	}
	if *want == nil {
		*want = make(chan struct{})
	}
	settled := *want
	f.mu.Unlock()
	limit := time.NewTimer(putLimit)
	defer limit.Stop()
	select {
	case <-settled:
	case <-limit.C:
		f.mu.Lock()
		f.still = true
		f.mu.Unlock()
	}
}

// flushAfter has the lines written when d has passed, if nothing else makes
// them be written before.
func (f *File) flushAfter(d time.Duration) {
	if f.timer == nil {
		f.timer = time.AfterFunc(d, f.signal)
		return
	}
	f.timer.Reset(d)
}

// signal has the writer write what waits.
func (f *File) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// changeTo has the writer go on with another open file.
func (f *File) changeTo(opened *os.File) {
	f.mu.Lock()
	if f.next != nil {
		_ = f.next.Close()
	}
	f.next = opened
	f.mu.Unlock()
	f.signal()
}

// flush waits until nothing is left to write, at most until end.
func (f *File) flush(end time.Time) {
	timer := time.AfterFunc(time.Until(end), func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.flushed.Broadcast()
	})
	defer timer.Stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	for (len(f.waiting) > 0 || f.busy) && !f.closed && time.Now().Before(end) {
		f.flushed.Wait()
	}
}

var _ io.Writer = (*File)(nil)
