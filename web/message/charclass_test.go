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
