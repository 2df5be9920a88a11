package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int{"512": 512, "4k": 4096, "10m": 10 << 20} {
		if size, err := parseSize(text); err != nil || size != want {
			t.Errorf("%s: %d, %v", text, size, err)
		}
	}
	for _, text := range []string{"", "k", "-1", "0", "4kb", "4g", "99999m"} {
		if size, err := parseSize(text); err == nil {
			t.Errorf("%q is %d", text, size)
		}
	}
}

// names returns the names of what is chosen.
func names(t *testing.T, sizes, patterns string) string {
	t.Helper()
	cases, err := casesWith(sizes)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := choose((&bench{cases: cases}).parts(), patterns)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, p := range parts {
		list = append(list, p.name)
	}
	return strings.Join(list, " ")
}

func TestChoose(t *testing.T) {
	const goals = "small-log small small-cache 10k 1m connect proxy h2-small h2-10k h2-1m h2-proxy grpc-unary"
	const stream = "stream/kept stream/connect stream/bulk stream/tls stream/tls-connect stream/udp stream/udp-more stream/idle"
	const others = "idle h2-idle node start servers scale " + stream
	for _, c := range []struct{ sizes, patterns, want string }{
		{"", "", goals + " " + others},
		{"4k,100k", "", goals + " proxy-100k 4k proxy-4k 100k " + others},
		{"4k", "small*,*4k", "small-log small small-cache 4k proxy-4k"},
		{"", "404,proxy", "proxy 404"},
		{"", "stream", stream},
	} {
		if got := names(t, c.sizes, c.patterns); got != c.want {
			t.Errorf("-size %q -part %q: %s, want %s", c.sizes, c.patterns, got, c.want)
		}
	}
	if parts, err := choose((&bench{}).parts(), "nothing"); err == nil {
		t.Errorf("a part that is not there: %v", parts)
	}
}

func TestIsComplete(t *testing.T) {
	for request, want := range map[string]bool{
		"GET / HTTP/1.1\r\nHost: a\r\n":                                 false,
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n":                             true,
		"POST / HTTP/1.1\r\nContent-Length: 3\r\nHost: a\r\n\r\nab":     false,
		"POST / HTTP/1.1\r\ncontent-length: 3\r\nHost: a\r\n\r\nabc":    true,
		"POST / HTTP/1.1\r\nHost: a\r\n\r\nContent-Length: 3\r\n\r\nab": false,
	} {
		if got, err := isComplete([]byte(request)); err != nil || got != want {
			t.Errorf("%q: %v, %v", request, got, err)
		}
	}
}

func TestText(t *testing.T) {
	shown := &table{"Things", "What they are.", []string{"thing", "n"}}
	parts := []part{{name: "a", table: shown}, {name: "b", table: shown}, {name: "c", table: shown}, {name: "d", table: shown}}
	r := &results{Machine: "here", Peers: []string{"tandem: 1"}, Parts: map[string]measurement{
		"a": {[]row{{Cells: []string{"one", "1"}, Missed: []string{"one: 1, not 2"}}}, "bench -rounds 5", "2024-02-29"},
		"b": {[]row{{Cells: []string{"two", "2"}}}, "bench -rounds 7", "2024-02-29"},
		"d": {[]row{{Cells: []string{"four", "4"}}}, "bench -rounds 5", "2024-02-29"},
	}}
	text := r.text(parts)
	for _, want := range []string{
		"    bench -rounds 5 -part a,d   # 2024-02-29\n    bench -rounds 7 -part b   # 2024-02-29\n",
		"this time:\n\n- one: 1, not 2\n\n## Things\n\nWhat they are.\n\n| thing | n |\n|---|---|\n| one | 1 |\n| two | 2 |\n| four | 4 |\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no\n%s\nin\n%s", want, text)
		}
	}
}

// TestCases looks for what would be found out late, in the middle of a run.
func TestCases(t *testing.T) {
	cases, err := casesWith("4k")
	if err != nil {
		t.Fatal(err)
	}
	if err := writeFiles(t.TempDir()+"/files", cases); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range cases {
		if seen[c.name] {
			t.Errorf("%s is there twice", c.name)
		}
		seen[c.name] = true
		if complete, err := isComplete(c.request([]string{"X: y"})); !complete || err != nil {
			t.Errorf("%s: a request that is not complete: %v", c.name, err)
		}
		for language, conf := range c.conf {
			if strings.Contains(conf, "BACKEND") != (c.behind != noBackend) {
				t.Errorf("%s: in the language of %s a back end is missing, or there is none", c.name, language)
			}
		}
	}
}

func TestSlices99(t *testing.T) {
	start := time.Now()
	l := &load{start: start, rate: 10000}
	at := func(ms float64) time.Time { return start.Add(time.Duration(ms * float64(time.Millisecond))) }
	for i := range 4500 {
		took := time.Millisecond
		if i%100 == 0 {
			took = 2 * time.Millisecond
		}
		if i/1000 == 1 {
			took *= 3
		}
		l.answers = append(l.answers, answered{at(float64(i) / 10), took})
	}
	// The fourth slice has a stall at its beginning, the last is not whole.
	l.stalls = []stall{{at(301), at(302)}}
	got := l.slices99()
	slices.Sort(got)
	if want := []time.Duration{time.Millisecond, 3 * time.Millisecond}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := l.p99(); got != 3*time.Millisecond {
		t.Errorf("p99 of all is %v", got)
	}
}

func TestPercentile(t *testing.T) {
	var list []time.Duration
	for i := range 200 {
		list = append(list, time.Duration(200-i))
	}
	for p, want := range map[float64]time.Duration{0: 1, 0.5: 100, 0.99: 198, 1: 200} {
		if got := percentile(list, p); got != want {
			t.Errorf("%v: %d, want %d", p, got, want)
		}
	}
}
