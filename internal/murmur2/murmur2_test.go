package murmur2

import "testing"

// Values of the published function with seed 0.
func TestSum32(t *testing.T) {
	for text, want := range map[string]uint32{
		"":            0,
		"a":           0x92685f5e,
		"ab":          0x1aa14063,
		"abc":         0x13577c9b,
		"abcd":        0x26873021,
		"hello world": 0x44a81419,
	} {
		if got := Sum32([]byte(text)); got != want {
			t.Errorf("%q: %#x, want %#x", text, got, want)
		}
	}
}
