package health

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLeadingNumber(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "\n": 0, "x": 0, "5": 5, " \n-12\n": -12, "+7 8": 7, "0x1F": 31, "0x": 0, "017": 15, "08": 0, "3.9": 3, "-": 0,
		"2147483647": 2147483647, "-2147483648": -2147483648,
	} {
		if got, err := leadingNumber(text); got != want || err != nil {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"2147483649", "99999999999999999999999999999999"} {
		if got, err := leadingNumber(text); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}

func FuzzLeadingNumber(f *testing.F) {
	for _, seed := range []string{"", "-0x7f", "00", "0x", " 12 ", "99999999999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := leadingNumber(text); err == nil && (n > 1<<31 || n < -1<<31) {
			t.Errorf("%q: %d", text, n)
		}
	})
}

// watched is a file that is followed on a clock of its own: it is read when the
// test sleeps.
type watched struct {
	t      *testing.T
	file   *File
	values chan int
	logged chan string
}

// watch follows a file that is not there yet.
func watch(t *testing.T) *watched {
	w := &watched{t: t, values: make(chan int, 10), logged: make(chan string, 10)}
	w.file = &File{
		Path:   filepath.Join(t.TempDir(), "file"),
		Report: func(v int) { w.values <- v }, Log: func(text string) { w.logged <- text },
	}
	go w.file.Run(t.Context())
	w.expect("0")
	return w
}

// expect lets the file be read twice, and compares the numbers that are told.
func (w *watched) expect(want string) {
	w.t.Helper()
	time.Sleep(2 * fileInterval)
	synctest.Wait()
	got := ""
	for len(w.values) > 0 {
		got += fmt.Sprint(" ", <-w.values)
	}
	if got = strings.TrimSpace(got); got != want {
		w.t.Errorf("told %q, want %q", got, want)
	}
}

func (w *watched) write(text string) {
	w.t.Helper()
	if err := os.WriteFile(w.file.Path, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// replace puts another file in the place of the one that is there.
func (w *watched) replace(text string) {
	w.t.Helper()
	other := w.file.Path + ".new"
	if err := errors.Join(os.WriteFile(other, []byte(text), 0o644), os.Rename(other, w.file.Path)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) create(value int, overwrite bool) {
	w.t.Helper()
	if err := w.file.Create(value, overwrite); err != nil {
		w.t.Fatal(err)
	}
}

// A file's number is followed through every way to change it.
func TestFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		w.create(3, false)
		w.expect("3")
		w.create(4, false)
		w.expect("")
		w.write("6")
		w.expect("6")
		w.replace("-20\n")
		w.expect("-20")
		w.replace("99999999999\n")
		w.expect("")
		if len(w.logged) != 1 {
			t.Errorf("%d lines of a number that is too large", len(w.logged))
		}
		w.create(5, true)
		w.expect("5")
		if err := os.Remove(w.file.Path); err != nil {
			t.Fatal(err)
		}
		w.expect("0")
	})
}

// A file that is being written in place has no number for a moment: that is
// not 0. One that stays without has.
func TestFileBeingWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		w.write("7\n")
		w.expect("7")
		w.write("")
		time.Sleep(fileInterval) // it is read once
		w.write("8\n")
		w.expect("8")
		w.write("")
		w.expect("0")
	})
}
