package logfile

import (
	"fmt"
	"os"
	"time"

	"github.com/klauspost/compress/gzip"

	"tandem/internal/errorlog"
)

// writer is what a file's goroutine has for itself.
type writer struct {
	f        *os.File
	gzip     *gzip.Writer // kept for the next piece
	level    int          // of gzip
	packed   buffer
	reported time.Time // when Report was last told of trouble

	burst int       // pieces written since
	since time.Time // this moment
}

// buffer is an io.Writer into memory.
type buffer []byte

func (b *buffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

// window is how long lines are gathered while there are many: more than burst
// pieces in the time of a window.
const (
	window = 10 * time.Millisecond
	burst  = 16
)

// write is the file's goroutine.
func (f *File) write() {
	defer close(f.done)
	w := &f.writer
	for range f.wake {
		b, options, closed := f.take()
		if len(b) > 0 {
			if err := w.put(b, options.Gzip); err != nil {
				f.failed(err)
			}
			awaited := f.give(b)
			if !closed && !awaited {
				w.rest()
			}
		}
		if closed {
			_ = w.f.Close()
			return
		}
	}
}

// use has what is written go to that file.
func (f *File) use(opened *os.File) {
	f.writer.f = opened
	info, err := opened.Stat()
	f.regular = err == nil && info.Mode().IsRegular()
}

// take hands the waiting bytes to the writer, unless Put is writing, which wakes
// the writer when it is done.
func (f *File) take() (b []byte, o Options, closed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.busy {
		return nil, f.options, false
	}
	if f.timer != nil {
		f.timer.Stop()
	}
	if f.next != nil {
		_ = f.writer.f.Close()
		f.use(f.next)
		f.next = nil
	}
	b, f.waiting = f.waiting, f.spare[:0]
	f.spare = nil
	f.busy = len(b) > 0
	f.wantBusy, f.wantWaiting = f.wantWaiting, nil
	return b, f.options, f.closed
}

// maxSpare is how large a buffer is kept for the next lines.
const maxSpare = 256 << 10

// give takes the piece back that has been written, and reports whether somebody
// has waited for that.
func (f *File) give(b []byte) (awaited bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if cap(b) <= max(maxSpare, 2*f.options.Buffer) {
		f.spare = b
	}
	return f.finish()
}

// finish says that what was being written is in the file, and reports whether
// somebody has waited for that.
func (f *File) finish() (awaited bool) {
	f.still = false
	if awaited = f.wantBusy != nil; awaited {
		close(f.wantBusy)
		f.wantBusy = nil
	}
	f.busy = false
	if len(f.waiting) == 0 || f.closed {
		f.flushed.Broadcast()
	}
	return awaited
}

// put writes a piece: as it is, or as one member of a gzip file.
func (w *writer) put(b []byte, level int) error {
	if level == 0 {
		_, err := w.f.Write(b)
		return err
	}
	w.packed = w.packed[:0]
	if w.gzip == nil || w.level != level {
		z, err := gzip.NewWriterLevel(&w.packed, level)
		if err != nil {
			return err
		}
		w.gzip, w.level = z, level
	} else {
		w.gzip.Reset(&w.packed)
	}
	if _, err := w.gzip.Write(b); err != nil {
		return err
	}
	if err := w.gzip.Close(); err != nil {
		return err
	}
	_, err := w.f.Write(w.packed)
	return err
}

// rest pauses after a burst of writing, so that the next piece is larger.
func (w *writer) rest() {
	now := time.Now()
	if now.Sub(w.since) > window {
		w.since, w.burst = now, 0
	}
	if w.burst++; w.burst > burst {
		time.Sleep(window)
	}
}

// reportEvery is how often trouble with one file is reported.
const reportEvery = time.Minute

// failed counts a piece that could not be written and says so.
func (f *File) failed(err error) {
	f.mu.Lock()
	f.dropped++
	f.mu.Unlock()
	w := &f.writer
	if now := time.Now(); f.report != nil && (w.reported.IsZero() || now.Sub(w.reported) >= reportEvery) {
		w.reported = now
		f.report(errorlog.Alert, fmt.Errorf("write() to \"%s\" failed (%s)", f.name, errorlog.Reason(err)))
	}
}
