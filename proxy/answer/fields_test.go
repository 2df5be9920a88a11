package answer

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
