package escape

import (
	"bytes"
	"testing"
)

func TestEscape(t *testing.T) {
	all := make([]byte, 0, 0x60)
	for c := byte(0x20); c < 0x80; c++ {
		all = append(all, c)
	}
	for kind, want := range map[Kind]string{
		URI: "%20!%22%23$%25&'()*+,-./0123456789:;%3C=%3E%3F@ABCDEFGHIJKLMNOPQRSTUVWXYZ" +
			"[%5C]%5E_%60abcdefghijklmnopqrstuvwxyz%7B%7C%7D~%7F",
		Args: "%20!%22%23$%25%26'()*%2B,-./0123456789:%3B%3C=%3E%3F@ABCDEFGHIJKLMNOPQRSTUVWXYZ" +
			"[%5C]%5E_%60abcdefghijklmnopqrstuvwxyz%7B%7C%7D~%7F",
		Component: "%20%21%22%23%24%25%26%27%28%29%2A%2B%2C-.%2F0123456789%3A%3B%3C%3D%3E%3F%40" +
			"ABCDEFGHIJKLMNOPQRSTUVWXYZ%5B%5C%5D%5E_%60abcdefghijklmnopqrstuvwxyz%7B%7C%7D~%7F",
		HTML: "%20!%22%23$%25&%27()*+,-./0123456789:;%3C=%3E?@ABCDEFGHIJKLMNOPQRSTUVWXYZ" +
			"[%5C]%5E_%60abcdefghijklmnopqrstuvwxyz%7B%7C%7D~%7F",
	} {
		if got := string(AppendURI(nil, all, kind)); got != want {
			t.Errorf("kind %d:\n%s, want\n%s", kind, got, want)
		}
		if got := string(AppendURI([]byte("x"), []byte("\x00\x1f\x80\xff"), kind)); got != "x%00%1F%80%FF" {
			t.Errorf("kind %d: %s", kind, got)
		}
	}
	if got := string(AppendHTML(nil, []byte(`a<b>"c"&'d'`))); got != "a&lt;b&gt;&quot;c&quot;&amp;'d'" {
		t.Error(got)
	}
}

func TestUnescape(t *testing.T) {
	for _, test := range []struct {
		in        string
		kind      Extent
		out, rest string
	}{
		{"a%20b%3Fc?d%41", All, "a b?c?dA", ""},
		{"a%20b?d%41", UntilArgs, "a b?", "d%41"},
		{"a%20b%3Fd%41", UntilArgs, "a b?", "d%41"},
		{"a%20%41%25%7f?%41", Redirect, "a%20A%25%7f?", "%41"},
		{"%zz%4z%", All, "zz", ""},
		{"%4", All, "", ""},
		{"%00", All, "\x00", ""},
	} {
		out, rest := AppendUndone(nil, []byte(test.in), test.kind)
		if string(out) != test.out || string(rest) != test.rest {
			t.Errorf("%s: %q %q, want %q %q", test.in, out, rest, test.out, test.rest)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add([]byte("a b%?é\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for kind := range kinds {
			escaped := AppendURI(nil, b, kind)
			if back, _ := AppendUndone(nil, escaped, All); !bytes.Equal(back, b) {
				t.Fatalf("kind %d: %q, escaped %q, is %q", kind, b, escaped, back)
			}
		}
	})
}
