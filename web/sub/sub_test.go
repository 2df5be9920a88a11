package sub

import (
	"bytes"
	"strings"
	"testing"

	"tandem/static"
	"tandem/web"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

var modules = []*web.Module{rewrite.Module, static.Module, Module}

func start(t testing.TB, conf string, files map[string]string) *webtest.Server {
	return webtest.Start(t, "events {}\nhttp {\n"+conf+"\n}", modules, files)
}

func TestReplace(t *testing.T) {
	s := start(t, `server { listen 127.0.0.1:8080; sub_filter_types *; sub_filter foo bar;
		location / { return 200 $arg_b; }
		location /many { sub_filter_once off; return 200 $arg_b; }
		location /several { sub_filter one 1; sub_filter two 2; sub_filter_once off; return 200 $arg_b; }
		location /once { sub_filter one 1; sub_filter two 2; return 200 $arg_b; }
		location /order { sub_filter abcd 1; sub_filter ab 2; sub_filter_once off; return 200 $arg_b; }
		location /order2 { sub_filter ab 2; sub_filter abcd 1; sub_filter_once off; return 200 $arg_b; }
		location /variable { sub_filter "x$arg_a" "<$arg_c>"; sub_filter $arg_none none; return 200 $arg_b; }
		location /empty { sub_filter a ""; sub_filter_once off; return 200 $arg_b; }
		location /file { sub_filter line LINE; sub_filter_once off; root html; }
		location /modified { sub_filter_last_modified on; root html; }
	}`, map[string]string{"html/file": strings.Repeat("line and more\n", 20000), "html/modified": "foo", "html/none": "x", "html/zero": ""})
	for path, want := range map[string]string{
		"/?b=foofoo":                   "barfoo",
		"/?b=FOO":                      "bar",
		"/?b=fo":                       "fo",
		"/?b=":                         "",
		"/many?b=foofofoo":             "barfobar",
		"/several?b=one-two-three-TWO": "1-2-three-2",
		"/once?b=two-one-two-one":      "2-1-two-one",
		"/order?b=abcdabcab":           "12cab",
		"/order2?b=abcdabc":            "2cd2c",
		"/variable?a=Y&c=z&b=aXyb":     "a<z>b",
		"/variable?c=z&b=aXyb":         "a<z>yb",
		"/empty?b=abracadabra":         "brcdbr",
		"/file":                        strings.Repeat("LINE and more\n", 20000),
	} {
		if a := s.Get(t, path); a.Body != want {
			t.Errorf("%s: %.100q, want %.100q", path, a.Body, want)
		}
	}
	a := s.Get(t, "/file")
	if a.Header.Get("Last-Modified") != "" || a.Header.Get("ETag") != "" || a.Header.Get("Content-Length") != "" {
		t.Errorf("head: %v", a.Header)
	}
	a = s.Get(t, "/modified")
	if a.Header.Get("Last-Modified") == "" || !strings.HasPrefix(a.Header.Get("ETag"), "W/") || a.Body != "bar" {
		t.Errorf("last_modified: %q", a.Raw)
	}
	if a = s.Do(t, "HEAD", "/file"); a.Header.Get("Content-Length") != "" {
		t.Errorf("HEAD: %q", a.Raw)
	}
}

func TestErrors(t *testing.T) {
	for conf, want := range map[string]string{
		`sub_filter "" x;`:                     "empty search pattern in",
		`sub_filter x $;`:                      "invalid variable name in",
		strings.Repeat("sub_filter x y;", 256): "number of search patterns exceeds 255 in",
		"sub_filter_once maybe;":               `invalid value "maybe" in "sub_filter_once" directive, it must be "on" or "off" in`,
		"sub_filter $nonsuch_variable_here x;": `unknown "nonsuch_variable_here" variable in`,
	} {
		_, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp {\n"+conf+"\n}\n", modules)
		if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), want) {
			t.Errorf("%.50s: %v", conf, errs)
		}
	}
}

// replaceAll is the matcher's meaning, told simply.
func replaceAll(text string, searches []string, once bool) string {
	low := strings.ToLower(text)
	used := make([]bool, len(searches))
	var out strings.Builder
next:
	for i := 0; i < len(text); {
		for n, s := range searches {
			if once && used[n] {
				continue
			}
			if strings.HasPrefix(low[i:], s) {
				out.WriteString("<" + s + ">")
				used[n] = true
				i += len(s)
				continue next
			}
			if strings.HasPrefix(s, low[i:]) {
				// It might have gone on: the rest stays as it is.
				out.WriteString(text[i:])
				return out.String()
			}
		}
		out.WriteByte(text[i])
		i++
	}
	return out.String()
}

// However the text is cut into pieces, it comes to what replaceAll says.
func FuzzPieces(f *testing.F) {
	f.Add("abracadabra abc ABC abcd", "abc", "ra", "cad", uint8(3), true)
	f.Add("aaaab", "aab", "ab", "b", uint8(1), false)
	f.Fuzz(func(t *testing.T, text, a, b, c string, size uint8, once bool) {
		ascii := func(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r > 0x7f || r == 0 }) < 0 }
		if a == "" || b == "" || c == "" || !ascii(text+a+b+c) {
			return
		}
		searches := []string{strings.ToLower(a), strings.ToLower(b), strings.ToLower(c)}
		want := replaceAll(text, searches, once)
		r := &replacing{matcher: newMatcher([][]byte{[]byte(a), []byte(b), []byte(c)}), pairs: make([]pair, 3), values: make([][]byte, 3), once: once}
		var got []byte
		for rest := []byte(text); len(rest) > 0; {
			n := min(int(size%9)+1, len(rest))
			piece := append(r.held[:len(r.held):len(r.held)], rest[:n]...)
			rest = rest[n:]
			for {
				start, length, which := len(piece), 0, -1
				if !r.finished() {
					start, length, which = r.matcher.find(piece, r.done())
				}
				got = append(got, piece[:start]...)
				piece = piece[start:]
				if which < 0 {
					break
				}
				got = append(got, "<"+searches[which]+">"...)
				if r.values[which] == nil {
					r.used++
					r.values[which] = []byte{}
				}
				piece = piece[length:]
			}
			r.held = bytes.Clone(piece)
		}
		got = append(got, r.held...)
		if string(got) != want {
			t.Errorf("%q for %q once %t in pieces of %d: %q, want %q", text, searches, once, size%9+1, got, want)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	text := []byte(strings.Repeat("<a href=\"/some/path/to/a/page.html\">text of a link</a>\n", 600))
	m := newMatcher([][]byte{[]byte("http://example.com"), []byte("</body>")})
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, _, which := m.find(text, nil); which >= 0 {
			b.Fatal("found")
		}
	}
}
