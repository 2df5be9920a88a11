package message

import (
	"bytes"
	"testing"
)

func TestControlIndex(t *testing.T) {
	for length := range 20 {
		for place := range length {
			for c := range 256 {
				b := bytes.Repeat([]byte{'a'}, length)
				if place > 0 {
					b[0] = '\t'
				}
				b[place] = byte(c)
				want := -1
				if c < ' ' && c != '\t' || c == 0x7f {
					want = place
				}
				if got := ControlIndex(b); got != want {
					t.Fatalf("%q: %d, want %d", b, got, want)
				}
			}
		}
	}
}

func TestEqualFold(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"", "", true}, {"ETag", "etag", true}, {"ETag", "ETag", true}, {"ETag", "ETa", false}, {"a-b", "A-B", true},
		{"@", "`", false}, {"[", "{", false}, {"0", "P", false}, {"\xe9", "\xc9", false}, // only letters of ASCII have another case
	} {
		if got := EqualFold([]byte(c.a), c.b); got != c.want {
			t.Errorf("%q and %q: %v", c.a, c.b, got)
		}
	}
}
