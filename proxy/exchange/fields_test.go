package exchange

import "testing"

func TestParseField(t *testing.T) {
	for line, want := range map[string]struct {
		name, value string
		skip, ok    bool
	}{
		"A: b":            {"A", "b", false, true},
		"A:b":             {"A", "b", false, true},
		"A:   b c  ":      {"A", "b c", false, true},
		"A:":              {"A", "", false, true},
		"A":               {"A", "", false, true},
		"A: b: c":         {"A", "b: c", false, true},
		"HTTP/1.1 200 OK": {"", "", true, true},
		": b":             {}, "": {}, " A: b": {}, "\tA: b": {}, "A : b": {}, "A\x00: b": {}, "A\x7f: b": {},
		"A: b\rc": {}, "A: b\x00": {}, "A: b\r": {},
	} {
		f, skip, ok := ParseField([]byte(line))
		if skip != want.skip || ok != want.ok || ok && (string(f.Name) != want.name || string(f.Value) != want.value) {
			t.Errorf("%q: %q %q, skip %v, ok %v", line, f.Name, f.Value, skip, ok)
		}
	}
}

func TestParseLength(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "007": 7, "9223372036854775807": 1<<63 - 1, "9223372036854775808": -1, "": -1, "+1": -1, "-1": -1, "1 ": -1, "0x1": -1} {
		if n, ok := parseLength([]byte(text)); ok != (want >= 0) || ok && n != want {
			t.Errorf("%q: %d %v, want %d", text, n, ok, want)
		}
	}
}

// Which status a failure comes to, and which failure a status is.
func TestConditions(t *testing.T) {
	for c, status := range map[Condition]int{OnError: 502, OnTimeout: 504, OnInvalidHeader: 502, onNoLive: 502} {
		if got := c.status(); got != status {
			t.Errorf("condition %x: %d, want %d", int(c), got, status)
		}
	}
	for _, status := range []int{403, 404, 429, 500, 502, 503, 504} {
		if c := conditionOf(status); c == 0 || c.status() != status {
			t.Errorf("%d is condition %x, which is %d", status, int(c), c.status())
		}
	}
	for _, status := range []int{200, 301, 304, 400, 401, 405, 501, 505, 599} {
		if c := conditionOf(status); c != 0 {
			t.Errorf("%d is condition %x", status, int(c))
		}
	}
}
