package logfile

import (
	"bytes"
	"container/list"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"tandem/internal/errorlog"
)

// complaints collects what is reported.
type complaints struct {
	mu   sync.Mutex
	said []string
}

func (c *complaints) report(level errorlog.Level, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, fmt.Sprintf("[%s] %v", level, err))
}

func (c *complaints) take() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { c.said = nil }()
	return strings.Join(c.said, "; ")
}

// A cache of three files, of which those are kept open that were written to
// twice: which lines arrive after the folder has been renamed shows what is
// open.
func TestNamedCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var said complaints
	s := &Set{Report: said.report}
	n := s.OpenNamed(CacheOptions{Max: 3, Inactive: time.Hour, Valid: time.Hour, MinUses: 2})
	write := func(names ...string) {
		for _, name := range names {
			n.WriteTo(nil, []byte(filepath.Join(dir, name)), []byte("line\n"))
		}
		s.Flush(10 * time.Second)
	}
	write("oldest", "oldest", "once", "first", "first", "second", "second")
	if err := os.Rename(dir, dir+".moved"); err != nil {
		t.Fatal(err)
	}
	write("oldest", "once", "first", "second")
	for name, want := range map[string]int{"oldest": 2, "once": 1, "first": 3, "second": 3} {
		if got := strings.Count(read(t, filepath.Join(dir+".moved", name)), "line"); got != want {
			t.Errorf("%s: %d lines, want %d", name, got, want)
		}
	}
	if got, want := said.take(), fmt.Sprintf("[crit] open() %q failed (2: No such file or directory)", filepath.Join(dir, "oldest")); !strings.HasPrefix(got, want) {
		t.Errorf("said %s, want %s", got, want)
	}
	// USR1: everything is opened anew.
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if errs := s.Reopen(); errs != nil {
		t.Error(errs)
	}
	write("first")
	if got := read(t, filepath.Join(dir, "first")); got != "line\n" {
		t.Errorf("after Reopen: %q", got)
	}
	s.ReleaseNamed([]*Named{n})
}

func TestNamedWithoutCache(t *testing.T) {
	dir := t.TempDir()
	var said complaints
	s := &Set{Report: said.report}
	n := s.OpenNamed(CacheOptions{})
	root := filepath.Join(dir, "root")
	log := []byte(filepath.Join(dir, "log"))
	n.WriteTo([]byte(root), log, []byte("no\n"))
	s.Flush(10 * time.Second)
	if got, want := said.take(), fmt.Sprintf("[error] testing %q existence failed (2: No such file or directory)", root); got != want {
		t.Errorf("said %s, want %s", got, want)
	}
	if err := os.WriteFile(root, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	n.WriteTo([]byte(root), log, []byte("no\n"))
	s.Flush(10 * time.Second)
	if got, want := said.take(), fmt.Sprintf("[error] testing %q existence failed (20: Not a directory)", root); got != want {
		t.Errorf("said %s, want %s", got, want)
	}
	n.WriteTo([]byte(dir), log, []byte("yes\n"))
	n.WriteTo(nil, log, []byte("yes\n"))
	s.Flush(10 * time.Second)
	if got := read(t, string(log)); got != "yes\nyes\n" || said.take() != "" {
		t.Errorf("wrote %q", got)
	}
	s.ReleaseNamed([]*Named{n})
}

// The file is checked against its name when the answer has become too old, and
// closed when nobody writes.
func TestNamedValidAndInactive(t *testing.T) {
	dir := t.TempDir()
	n := &Named{cache: CacheOptions{Max: 9, Inactive: 10 * time.Second, Valid: 5 * time.Second, MinUses: 1}, byName: map[string]*list.Element{}}
	clock := time.Unix(1000, 0)
	n.now = func() time.Time { return clock }
	name := filepath.Join(dir, "a")
	write := func() {
		t.Helper()
		f, keep, err := n.open([]byte(name))
		if err != nil || !keep {
			t.Fatal(keep, err)
		}
		fmt.Fprintln(f, "line")
	}
	write()
	if err := os.Rename(name, name+".old"); err != nil {
		t.Fatal(err)
	}
	clock = clock.Add(5 * time.Second)
	write()
	clock = clock.Add(time.Second)
	write()
	if old, now := read(t, name+".old"), read(t, name); old != "line\nline\n" || now != "line\n" {
		t.Errorf("old %q, new %q", old, now)
	}
	clock = clock.Add(10 * time.Second)
	if n.expire(); n.byUse.Len() != 1 {
		t.Error("forgotten too early")
	}
	clock = clock.Add(time.Second)
	if n.expire(); n.byUse.Len() != 0 || len(n.byName) != 0 {
		t.Error("not forgotten")
	}
	n.timer.Stop()
}

func TestGather(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.log")
	var s Set
	f, err := s.Open(name, false)
	if err != nil {
		t.Fatal(err)
	}
	size := func() int { return len(read(t, name)) }
	until := func(what string, is func() bool) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); !is(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("waited in vain for %s", what)
			}
		}
	}
	f.Gather(Options{Buffer: 100})
	line := []byte(strings.Repeat("x", 29) + "\n")
	for range 3 {
		_, _ = f.Write(line)
	}
	f.mu.Lock()
	waiting := len(f.waiting)
	f.mu.Unlock()
	if waiting != 90 || size() != 0 {
		t.Fatalf("%d bytes wait, %d are written", waiting, size())
	}
	_, _ = f.Write(line)
	until("a full buffer", func() bool { return size() == 120 })

	f.Gather(Options{Buffer: 1000, Flush: 5 * time.Millisecond})
	_, _ = f.Write(line)
	until("the flush time", func() bool { return size() == 150 })

	f.Gather(Options{Buffer: 1000, Gzip: 6})
	_, _ = f.Write(line)
	s.Flush(10 * time.Second)
	_, _ = f.Write(line)
	s.Flush(10 * time.Second)
	z, err := gzip.NewReader(strings.NewReader(read(t, name)[150:]))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(z); err != nil || !bytes.Equal(text, append(line, line...)) {
		t.Errorf("unpacked %q %v", text, err)
	}
	_, _ = f.Write([]byte("last"))
	f.Gather(Options{})
	until("the end of gathering", func() bool { return size() > 150+2*len(line)/2 && strings.HasSuffix(read(t, name), "last") })
	s.Release([]*File{f})
}

// A full disk is reported, once.
func TestFullDisk(t *testing.T) {
	var said complaints
	s := &Set{Report: said.report}
	f, err := s.Open("/dev/full", false)
	if err != nil {
		t.Skip(err)
	}
	for range 3 {
		_, _ = f.Write([]byte("line\n"))
		s.Flush(10 * time.Second)
	}
	if got, want := said.take(), `[alert] write() to "/dev/full" failed (28: No space left on device)`; got != want {
		t.Errorf("said %s, want %s", got, want)
	}
	if f.Dropped() != 3 {
		t.Errorf("%d pieces dropped", f.Dropped())
	}
	s.Release([]*File{f})
}

// A file that stands still makes nobody wait for long, and loses what does not
// fit into memory.
func TestStuckNamedFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	var s Set
	n := s.OpenNamed(CacheOptions{Max: 1, Inactive: time.Hour, Valid: time.Hour})
	line := []byte(strings.Repeat("x", 1023) + "\n")
	start := time.Now()
	for range 2 * maxWaiting / len(line) {
		n.WriteTo(nil, []byte(name), line)
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("writing took %v", d)
	}
	n.mu.Lock()
	dropped := n.dropped
	n.mu.Unlock()
	if dropped == 0 {
		t.Error("nothing was dropped")
	}
	s.ReleaseNamed([]*Named{n})
	_ = reader.Close()
}
