package message

import (
	"math/rand/v2"
	"testing"
	"time"
)

const layout = "Mon, 02 Jan 2006 15:04:05 GMT"

func TestAppendDate(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	times := []int64{0, -1, 784111777, 951782399, 951782400, 4102444799, 253402300799, -62135596800}
	for range 10_000 {
		times = append(times, random.Int64N(253402300799+62135596800)-62135596800)
	}
	for _, unix := range times {
		got, want := string(AppendDate(nil, unix)), time.Unix(unix, 0).UTC().Format(layout)
		if got != want {
			t.Fatalf("%d: %s, want %s", unix, got, want)
		}
		if back, ok := ParseTime([]byte(got)); !ok || back != unix {
			t.Fatalf("%s: %d %v, want %d", got, back, ok, unix)
		}
	}
}

func TestParseTime(t *testing.T) {
	for _, test := range []struct {
		text string
		unix int64 // -1: refused
	}{
		{"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
		{"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
		{"Sun Nov  6 08:49:37 1994", 784111777},
		{"Sun Nov 06 08:49:37 1994", 784111777},
		{"Thu Nov 10 08:49:37 1994", 784457377},
		{"Mon, 06 Nov 1994 08:49:37 GMT", 784111777}, // the day's name is not looked at
		{"x, 06 Nov 1994 08:49:37", 784111777},
		{"Sun, 06 NOV 1994 08:49:37 GMT", 784111777},
		{"Sun, 06 Nov 1994 08:49:37 +0100", 784111777}, // as nginx
		{"Sun,   06 Nov 1994 08:49:37 GMT", 784111777},
		{"Tuesday, 19-Jan-38 03:14:07 GMT", 2147483647},
		{"Sunday, 06-Nov-70 08:49:37 GMT", 26729377},
		{"Tue, 29 Feb 2000 00:00:00 GMT", 951782400},
		{"Thu, 29 Feb 1900 00:00:00 GMT", -1},
		{"Wed, 29 Feb 2023 00:00:00 GMT", -1},
		{"Sun, 31 Nov 1994 08:49:37 GMT", -1},
		{"Sun, 00 Nov 1994 08:49:37 GMT", -1},
		{"Sun, 06 Nov 1994 24:49:37 GMT", -1},
		{"Sun, 06 Nov 1994 08:60:37 GMT", -1},
		{"Sun, 06 Nov 1994 08:49:60 GMT", -1},
		{"Sun, 06 Foo 1994 08:49:37 GMT", -1},
		{"Sun, 6 Nov 1994 08:49:37 GMT", -1},
		{"Sun, 06 Nov 94 08:49:37 GMT", -1},
		{"Sun, 06-Nov 1994 08:49:37 GMT", -1},
		{"Sun, 06 Nov 1994 8:49:37 GMT", -1},
		{"Sun, 06 Nov 1994", -1},
		{"Sun Nov  6 08:49:37", -1},
		{"784111777", -1},
		{"", -1},
		{",", -1},
		{" ", -1},
	} {
		unix, ok := ParseTime([]byte(test.text))
		if !ok {
			unix = -1
		}
		if unix != test.unix {
			t.Errorf("%q: %d, want %d", test.text, unix, test.unix)
		}
	}
}

func TestCachedDate(t *testing.T) {
	first := CachedDateAt(784111777)
	if string(first) != "Sun, 06 Nov 1994 08:49:37 GMT" {
		t.Fatalf("%s", first)
	}
	if again := CachedDateAt(784111777); &again[0] != &first[0] {
		t.Error("formatted twice")
	}
	if next := CachedDateAt(784111778); string(next) != "Sun, 06 Nov 1994 08:49:38 GMT" || string(first) != "Sun, 06 Nov 1994 08:49:37 GMT" {
		t.Errorf("%s after %s", next, first)
	}
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", ", 01 Jan 0000 00:00:00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		unix, ok := ParseTime(b)
		if !ok {
			return
		}
		// What was understood has a preferred form, which means the same.
		text := AppendDate(nil, unix)
		if again, ok := ParseTime(text); !ok || again != unix {
			t.Fatalf("%q is %d, but its form %s is %d, %v", b, unix, text, again, ok)
		}
	})
}
