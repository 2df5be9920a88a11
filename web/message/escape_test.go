package message

import (
	"bytes"
	"testing"
)

func TestEscape(t *testing.T) {
	all := make([]byte, 0, 0x60)
	for c := byte(0x20); c < 0x80; c++ {
		all = append(all, c)
	}
	for kind, want := range map[EscapeKind]string{
		EscapeURI: "%20!%22%23$%25&'()*+,-./0123456789:;%3C=%3E%3F@ABCDEFGHIJKLMNOPQRSTUVWXYZ" +
			"[%5C]%5E_%60abcdefghijklmnopqrstuvwxyz%7B%7C%7D~%7F",
		EscapeArgs: "%20!%22%23$%25%26'()*%2B,-./0123456789:%3B%3C=%3E%3F@ABCDEFGHIJKLMNOPQRSTUVWXYZ" +
			"[%5C]%5E_%60abcdefghijklmnopqrstuvwxyz%7B%7C%7D~%7F",
		EscapeURIComponent: "%20%21%22%23%24%25%26%27%28%29%2A%2B%2C-.%2F0123456789%3A%3B%3C%3D%3E%3F%40" +
			"ABCDEFGHIJKLMNOPQRSTUVWXYZ%5B%5C%5D%5E_%60abcdefghijklmnopqrstuvwxyz%7B%7C%7D~%7F",
		EscapeHTML: "%20!%22%23$%25&%27()*+,-./0123456789:;%3C=%3E?@ABCDEFGHIJKLMNOPQRSTUVWXYZ" +
			"[%5C]%5E_%60abcdefghijklmnopqrstuvwxyz%7B%7C%7D~%7F",
	} {
		if got := string(AppendEscapeURI(nil, all, kind)); got != want {
			t.Errorf("kind %d:\n%s, want\n%s", kind, got, want)
		}
		if got := string(AppendEscapeURI([]byte("x"), []byte("\x00\x1f\x80\xff"), kind)); got != "x%00%1F%80%FF" {
			t.Errorf("kind %d: %s", kind, got)
		}
	}
	if got := string(AppendEscapeHTML(nil, []byte(`a<b>"c"&'d'`))); got != "a&lt;b&gt;&quot;c&quot;&amp;'d'" {
		t.Error(got)
	}
}

func TestUnescape(t *testing.T) {
	for _, test := range []struct {
		in        string
		kind      UnescapeKind
		out, rest string
	}{
		{"a%20b%3Fc?d%41", UnescapeAll, "a b?c?dA", ""},
		{"a%20b?d%41", UnescapeURI, "a b?", "d%41"},
		{"a%20b%3Fd%41", UnescapeURI, "a b?", "d%41"},
		{"a%20%41%25%7f?%41", UnescapeRedirect, "a%20A%25%7f?", "%41"},
		{"%zz%4z%", UnescapeAll, "zz", ""},
		{"%4", UnescapeAll, "", ""},
		{"%00", UnescapeAll, "\x00", ""},
	} {
		out, rest := AppendUnescape(nil, []byte(test.in), test.kind)
		if string(out) != test.out || string(rest) != test.rest {
			t.Errorf("%s: %q %q, want %q %q", test.in, out, rest, test.out, test.rest)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add([]byte("a b%?é\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for kind := range escapeKinds {
			escaped := AppendEscapeURI(nil, b, kind)
			if back, _ := AppendUnescape(nil, escaped, UnescapeAll); !bytes.Equal(back, b) {
				t.Fatalf("kind %d: %q, escaped %q, is %q", kind, b, escaped, back)
			}
		}
	})
}
