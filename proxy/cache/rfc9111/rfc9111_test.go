package rfc9111

import (
	"fmt"
	"strings"
	"testing"

	"tandem/proxy/answer"
	"tandem/web/message"
)

// now is when the responses of these tests are received.
const now = 1_000_000_000 // Sun, 09 Sep 2001 01:46:40 GMT

// head returns the head of a response with those lines, after a status.
func head(t testing.TB, status int, lines string) *answer.Head {
	t.Helper()
	h := new(answer.Head)
	h.Reset()
	h.Status = status
	for line := range strings.Lines(lines) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if _, err := h.Add(answer.NewField([]byte(name), []byte(value))); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func at(seconds int64) string { return string(message.AppendDate(nil, now+seconds)) }

// TestFreshness: 4.2, and what of it makes a response one that may be stored (3).
func TestFreshness(t *testing.T) {
	for _, c := range []struct{ section, lines, want string }{
		{"4.2.1", "Cache-Control: max-age=10", "10 of 10"},
		{"4.2.1 shared caches", "Cache-Control: max-age=10, s-maxage=20", "20 of 20"},
		{"4.2.1 shared caches", "Cache-Control: s-maxage=5\nCache-Control: max-age=10", "5 of 5"},
		{"4.2.1 max-age before Expires", "Cache-Control: max-age=10\nExpires: " + at(100), "10 of 10"},
		{"4.2.1 two times", "Cache-Control: max-age=10, max-age=5", "5 of 5"},
		{"4.2.1 two times", "Cache-Control: max-age=5\nCache-Control: max-age=10", "5 of 5"},
		{"4.2.1 not a number", "Cache-Control: max-age=x", "0 of 0"},
		{"4.2.1 not a number", "Cache-Control: max-age=-5", "0 of 0"},
		{"4.2.1 not a number", "Cache-Control: max-age=1.5", "0 of 0"},
		{"1.2.2 too large", "Cache-Control: max-age=99999999999999999999", "1099511627776 of 1099511627776"},
		{"5.2 quoted", `Cache-Control: max-age="10"`, "10 of 10"},
		{"5.2 case", "Cache-Control: MAX-AGE=10", "10 of 10"},
		{"5.2 inside of a string", `Cache-Control: x="max-age=10, s-maxage=20", max-age=3`, "3 of 3"},
		{"5.2 inside of a string", `Cache-Control: x="a\"b, max-age=10", max-age=3`, "3 of 3"},
		{"5.2 part of a name", "Cache-Control: x-max-age=10", "none"},
		{"5.2 no spaces around =", "Cache-Control: max-age =10", "none"},
		{"5.2 unknown", "Cache-Control: foo, bar=1, max-age=3", "3 of 3"},
		{"5.3", "Date: " + at(0) + "\nExpires: " + at(30), "30 of 30"},
		{"5.3 by the clock of who sent it", "Date: " + at(100) + "\nExpires: " + at(130), "30 of 30"},
		{"5.3 without a date", "Expires: " + at(30), "30 of 30"},
		{"5.3 now", "Date: " + at(0) + "\nExpires: " + at(0), "0 of 0"},
		{"5.3 invalid", "Expires: 0", "0 of 0"},
		{"5.3 another zone", "Expires: Thu, 18 Aug 2050 02:01:18 UTC", "0 of 0"},
		{"4.2.3 Age", "Cache-Control: max-age=10\nAge: 4", "6 of 10"},
		{"4.2.3 Age", "Cache-Control: max-age=10\nAge: 400", "-390 of 10"},
		{"4.2.3 apparent", "Cache-Control: max-age=10\nDate: " + at(-3), "7 of 10"},
		{"4.2.3 the larger", "Cache-Control: max-age=10\nAge: 4\nDate: " + at(-3), "6 of 10"},
		{"5.1 the first", "Cache-Control: max-age=10\nAge: 4, 9", "6 of 10"},
		{"5.1 the first", "Cache-Control: max-age=10\nAge: 4\nAge: 9", "6 of 10"},
		{"5.1 invalid", "Cache-Control: max-age=10\nAge: -4", "10 of 10"},
		{"5.1 invalid", "Cache-Control: max-age=10\nAge: 4.0", "10 of 10"},
		{"4.2.2", "Last-Modified: " + at(-1000), "guess 100"},
		{"4.2.2 not too long", "Last-Modified: " + at(-900_000_000), "guess 86400"},
		{"4.2.2 of the future", "Last-Modified: " + at(1000), "none"},
		{"", "", "none"},
	} {
		terms := Read(head(t, 200, c.lines), 0)
		life, told := terms.Lifetime(now)
		got := "none"
		if told {
			got = fmt.Sprintf("%d of %d", life-terms.InitialAge(now), life)
		} else if n := terms.Heuristic(now); n > 0 {
			got = fmt.Sprintf("guess %d", n)
		}
		if got != c.want {
			t.Errorf("%s: %q: %s, want %s", c.section, c.lines, got, c.want)
		}
	}
}

func TestHeuristicStatus(t *testing.T) {
	old := "Last-Modified: " + at(-1000)
	for status, want := range map[int]int64{200: 100, 203: 100, 204: 100, 301: 100, 404: 100, 410: 100, 501: 100, 201: 0, 302: 0, 403: 0, 500: 0, 599: 0} {
		terms := Read(head(t, status, old), 0)
		if got := terms.Heuristic(now); got != want {
			t.Errorf("%d: %d", status, got)
		}
		public := Read(head(t, status, old+"\nCache-Control: public"), 0)
		if got := public.Heuristic(now); got != 100 { // 5.2.2.9
			t.Errorf("public %d: %d", status, got)
		}
	}
}

func TestStorable(t *testing.T) {
	for _, c := range []struct {
		section    string
		status     int
		lines      string
		authorized bool
		want       bool
	}{
		{"3", 200, "Cache-Control: max-age=1", false, true},
		{"3 no word of it, a status that allows it", 200, "", false, true},
		{"3 no word of it, another status", 503, "", false, false},
		{"3 a word of it, another status", 503, "Cache-Control: max-age=1", false, true},
		{"5.2.2.5", 200, "Cache-Control: max-age=1, no-store", false, false},
		{"5.2.2.5 no word, only a part of one", 200, "Cache-Control: max-age=1, no-store-x", false, true},
		{"5.2.2.7", 200, "Cache-Control: max-age=1, private", false, false},
		{"5.2.2.7 fields", 200, `Cache-Control: max-age=1, private="x"`, false, true},
		{"5.2.2.7 no fields", 200, `Cache-Control: max-age=1, private=""`, false, false},
		{"5.2.2.4", 200, "Cache-Control: no-cache", false, true},
		{"5.2.2.3", 200, "Cache-Control: max-age=1, no-store, must-understand", false, true},
		{"5.2.2.3 another status", 599, "Cache-Control: max-age=1, must-understand", false, false},
		{"5.2.2.3 unused status", 306, "Cache-Control: max-age=1, must-understand", false, false},
		{"3.5", 200, "Cache-Control: max-age=1", true, false},
		{"3.5 public", 200, "Cache-Control: max-age=1, public", true, true},
		{"3.5 must-revalidate", 200, "Cache-Control: max-age=1, must-revalidate", true, true},
		{"3.5 s-maxage", 200, "Cache-Control: s-maxage=1", true, true},
		{"3.5 proxy-revalidate is not among them", 200, "Cache-Control: max-age=1, proxy-revalidate", true, false},
		{"4.1", 200, "Cache-Control: max-age=1\nVary: *", false, false},
		{"4.1", 200, "Cache-Control: max-age=1\nVary: a, *", false, false},
		{"4.1", 200, "Cache-Control: max-age=1\nVary: a\nVary: ,*", false, false},
		{"4.1", 200, "Cache-Control: max-age=1\nVary: a", false, true},
	} {
		terms := Read(head(t, c.status, c.lines), 0)
		_, told := terms.Lifetime(now)
		if got := terms.Storable(c.authorized, told); got != c.want {
			t.Errorf("%s: %d %q: %v", c.section, c.status, c.lines, got)
		}
	}
	all := answer.IgnoreCacheControl | answer.IgnoreExpires | answer.IgnoreVary
	if terms := Read(head(t, 200, "Cache-Control: no-store\nVary: *\nExpires: 0"), all); !terms.Storable(false, true) || terms.Expires != -1 {
		t.Errorf("what is ignored counts: %+v", terms)
	}
}

// TestStaleOn: 4.2.4, and RFC 5861.
func TestStaleOn(t *testing.T) {
	for control, want := range map[string]string{
		"max-age=1":                                             "0 0",
		"max-age=1, stale-while-revalidate=5":                   "5 5",
		"max-age=1, stale-if-error=7":                           "0 7",
		"max-age=1, stale-while-revalidate=5, stale-if-error=0": "5 0",
		"max-age=1, must-revalidate, stale-if-error=7":          "-1 -1",
		"max-age=1, proxy-revalidate":                           "-1 -1",
		"no-cache, stale-while-revalidate=5":                    "-1 -1",
		"s-maxage=1":                                            "-1 -1",
		"s-maxage=1, stale-while-revalidate=5":                  "5 5",
	} {
		terms := Read(head(t, 200, "Cache-Control: "+control), 0)
		updating, failure := terms.StaleOn()
		if got := fmt.Sprint(updating, failure); got != want {
			t.Errorf("%s: %s, want %s", control, got, want)
		}
	}
}

// TestWants: 5.2.1.
func TestWants(t *testing.T) {
	for control, want := range map[string]string{ // of a response 10 s old, fresh for 20 s
		"":                    "takes",
		"no-cache":            "asks",
		"max-age=9":           "asks",
		"max-age=10":          "takes",
		"max-age=0":           "asks",
		"min-fresh=20":        "takes",
		"min-fresh=21":        "asks",
		"max-stale":           "takes",
		"nothing-to-see-here": "takes",
	} {
		m := &message.Head{Fields: []message.Field{{Name: []byte("cache-CONTROL"), Value: []byte(control)}}}
		c := Wants(m)
		got := "asks"
		if c.Takes(10, 20) {
			got = "takes"
		}
		if got != want {
			t.Errorf("%q: %s", control, got)
		}
	}
	c := NoControl()
	if c.Add([]byte("max-stale")); c.MaxStale < 1<<50 {
		t.Errorf("max-stale: %d", c.MaxStale)
	}
}

// TestStrip: 3.1, 5.2.2.7.
func TestStrip(t *testing.T) {
	h := head(t, 200, "Connection: a, B\nCache-Control: private=\"x, y\"")
	text := "HTTP/1.1 200 OK\r\na: 1\r\nb:2\r\nX: 3\nc: 4\r\nUpgrade: 5\r\nConnection: a, B\r\nTransfer-Encoding: chunked\r\n\r\n"
	want := "HTTP/1.1 200 OK\r\nc: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
	if got := string(Strip(nil, []byte(text), func(name []byte) bool { return Unstorable(h, 0, name) })); got != want {
		t.Errorf("%q", got)
	}
	if h := head(t, 200, "Cache-Control: no-cache=\"set-x\""); !Withheld(h, 0, []byte("Set-X")) || Withheld(h, 0, []byte("x")) || Withheld(h, answer.IgnoreCacheControl, []byte("set-x")) {
		t.Error("5.2.2.4: the wrong fields are withheld")
	}
}

// TestUpdate: 3.2.
func TestUpdate(t *testing.T) {
	stored := "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nA: 1\r\nB: 2\r\nB: 3\r\nAge: 50\r\nContent-Length: 5\r\nCache-Control: max-age=1\r\n\r\n"
	h := head(t, 304, "b: 4\nCache-Control: max-age=9\nContent-Length: 0\nConnection: keep-alive, gone\ngone: 1\nSet-Cookie: a=b\nETag: \"x\"")
	want := "HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 5\r\nb: 4\r\nCache-Control: max-age=9\r\nETag: \"x\"\r\n\r\n"
	if got := string(Update(nil, []byte(stored), h, 0)); got != want {
		t.Errorf("%q", got)
	}
}

// FuzzControl: whatever stands there, times are none or not negative, and a
// directive that is quoted is none.
func FuzzControl(f *testing.F) {
	f.Add(`max-age=1, no-cache="a, b", private`, "a")
	f.Add(`x="\"`, "x")
	f.Add(`=,=",\`, "")
	f.Fuzz(func(t *testing.T, value, field string) {
		c := NoControl()
		c.Add([]byte(value))
		for _, n := range []int64{c.MaxAge, c.SMaxAge, c.MinFresh, c.MaxStale, c.StaleIfError, c.StaleWhileRevalidate} {
			if n < -1 {
				t.Fatalf("%+v", c)
			}
		}
		names([]byte(value), NoCacheFields, []byte(field))
		quoted := NoControl()
		quoted.Add([]byte(`x="` + strings.NewReplacer(`"`, "", `\`, "").Replace(value) + `"`))
		if quoted != NoControl() {
			t.Fatalf("%+v", quoted)
		}
	})
}

// FuzzUpdate: a head stays one: no line that has not been there or in the 304.
func FuzzUpdate(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nA: 1\r\n\r\n", "a", "2")
	f.Fuzz(func(t *testing.T, text, name, value string) {
		field, skip, ok := answer.ParseField([]byte(name + ": " + value))
		h := head(t, 304, "")
		if !ok || skip || strings.ContainsAny(name+value, "\n") {
			return
		}
		if _, err := h.Add(field); err != nil {
			return
		}
		got := string(Update(nil, []byte(text), h, 0))
		if strings.Count(got, "\n") > strings.Count(text, "\n")+strings.Count(text, "\n")+1 {
			t.Fatalf("%q became %q", text, got)
		}
	})
}
