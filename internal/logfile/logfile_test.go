package logfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLinesOfManyWriters(t *testing.T) {
	name := filepath.Join(t.TempDir(), "logs", "a.log")
	var s Set
	if _, err := s.Open(name, false); err == nil || !strings.Contains(err.Error(), "failed (2: No such file or directory)") {
		t.Fatalf("in a folder that is not there: %v", err)
	}
	f, err := s.Open(name, true)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := s.Open(name, false); again != f {
		t.Fatal("the same name is another file")
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 1000 {
				fmt.Fprintf(f, "%d %d\n", w, i)
			}
		})
	}
	wg.Wait()
	s.Flush(5 * time.Second)
	next := [4]int{}
	for line := range strings.Lines(read(t, name)) {
		var w, i int
		if _, err := fmt.Sscanf(line, "%d %d\n", &w, &i); err != nil || next[w] != i {
			t.Fatalf("line %q, expected %d of %d", line, next[w], w)
		}
		next[w]++
	}
	if next != [4]int{1000, 1000, 1000, 1000} {
		t.Fatalf("lines: %v", next)
	}
}

func TestReopen(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.log")
	var s Set
	f, err := s.Open(name, false)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(f, "one")
	s.Flush(5 * time.Second)
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(f, "two")
	if errs := s.Reopen(); errs != nil {
		t.Fatal(errs)
	}
	fmt.Fprintln(f, "three")
	s.Flush(5 * time.Second)
	if a, b := read(t, name+".1"), read(t, name); a != "one\ntwo\n" || b != "three\n" {
		t.Errorf("old %q, new %q", a, b)
	}
}

// A pipe that nobody reads stands for a disk that stands still.
func TestStuckFileStopsNobody(t *testing.T) {
	name := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	var s Set
	f, err := s.Open(name, false)
	if err != nil {
		t.Fatal(err)
	}
	line := []byte(strings.Repeat("x", 1023) + "\n")
	start := time.Now()
	for range 3 * maxWaiting / len(line) {
		_, _ = f.Write(line)
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("writing took %v", d)
	}
	if f.Dropped() == 0 {
		t.Error("nothing was dropped")
	}
	// Who wants a line to be there waits for a moment, and only the first does.
	start = time.Now()
	for range 1000 {
		f.Put(line)
	}
	if d := time.Since(start); d < putLimit || d > 100*putLimit {
		t.Errorf("waiting for the file took %v", d)
	}
}

// After Put a line is in the file, whatever others write meanwhile.
func TestPut(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.log")
	var s Set
	f, err := s.Open(name, false)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for who := range 4 {
		wait.Go(func() {
			for i := range 200 {
				line := fmt.Sprintf("line %d of %d", i, who)
				if (i+who)%3 == 0 {
					fmt.Fprintln(f, "between")
				}
				f.Put([]byte(line + "\n"))
				if text, err := os.ReadFile(name); err != nil || !strings.Contains(string(text), line+"\n") {
					t.Errorf("no %s, %v", line, err)
				}
			}
		})
	}
	wait.Wait()
}

// What was written before Release is in the file after Flush.
func TestFlushOfReleased(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.log")
	for range 100 {
		_ = os.Remove(name)
		var s Set
		f, err := s.Open(name, false)
		if err != nil {
			t.Fatal(err)
		}
		f.Gather(Options{Buffer: 1000})
		fmt.Fprintln(f, "line")
		s.Release([]*File{f})
		s.Flush(10 * time.Second)
		if got := read(t, name); got != "line\n" {
			t.Fatalf("%q", got)
		}
	}
}
