package check

import "testing"

// Whatever a server answers, it is not taken for well unless it says so.
func FuzzHealth(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x02\x08\x01"))
	f.Add([]byte("\x00\x00\x00\x00\x04\x08\x01\x10\xff"))
	f.Add([]byte("\x01\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if status, ok := parseHealth(body); status != 0 && !ok || ok && len(body) < 5 {
			t.Errorf("%q: %d, %t", body, status, ok)
		}
	})
}
