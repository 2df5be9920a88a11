package entry

import (
	"bytes"
	"encoding/binary"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fields are the headers of a request.
type fields map[string][]string

func (f fields) Each(name []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, v := range f[string(name)] {
			if !yield([]byte(v)) {
				return
			}
		}
	}
}

// nginxEntry is what nginx 1.31.5 wrote for GET /a with Accept-Encoding "gzip,  br"
// and X-Who "me".
func nginxEntry(t testing.TB) []byte {
	t.Helper()
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the file is of a little-endian machine")
	}
	b, err := os.ReadFile("testdata/nginx-1.31.entry")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNginxEntry(t *testing.T) {
	b, key := nginxEntry(t), []byte("/a")
	h, err := Parse(b, key, 4096)
	if err != nil {
		t.Fatal(err)
	}
	if h.ValidUntil-h.Date != 100 || h.Updating != 7 || h.OnError != 9 || h.LastModified != 1700000000 ||
		string(h.ETag) != `"6553f100-6"` || string(h.Vary) != "Accept-Encoding, X-Who" || string(b[h.BodyStart:]) != "hello\n" {
		t.Errorf("%+v", h)
	}
	if head := b[HeadStart(len(key)):h.BodyStart]; !bytes.HasPrefix(head, []byte("HTTP/1.1 200 OK\r\n")) {
		t.Errorf("head is %q", head)
	}
	if v := Variant(nil, KeyOf(key), h.Vary, fields{"accept-encoding": {"gzip,  br"}, "x-who": {"me"}}); v != h.Variant {
		t.Errorf("variant is %v, want %v", v, h.Variant)
	}
	if again := h.Append(nil, key); !bytes.Equal(again, b[:HeadStart(len(key))]) {
		t.Errorf("written anew:\n%q\nwant:\n%q", again, b[:HeadStart(len(key))])
	}
}

func TestParseRefuses(t *testing.T) {
	key := []byte("GET/a")
	header := Header{ValidUntil: 5, LastModified: -1, BodyStart: HeadStart(len(key)) + 4, ETag: []byte(`"x"`), Vary: []byte("a")}
	good := append(header.Append(nil, key), "head"...)
	if _, err := Parse(good, key, len(good)); err != nil {
		t.Fatal(err)
	}
	change := func(at int, with ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], with)
		return b
	}
	for name, c := range map[string]struct {
		b     []byte
		key   string
		limit int
		want  error
	}{
		"empty":                            {nil, "GET/a", 4096, ErrTooSmall},
		"cut in its header":                {good[:100], "GET/a", 4096, ErrTooSmall},
		"cut in its key":                   {good[:HeaderSize+8], "GET/a", 4096, ErrTooSmall},
		"cut in its head":                  {good[:len(good)-1], "GET/a", 4096, ErrTooSmall},
		"older version":                    {change(atVersion, 3), "GET/a", 4096, ErrVersion},
		"other byte order":                 {change(atVersion, 0, 0, 0, 0, 0, 0, 0, 5), "GET/a", 4096, ErrVersion},
		"other key":                        {good, "GET/b", 4096, ErrCollision},
		"longer key":                       {append(bytes.Clone(good), make([]byte, 100)...), "GET/ab", 4096, ErrCollision},
		"other checksum":                   {change(atChecksum, 1), "GET/a", 4096, ErrCollision},
		"key with the checksum of another": {change(HeaderSize+len(keyPrefix), []byte("GET/b")...), "GET/a", 4096, ErrCollision},
		"no key line":                      {change(HeaderSize, 'x'), "GET/a", 4096, ErrDamaged},
		"key line without an end":          {change(HeadStart(len(key))-1, 'x'), "GET/a", 4096, ErrDamaged},
		"body before the head":             {change(atBodyStart, 1, 0), "GET/a", 4096, ErrDamaged},
		"head beyond the limit":            {good, "GET/a", len(good) - 1, ErrTooLong},
		"long tag":                         {change(atETagLen, 129), "GET/a", 4096, ErrDamaged},
		"long vary":                        {change(atVaryLen, 129), "GET/a", 4096, ErrVary},
		"negative time":                    {change(atUpdating, 255, 255, 255, 255, 255, 255, 255, 255), "GET/a", 4096, ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(c.b, []byte(c.key), c.limit); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	header := Header{ValidUntil: 5, BodyStart: HeadStart(1) + 4, Vary: []byte("a, b"), ETag: []byte("x")}
	f.Add(append(header.Append(nil, []byte("k")), "head"...), []byte("k"), 4096)
	f.Fuzz(func(t *testing.T, b, key []byte, limit int) {
		if len(key) > MaxHead {
			return
		}
		KeyText(b)
		h, err := Parse(b, key, min(max(limit, 0), len(b)))
		if err != nil {
			return
		}
		start := HeadStart(len(key))
		if h.BodyStart < start || h.BodyStart > len(b) || len(h.ETag) > MaxETag || len(h.Vary) > MaxVary {
			t.Fatalf("%+v", h)
		}
		again, err := Parse(append(h.Append(nil, key), b[start:]...), key, limit)
		if err != nil || again.ValidUntil != h.ValidUntil || !bytes.Equal(again.Vary, h.Vary) || !bytes.Equal(again.ETag, h.ETag) {
			t.Fatalf("%+v, written and read %+v, %v", h, again, err)
		}
		if text, ok := KeyText(b); !ok || !bytes.Equal(text, key) {
			t.Fatalf("key is %q, want %q", text, key)
		}
		Variant(nil, KeyOf(key), h.Vary, fields{})
	})
}

func TestVariant(t *testing.T) {
	main := KeyOf([]byte("k"))
	variant := func(vary string, f fields) Key { return Variant(nil, main, []byte(vary), f) }
	for _, c := range []struct {
		name string
		a, b Key
		same bool
	}{
		{"case of names", variant("Accept", fields{"accept": {"x"}}), variant("ACCEPT", fields{"accept": {"x"}}), true},
		{"separators of names", variant("a, b", nil), variant(" a,,b ", nil), true},
		{"order of names", variant("a, b", nil), variant("b, a", nil), false},
		{"values", variant("a", fields{"a": {"x"}}), variant("a", fields{"a": {"y"}}), false},
		{"spaces in an encoding", variant("accept-encoding", fields{"accept-encoding": {"gzip, br"}}), variant("accept-encoding", fields{"accept-encoding": {"gzip,br"}}), true},
		{"one header or two", variant("accept-encoding", fields{"accept-encoding": {"gzip", "br"}}), variant("accept-encoding", fields{"accept-encoding": {"gzip,br"}}), true},
		{"spaces elsewhere", variant("a", fields{"a": {"x, y"}}), variant("a", fields{"a": {"x,y"}}), false},
		{"a value that looks like another field", variant("a, b", fields{"a": {"1\r\nb:2"}}), variant("a, b", fields{"a": {"1"}, "b": {"2"}}), false},
	} {
		if (c.a == c.b) != c.same {
			t.Errorf("%s: same is %v", c.name, !c.same)
		}
	}
}

func TestPath(t *testing.T) {
	k, ok := ParseName("b7f54b2df7773722d382f4809d65029c")
	if !ok {
		t.Fatal("a name is not understood")
	}
	for levels, want := range map[string]string{
		"1":     "/cache/c/b7f54b2df7773722d382f4809d65029c",
		"1:2":   "/cache/c/29/b7f54b2df7773722d382f4809d65029c",
		"2:2:1": "/cache/9c/02/5/b7f54b2df7773722d382f4809d65029c",
	} {
		l, err := ParseLevels(levels)
		if got := string(l.AppendPath(nil, "/cache", k)); err != nil || got != want {
			t.Errorf("%s: %s, %v", levels, got, err)
		}
	}
	if got := string(Levels{}.AppendPath(nil, "/cache", k)); got != filepath.Join("/cache", k.String()) {
		t.Errorf("without levels: %s", got)
	}
	for _, bad := range []string{"", "3", "1:", "1:2:3", "1:2:1:1", "12", "0", "1,2"} {
		if _, err := ParseLevels(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestNames(t *testing.T) {
	name := strings.Repeat("0a", 16)
	for text, want := range map[string]bool{name: true, name[1:]: false, name + "0": false, strings.Repeat("0g", 16): false, name + ".0123456789": false} {
		if _, ok := ParseName(text); ok != want {
			t.Errorf("%q: entry %v", text, ok)
		}
	}
	for text, want := range map[string]bool{name + ".0123456789": true, name + ".012345678": false, name + ".01234567890": false, name + ".012345678x": false, name: false, "x" + name[1:] + ".0123456789": false} {
		if IsTemporary(text) != want {
			t.Errorf("%q: temporary %v", text, !want)
		}
	}
}
