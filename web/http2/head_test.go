package http2

import (
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"

	"tandem/internal/h2"
	"tandem/web/message"
)

func block(end bool, kv ...string) *h2.Block {
	b := &h2.Block{EndStream: end, Length: 1}
	for i := 0; i+1 < len(kv); i += 2 {
		b.Fields = append(b.Fields, hpack.HeaderField{Name: kv[i], Value: kv[i+1]})
	}
	return b
}

var testRules = Rules{MaxHeaders: 5, IgnoreInvalidHeaders: true}

// get is a request that is right, and more.
func get(kv ...string) []string {
	return append([]string{":method", "GET", ":scheme", "http", ":path", "/a?b", ":authority", "Example.com:80"}, kv...)
}

func TestHead(t *testing.T) {
	var d head
	var h message.Head
	if bad := d.read(&h, block(false, get("cookie", "a=1", "x", "", "cookie", "b=2", "content-length", "7", "x_y", "dropped")...), &testRules); bad != nil {
		t.Fatal(bad)
	}
	if string(h.Line) != "GET /a?b HTTP/2.0" || string(h.Method) != "GET" || string(h.Target) != "/a?b" || string(h.ServerName) != "example.com" || h.ServerPort != 80 ||
		string(h.Host) != "Example.com:80" || h.ContentLength != 7 || h.Version != message.HTTP2 || h.Version.String() != "HTTP/2.0" {
		t.Errorf("%+v", h)
	}
	if c := h.Lookup(message.Cookie); string(c) != "a=1; b=2" {
		t.Errorf("cookie %q", c)
	}
	if v := h.Get("x"); v == nil || len(v) != 0 {
		t.Errorf("an empty value is %v", v)
	}
	if len(h.Dropped) != 1 || string(h.Dropped[0].Name) != "x_y" {
		t.Errorf("dropped %v", h.Dropped)
	}
	if bad := d.read(&h, block(true, get()...), &testRules); bad != nil || h.Lookup(message.Cookie) != nil || h.ContentLength != -1 {
		t.Errorf("the second head has something of the first: %v %+v", bad, h)
	}
}

// What nginx 1.31 answers, but where a line says otherwise.
func TestHeadRefused(t *testing.T) {
	for _, test := range []struct {
		name string
		head []string
		want string // of the reason; empty: accepted
	}{
		{"no method", []string{":scheme", "http", ":path", "/", ":authority", "a"}, "no :method"},
		{"no scheme", []string{":method", "GET", ":path", "/", ":authority", "a"}, "no :scheme"},
		{"no path", []string{":method", "GET", ":scheme", "http", ":authority", "a"}, "no :path"},
		{"no host", []string{":method", "GET", ":scheme", "http", ":path", "/"}, "neither"},
		{"Host only", []string{":method", "GET", ":scheme", "http", ":path", "/", "host", "a"}, ""},
		{"method twice", get(":method", "GET"), "duplicate :method"},
		{"path twice", get(":path", "/"), "duplicate :path"},
		{"scheme twice", get(":scheme", "http"), "duplicate :scheme"},
		{"authority twice", get(":authority", "a"), "duplicate \":authority\""},
		{"empty path", []string{":method", "GET", ":scheme", "http", ":path", "", ":authority", "a"}, "empty :path"},
		{"asterisk", []string{":method", "OPTIONS", ":scheme", "http", ":path", "*", ":authority", "a"}, "invalid :path"},
		{"absolute form", []string{":method", "GET", ":scheme", "http", ":path", "http://a/", ":authority", "a"}, "invalid :path"},
		{"space in path", []string{":method", "GET", ":scheme", "http", ":path", "/ HTTP/1.1", ":authority", "a"}, "invalid :path"},
		{"line end in path", []string{":method", "GET", ":scheme", "http", ":path", "/\r\nX: y", ":authority", "a"}, "invalid value"},
		{"lower-case method", []string{":method", "get", ":scheme", "http", ":path", "/", ":authority", "a"}, "invalid :method"},
		{"space in method", []string{":method", "GET /x", ":scheme", "http", ":path", "/", ":authority", "a"}, "invalid :method"},
		{"scheme with a colon", []string{":method", "GET", ":scheme", "http://x", ":path", "/", ":authority", "a"}, "invalid :scheme"},
		{"user in authority", []string{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "u@a"}, "invalid \":authority\""},
		{"response's pseudo-header", get(":status", "200"), "unknown pseudo-header"},
		{"pseudo-header behind a field", append(get("a", "b"), ":path", "/"), "out of order"},
		{"upper case", get("X-A", "b"), "invalid header name"},
		{"colon in a name", get("a:b", "c"), "invalid header name"},
		{"space in a name", get("a b", "c"), "invalid header name"},
		{"line end in a name", get("a\r\nb", "c"), "invalid header name"},
		{"NUL in a value", get("a", "b\x00"), "invalid value"},
		{"LF in a value", get("a", "b\nc: d"), "invalid value"},
		{"CR in a value", get("a", "b\rc"), "invalid value"},
		{"space around a value", get("a", " b"), "invalid value"},
		{"tab behind a value", get("a", "b\t"), "invalid value"},
		{"control character in a value", get("a", "b\x01"), ""},
		{"control character in a path", []string{":method", "GET", ":scheme", "https", ":path", "/\x01", ":authority", "a"}, "invalid value"},
		{"tab inside a value", get("a", "b\tc"), ""},
		{"Connection", get("connection", "close"), "\"Connection\""},
		{"Keep-Alive", get("keep-alive", "5"), "\"Keep-Alive\""},
		{"Proxy-Connection (nginx accepts it)", get("proxy-connection", "close"), "\"Proxy-Connection\""},
		{"Transfer-Encoding", get("transfer-encoding", "chunked"), "\"Transfer-Encoding\""},
		{"Upgrade", get("upgrade", "h2c"), "\"Upgrade\""},
		{"TE: trailers", get("te", "trailers"), ""},
		{"TE: gzip", get("te", "gzip"), "\"TE\""},
		{"TE twice", get("te", "trailers", "te", "trailers"), "\"TE\""},
		{"other Host", get("host", "b"), "different values"},
		{"same Host", get("host", "Example.com:80"), ""},
		{"Host twice", get("host", "Example.com:80", "host", "Example.com:80"), "duplicate host"},
		{"Content-Length twice", get("content-length", "1", "content-length", "1"), "duplicate header line"},
		{"Content-Length +1", get("content-length", "+1"), "invalid \"Content-Length\""},
		{"Content-Length beyond 63 bits", get("content-length", "9223372036854775808"), "invalid \"Content-Length\""},
		{"too many", get("a", "", "b", "", "c", "", "d", "", "e", "", "f", ""), "too many"},
		{"at most", get("a", "", "b", "", "c", "", "d", "", "e", ""), ""},
		{"cookies count once", get("cookie", "", "cookie", "", "cookie", "", "cookie", "", "cookie", "", "a", "", "b", "", "c", "", "d", "", "e", ""), ""},
		{"CONNECT", []string{":method", "CONNECT", ":authority", "a:1"}, ""},
		{"websocket", []string{":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "/", ":authority", "a"}, ""},
		{"websocket by GET", []string{":method", "GET", ":protocol", "websocket", ":scheme", "https", ":path", "/", ":authority", "a"}, "not CONNECT"},
		{"name above ASCII is dropped", get("\xc3\xa9", "x"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var d head
			var h message.Head
			bad := d.read(&h, block(false, test.head...), &testRules)
			switch {
			case bad == nil && test.want != "":
				t.Errorf("accepted, want %q", test.want)
			case bad != nil && (test.want == "" || !strings.Contains(bad.Reason, test.want)):
				t.Errorf("%q, want %q", bad.Reason, test.want)
			}
		})
	}
	var d head
	var h message.Head
	if bad := d.read(&h, block(true, get("content-length", "1")...), &testRules); bad == nil || !strings.Contains(bad.Reason, "prematurely") {
		t.Error(bad)
	}
}

// Nothing of a head that is accepted can become another message in HTTP/1.
func FuzzHead(f *testing.F) {
	f.Add("GET", "http", "/", "a", "x", "y")
	f.Add("POST", "https", "/a?b", "[::1]:80", "cookie", "a=b")
	f.Fuzz(func(t *testing.T, method, scheme, path, authority, name, value string) {
		var d head
		var h message.Head
		if d.read(&h, block(false, ":method", method, ":scheme", scheme, ":path", path, ":authority", authority, name, value), &testRules) != nil {
			return
		}
		for _, part := range []string{method, path, authority, string(h.Line)} {
			if strings.ContainsAny(part, "\r\n\x00") {
				t.Fatalf("%q", part)
			}
		}
		for _, field := range h.Fields {
			if strings.ContainsAny(string(field.Name), "\r\n\x00: ") || strings.ContainsAny(string(field.Value), "\r\n\x00") {
				t.Fatalf("%q: %q", field.Name, field.Value)
			}
		}
		if strings.Count(string(h.Line), " ") != 2 {
			t.Fatalf("%q", h.Line)
		}
	})
}
