package logfile

import (
	"container/list"
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"tandem/internal/errorlog"
)

// CacheOptions say how long files with changing names are kept open, as
// open_log_file_cache does. The zero value keeps none.
type CacheOptions struct {
	Max      int           // files; 0: none is kept
	Inactive time.Duration // a file that was not written to for so long is closed
	Valid    time.Duration // how often it is checked that the name still means the file
	MinUses  int           // lines within Inactive that make it worth keeping a file open
}

// Named writes lines to files whose names come with the lines, for access logs
// with variables in the name: one goroutine opens, writes and closes. Whoever
// hands a line over sees it written, unless the disk is slow: then nobody waits.
type Named struct {
	cache  CacheOptions
	report func(errorlog.Level, error)

	mu      sync.Mutex
	waiting []byte // records: two lengths, folder, name, line
	spare   []byte
	dropped uint64
	busy    bool
	closed  bool
	taken   uint64      // batches that the goroutine has begun
	written uint64      // and ended
	slow    *time.Timer // sets stalled when a batch takes long
	stalled bool        // nobody waits for the present batch
	flushed sync.Cond   // a batch has ended, or stalled
	reopen  bool        // forget the files that are kept open

	wake chan struct{}
	done chan struct{} // closed when the last line has been written

	// Of the goroutine.
	byName map[string]*list.Element // of *namedFile
	byUse  list.List                // the one used last first
	timer  *time.Timer              // of the next look for files that were not used
	now    func() time.Time
}

// namedFile is what is known of a name.
type namedFile struct {
	name    string
	f       *os.File // nil: not kept open
	info    os.FileInfo
	uses    int
	used    time.Time // last
	checked time.Time
}

// OpenNamed starts a writer of files with changing names. It wants a
// ReleaseNamed.
func (s *Set) OpenNamed(o CacheOptions) *Named {
	n := &Named{cache: o, report: s.Report, wake: make(chan struct{}, 1), done: make(chan struct{}), byName: make(map[string]*list.Element), now: time.Now}
	n.flushed.L = &n.mu
	n.slow = time.AfterFunc(time.Hour, n.stall)
	n.slow.Stop()
	if s.NoFiles {
		n.closed = true
		return n
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.named == nil {
		s.named = make(map[*Named]bool)
	}
	s.named[n] = true
	go n.write()
	return n
}

// ReleaseNamed ends the writers when everything has been written.
func (s *Set) ReleaseNamed(ns []*Named) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range ns {
		delete(s.named, n)
		n.mu.Lock()
		n.closed = true
		n.mu.Unlock()
		n.signal()
		s.awaitEnd(n.done)
	}
}

// patience is how long a line that has been handed over is waited for.
const patience = 20 * time.Millisecond

// WriteTo takes a line for the file of that name, which is made if need be.
// When folder is not empty and no folder, the line is dropped and the reason
// reported: a host that does not exist gets no log.
func (n *Named) WriteTo(folder, name, line []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.waiting)+len(folder)+len(name)+len(line) > maxWaiting || n.closed {
		n.dropped++
		return
	}
	for _, field := range [...][]byte{folder, name, line} {
		n.waiting = binary.AppendUvarint(n.waiting, uint64(len(field)))
		n.waiting = append(n.waiting, field...)
	}
	n.signal()
	for batch := n.taken + 1; n.written < batch && !n.stalled && !n.closed; {
		n.flushed.Wait()
	}
}

// stall has everybody go on who waits for a batch.
func (n *Named) stall() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.busy {
		n.stalled = true
		n.flushed.Broadcast()
	}
}

func (n *Named) signal() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// forget has the files closed that are kept open, after a rotation.
func (n *Named) forget() {
	n.mu.Lock()
	n.reopen = true
	n.mu.Unlock()
	n.signal()
}

func (n *Named) flush(end time.Time) {
	timer := time.AfterFunc(time.Until(end), func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.flushed.Broadcast()
	})
	defer timer.Stop()
	n.mu.Lock()
	defer n.mu.Unlock()
	for (len(n.waiting) > 0 || n.busy) && !n.closed && time.Now().Before(end) {
		n.flushed.Wait()
	}
}

// write is the goroutine.
func (n *Named) write() {
	defer close(n.done)
	for range n.wake {
		n.mu.Lock()
		b, closed, reopen := n.waiting, n.closed, n.reopen
		n.waiting, n.spare = n.spare[:0], nil
		n.busy, n.reopen = true, false
		n.taken++
		n.slow.Reset(patience)
		n.mu.Unlock()

		if reopen {
			n.closeAll()
		}
		for rest := b; len(rest) > 0; {
			var fields [3][]byte
			for i := range fields {
				size, width := binary.Uvarint(rest)
				rest = rest[width:]
				fields[i], rest = rest[:size], rest[size:]
			}
			n.one(fields[0], fields[1], fields[2])
		}
		n.expire()

		n.mu.Lock()
		if cap(b) <= maxSpare {
			n.spare = b
		}
		n.busy, n.stalled = false, false
		n.written = n.taken
		n.slow.Stop()
		n.flushed.Broadcast()
		n.mu.Unlock()
		if closed {
			n.closeAll()
			return
		}
	}
}

// one writes a line.
func (n *Named) one(folder, name, line []byte) {
	if len(folder) > 0 {
		info, err := os.Stat(string(folder))
		if err == nil && !info.IsDir() {
			err = syscall.ENOTDIR
		}
		if err != nil {
			n.complain(errorlog.Error, fmt.Errorf("testing \"%s\" existence failed (%s)", folder, errorlog.Reason(err)))
			return
		}
	}
	f, keep, err := n.open(name)
	if err != nil {
		n.complain(errorlog.Crit, openError(string(name), err))
		return
	}
	if _, err := f.Write(line); err != nil {
		n.complain(errorlog.Alert, fmt.Errorf("write() to \"%s\" failed (%s)", name, errorlog.Reason(err)))
	}
	if !keep {
		_ = f.Close()
	}
}

func (n *Named) complain(level errorlog.Level, err error) {
	if n.report != nil {
		n.report(level, err)
	}
}

// open returns the file of a name, from among those that are kept open if it
// still is what the name means; keep is false if the caller has to close it.
func (n *Named) open(name []byte) (f *os.File, keep bool, err error) {
	if n.cache.Max == 0 {
		f, err = open(string(name))
		return f, false, err
	}
	now := n.now()
	e := n.byName[string(name)]
	if e == nil {
		if f, err = open(string(name)); err != nil {
			return nil, false, err
		}
		for n.byUse.Len() >= n.cache.Max {
			n.remove(n.byUse.Back())
		}
		e = n.byUse.PushFront(&namedFile{name: string(name)})
		n.byName[string(name)] = e
	}
	n.byUse.MoveToFront(e)
	known := e.Value.(*namedFile)
	known.uses++
	known.used = now
	if known.f != nil && now.Sub(known.checked) > n.cache.Valid {
		known.check(now)
	}
	if known.f != nil {
		return known.f, true, nil
	}
	if f == nil {
		if f, err = open(string(name)); err != nil {
			return nil, false, err
		}
	}
	if known.uses < n.cache.MinUses {
		return f, false, nil
	}
	known.f, known.checked = f, now
	known.info, _ = f.Stat()
	return f, true, nil
}

// check closes the file if its name means another one by now.
func (k *namedFile) check(now time.Time) {
	k.checked = now
	info, err := os.Stat(k.name)
	if err != nil || !os.SameFile(info, k.info) {
		_ = k.f.Close()
		k.f = nil
	}
}

// expire forgets the files that were not used for a while.
func (n *Named) expire() {
	for e := n.byUse.Back(); e != nil; e = n.byUse.Back() {
		if n.now().Sub(e.Value.(*namedFile).used) <= n.cache.Inactive {
			if n.timer == nil {
				n.timer = time.AfterFunc(n.cache.Inactive, n.signal)
			}
			n.timer.Reset(n.cache.Inactive)
			return
		}
		n.remove(e)
	}
}

func (n *Named) remove(e *list.Element) {
	known := n.byUse.Remove(e).(*namedFile)
	delete(n.byName, known.name)
	if known.f != nil {
		_ = known.f.Close()
	}
}

func (n *Named) closeAll() {
	for e := n.byUse.Back(); e != nil; e = n.byUse.Back() {
		n.remove(e)
	}
}
