package cache

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"tandem/proxy/answer"
)

// kept is what a response with those header lines says at the time 1000.
func kept(t testing.TB, lines string, ignore answer.Ignored) string {
	t.Helper()
	var h answer.Head
	h.Reset()
	for line := range strings.Lines(lines) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if _, err := h.Add(answer.NewField([]byte(name), []byte(value))); err != nil {
			t.Fatal(err)
		}
	}
	var c terms
	c.read(&h, ignore, 1000, bytes.Clone)
	if !c.allow() {
		return "no"
	}
	out := fmt.Sprint(c.validUntil)
	if c.updating != 0 || c.onError != 0 {
		out += fmt.Sprintf(" +%d +%d", c.updating, c.onError)
	}
	if c.vary != nil {
		out += fmt.Sprintf(" by %s", c.vary)
	}
	return out
}

func TestTerms(t *testing.T) {
	for _, c := range []struct{ lines, want string }{
		{"", "0"},
		{"Cache-Control: max-age=10", "1010"},
		{"Cache-Control: max-age=10, s-maxage=20", "1020"},
		{"Cache-Control: Max-Age=10", "1010"},
		{"Cache-Control: max-age=0", "no"},
		{"Cache-Control: max-age=x", "no"},
		{"Cache-Control: max-age=99999999999999999999", "9223372036854775807"},
		{"Cache-Control: no-cache", "no"},
		{"Cache-Control: no-store", "no"},
		{"Cache-Control: private=\"x\"", "no"},
		{"Cache-Control: max-age=10, stale-while-revalidate=5", "1010 +5 +5"},
		{"Cache-Control: max-age=10, stale-while-revalidate=5, stale-if-error=7", "1010 +5 +7"},
		{"Cache-Control: max-age=10\nCache-Control: stale-if-error=7", "1010 +0 +7"},
		{"Expires: Thu, 01 Jan 1970 00:20:00 GMT", "1200"},
		{"Expires: Thu, 01 Jan 1970 00:10:00 GMT", "no"},
		{"Expires: 0", "no"},
		{"Expires: 0\nCache-Control: max-age=10", "1010"},
		{"Cache-Control: max-age=10\nExpires: 0", "1010"},
		{"Expires: 0\nX-Accel-Expires: 10", "1010"},
		{"X-Accel-Expires: 10\nCache-Control: no-cache", "1010"},
		{"Cache-Control: no-cache\nX-Accel-Expires: 10", "1010"},
		{"X-Accel-Expires: 10\nCache-Control: stale-if-error=7", "1010 +0 +7"},
		{"X-Accel-Expires: @2000", "2000"},
		{"X-Accel-Expires: 0", "no"},
		{"X-Accel-Expires: off", "0"},
		{"Set-Cookie: a=b", "no"},
		{"Vary: *", "no"},
		{"Vary: a\nVary: b", "0 by a, b"},
		{"Vary: " + strings.Repeat("x", 128), "0 by " + strings.Repeat("x", 128)},
		{"Vary: " + strings.Repeat("x", 129), "no"},
	} {
		if got := kept(t, c.lines, 0); got != c.want {
			t.Errorf("%q: %s, want %s", c.lines, got, c.want)
		}
	}
	all := "Set-Cookie: a\nVary: *\nCache-Control: no-store\nExpires: 0\nX-Accel-Expires: 0"
	ignore := answer.IgnoreSetCookie | answer.IgnoreVary | answer.IgnoreCacheControl | answer.IgnoreExpires | answer.IgnoreAccelExpires
	if got := kept(t, all, ignore); got != "0" {
		t.Errorf("ignored: %s", got)
	}
}

func FuzzTerms(f *testing.F) {
	f.Add("max-age=1, stale-if-error=2", "3", "@4", "a, b")
	f.Fuzz(func(t *testing.T, control, expires, accel, vary string) {
		var h answer.Head
		h.Reset()
		for name, v := range map[string]string{"Cache-Control": control, "Expires": expires, "X-Accel-Expires": accel, "Vary": vary} {
			_, _ = h.Add(answer.NewField([]byte(name), []byte(v)))
		}
		var c terms
		c.read(&h, 0, 1000, bytes.Clone)
		if c.updating < 0 || c.onError < 0 || c.validUntil < 0 {
			t.Fatalf("%+v", c)
		}
	})
}
