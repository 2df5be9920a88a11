package charset

import (
	"strings"
	"testing"

	"tandem/static"
	"tandem/web"
	"tandem/web/headers"
	"tandem/web/rewrite"
	"tandem/web/ssi"
	"tandem/web/webtest"
)

var modules = []*web.Module{rewrite.Module, static.Module, headers.Module, Module, ssi.Module}

// koi8 is a small part of the map between KOI8-R and UTF-8.
const koi8 = `charset_map koi8-r utf-8 { C0 D18E; C1 D0B0; C2 D0B1; 9A C2A0; 80 E29480; }
	charset_map koi8-r windows-1251 { C1 E0; C2 E1; }
	`

func start(t *testing.T, conf string, files map[string]string) *webtest.Server {
	return webtest.Start(t, "events {}\nhttp {\n"+koi8+conf+"\n}", modules, files)
}

func TestConversions(t *testing.T) {
	s := start(t, `server { listen 127.0.0.1:8080; ssi_types text/plain; default_type text/plain;
		location /utf8/ { charset utf-8; source_charset koi8-r; alias html/; }
		location /koi/ { charset KOI8-R; source_charset UTF-8; alias html/; }
		location /win/ { charset windows-1251; source_charset koi8-r; alias html/; }
		location /same/ { charset koi8-r; source_charset koi8-r; alias html/; }
		location /named/ { charset utf-8; alias html/; }
		location /off/ { charset off; source_charset koi8-r; alias html/; }
		location /var/ { charset $arg_to; source_charset $arg_from; alias html/; }
		location /encoded/ { add_header Content-Encoding gzip; charset utf-8; source_charset koi8-r; alias html/; }
		location /redirect/ { charset utf-8; return 302 /a; }
		location /ssi/ { ssi on; charset utf-8; alias html/;
			location /ssi/koi/ { source_charset koi8-r; alias html/; }
			location /ssi/utf8/ { source_charset utf-8; alias html/; } }
		location /type/ { charset utf-8; default_type image/x; alias html/; }
		location /types/ { charset utf-8; charset_types image/x; default_type image/x; alias html/; }
	}`, map[string]string{
		"html/koi": "a \xc1\xc2\xc0 \x80\x81.", "html/utf8": "a абю ─ €\U0001F600 \xff.", "html/big": strings.Repeat("\xc1", 100000),
		"html/include": `<!--#include virtual="/ssi/koi/koi" -->|<!--#include virtual="/ssi/utf8/utf8" -->`, "html/bigutf8": strings.Repeat("─", 100001),
	})
	for path, want := range map[string]string{
		"/utf8/koi":                      "text/plain; charset=utf-8|-|a абю ─?.",
		"/koi/utf8":                      "text/plain; charset=koi8-r|-|a \xc1\xc2\xc0 \x80 &#8364;&#128512; ?.",
		"/win/koi":                       "text/plain; charset=windows-1251|9|a \xe0\xe1? ??.",
		"/same/koi":                      "text/plain; charset=koi8-r|9|a \xc1\xc2\xc0 \x80\x81.",
		"/named/koi":                     "text/plain; charset=utf-8|9|a \xc1\xc2\xc0 \x80\x81.",
		"/off/koi":                       "text/plain|9|a \xc1\xc2\xc0 \x80\x81.",
		"/var/koi?to=utf-8&from=koi8-r":  "text/plain; charset=utf-8|-|a абю ─?.",
		"/var/koi?to=utf-8&from=utf-8":   "text/plain; charset=utf-8|9|a \xc1\xc2\xc0 \x80\x81.",
		"/var/koi?to=latin1&from=koi8-r": "text/plain|9|a \xc1\xc2\xc0 \x80\x81.",
		"/encoded/koi":                   "text/plain|9|a \xc1\xc2\xc0 \x80\x81.",
		"/type/koi":                      "image/x|9|a \xc1\xc2\xc0 \x80\x81.",
		"/types/koi":                     "image/x; charset=utf-8|9|a \xc1\xc2\xc0 \x80\x81.",
		"/utf8/big":                      "text/plain; charset=utf-8|-|" + strings.Repeat("а", 100000),
		"/koi/bigutf8":                   "text/plain; charset=koi8-r|-|" + strings.Repeat("\x80", 100001),
		"/ssi/include":                   "text/plain; charset=utf-8|-|a абю ─?.|a абю ─ €\U0001F600 \xff.",
	} {
		a := s.Get(t, path)
		length := a.Header.Get("Content-Length")
		if length == "" {
			length = "-"
		}
		if got := a.Header.Get("Content-Type") + "|" + length + "|" + a.Body; got != want {
			t.Errorf("%s: %.200q, want %.200q", path, got, want)
		}
	}
	if a := s.Get(t, "/redirect/"); a.Status != 302 || a.Header.Get("Content-Type") != "text/html" {
		t.Errorf("redirect: %q", a.Raw)
	}
	if raw := s.Raw(t, "GET /var/koi HTTP/1.0\r\n\r\n"); raw != "" {
		t.Errorf("variable without a value: %q", raw)
	}
}

func TestErrors(t *testing.T) {
	for conf, want := range map[string]string{
		"charset a; charset b;":                              `"charset" directive is duplicate in`,
		"charset_map a A { }":                                `"charset_map" between the same charsets "a" and "A" in`,
		"charset_map UTF-8 a { }":                            `"charset_map" with "utf-8" charset should be given in the second column in`,
		"charset_map a b { } charset_map B A { }":            `duplicate "charset_map" between "B" and "A" in`,
		"charset_map a b { 100 20; }":                        `invalid value "100" in`,
		"charset_map a b { 80 xy; }":                         `invalid value "xy" in`,
		"charset_map a b { 80; }":                            `invalid parameters number in`,
		"charset_map a utf-8 { 80 F09F9880; }":               `invalid value "F09F9880" in`,
		"charset_map a utf-8 { 80 C3; }":                     `invalid value "C3" in`,
		"charset a; source_charset b;":                       `no "charset_map" between the charsets "b" and "a" in`,
		"charset $nonsuch_variable_x; source_charset utf-8;": `unknown "nonsuch_variable_x" variable in`,
	} {
		_, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp {\n"+conf+"\n}\n", modules)
		if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), want) {
			t.Errorf("%s: %v", conf, errs)
		}
	}
}

// However the text is cut into pieces, it comes to the same.
func FuzzPieces(f *testing.F) {
	f.Add("a абю ─ €\U0001F600 \xff.\xc3", uint8(3))
	f.Add("\xe2\x94", uint8(1))
	page := new([256]byte)
	page[0x30] = 0xc1
	to := &conversion{fromUTF8: &[256]*[256]byte{4: page}}
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		whole := &recoding{conversion: to}
		want := string(whole.append(nil, []byte(text)))
		parts := &recoding{conversion: to}
		var got []byte
		for rest := []byte(text); len(rest) > 0; {
			n := min(int(size%7)+1, len(rest))
			got = parts.append(got, rest[:n])
			rest = rest[n:]
		}
		if string(got) != want {
			t.Errorf("%q in pieces of %d: %q, want %q", text, size%7+1, got, want)
		}
		if len(want) > len(text)*maxEntity {
			t.Errorf("%q became %d bytes", text, len(want))
		}
	})
}
