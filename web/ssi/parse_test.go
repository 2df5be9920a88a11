package ssi

import "testing"

// However a page is cut into pieces, the same is understood of it.
func FuzzParseCommand(f *testing.F) {
	for _, s := range []string{`echo var="a" -->`, `include virtual='/a' -->`, `if expr="$a = /b\"/" -->`, `x y -->`, `- -->`, ` set var = "a" value="-->" -->`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		whole, n, state := parseCommand(b, 100)
		if n > len(b) || state != parseMore && n < 3 {
			t.Fatalf("%q: %d bytes, state %d", b, n, state)
		}
		if state == parseMore {
			return
		}
		if string(b[n-3:n]) != "-->" {
			t.Fatalf("%q ends at %d", b, n)
		}
		again, m, same := parseCommand(b[:n], 100)
		if m != n || same != state || again.name != whole.name || len(again.params) != len(whole.params) {
			t.Fatalf("%q alone is another command: %+v, %+v", b[:n], again, whole)
		}
		for cut := range n {
			if _, _, early := parseCommand(b[:cut], 100); early != parseMore {
				t.Fatalf("%q is understood after %d of %d bytes", b, cut, n)
			}
		}
	})
}
