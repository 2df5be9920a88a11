package health

import (
	"context"
	"os"
	"path/filepath"
	"testing"
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

// A file's number is followed through every way to change it.
func TestFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	values, logged := make(chan int, 10), make(chan string, 10)
	f := &File{Path: name, Report: func(v int) { values <- v }, Log: func(text string) { logged <- text }}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	defer func() { cancel(); <-ended }()
	go func() { f.Run(ctx); close(ended) }()
	expect := func(want int) {
		t.Helper()
		select {
		case got := <-values:
			if got != want {
				t.Fatalf("value %d, want %d", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no value, want %d", want)
		}
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	expect(0) // there is no file
	if err := f.Create(3, false); err != nil {
		t.Fatal(err)
	}
	expect(3)
	if err := f.Create(4, false); err != nil {
		t.Fatal(err)
	}
	write(name+".new", "-20\n")
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
	expect(-20)
	write(name+".new", "99999999999\n")
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
	select {
	case <-logged:
	case <-time.After(10 * time.Second):
		t.Fatal("a number that is too large is not told")
	}
	if err := f.Create(5, true); err != nil {
		t.Fatal(err)
	}
	expect(5)
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	expect(0)
}
