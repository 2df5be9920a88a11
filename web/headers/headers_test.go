package headers_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/static"
	"tandem/web"
	"tandem/web/headers"
	"tandem/web/notmodified"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

var modules = []*web.Module{rewrite.Module, static.Module, notmodified.Module, headers.Module}

func start(t *testing.T, conf string) *webtest.Server {
	return webtest.Start(t, "events {}\nhttp {\n"+conf+"\n}", modules, map[string]string{"html/f": "body"})
}

// fields returns what of the answer's head the tests are about, in order.
func fields(raw string) string {
	head, _, _ := strings.Cut(raw, "\r\n\r\n")
	var kept []string
	for _, line := range strings.Split(head, "\r\n")[1:] {
		switch name, _, _ := strings.Cut(line, ": "); name {
		case "Server", "Date", "Content-Type", "Content-Length", "Connection", "Location":
		default:
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "|")
}

func TestAddHeader(t *testing.T) {
	s := start(t, `add_header X-Outer http;
	server { listen 127.0.0.1:8080; root html; etag off;
		location /inherited { return 200 x; }
		location /own { add_header X-A $uri; add_header x-b ""; add_header X-C 1 always; add_header X-A 2; return 200 x;
			location /own/none { return 404; }
			location /own/redirect { return 302 /; }
			location /own/off { add_header_inherit off; return 200 x; }
			location /own/off/add { add_header_inherit off; add_header X-D 3; return 200 x; }
			location /own/merge { add_header_inherit merge; add_header X-D 3; return 200 x;
				location /own/merge/again { add_header X-E 4; return 200 x; } } }
		location /if { add_header X-A 1; if ($arg_b) { add_header X-B 2; return 200 y; } return 200 x; }
		location /f { add_header Last-Modified ""; add_header ETag '"mine"'; }
		location /date { add_header Last-Modified "Sun, 06 Nov 1994 08:49:37 GMT"; add_header X-Date $sent_http_last_modified; return 200 x; }
		location /error { error_page 404 = /f2; return 404; }
		location /f2 { add_header X-Page 1; return 200 x; }
	}`)
	for _, c := range []struct{ path, want string }{
		{"/inherited", "X-Outer: http"},
		{"/own", "X-A: /own|X-C: 1|X-A: 2"},
		{"/own/none", "X-C: 1"},
		{"/own/redirect", "X-A: /own/redirect|X-C: 1|X-A: 2"},
		{"/own/off", ""},
		{"/own/off/add", "X-D: 3"},
		{"/own/merge", "X-D: 3|X-A: /own/merge|X-C: 1|X-A: 2"},
		{"/own/merge/again", "X-E: 4|X-D: 3|X-A: /own/merge/again|X-C: 1|X-A: 2"},
		{"/if", "X-A: 1"},
		{"/if?b=1", "X-B: 2"},
		{"/f", `ETag: "mine"`},
		{"/date", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT|X-Date: Sun, 06 Nov 1994 08:49:37 GMT"},
		{"/error", "X-Page: 1"},
	} {
		if got := fields(s.Get(t, c.path).Raw); got != c.want {
			t.Errorf("%s: %s, want %s", c.path, got, c.want)
		}
	}
}

func TestExpires(t *testing.T) {
	s := start(t, `server { listen 127.0.0.1:8080; etag off;
		location /epoch { expires epoch; return 200 x; }
		location /max { expires max; return 200 x; }
		location /off { expires off; return 200 x; }
		location /zero { expires 0; return 200 x; }
		location /hour { expires 1h; return 200 x; }
		location /past { expires -1h; return 200 x; }
		location /none { expires 1h; return 404; }
		location /control { expires max; add_header Cache-Control public; return 200 x; }
		location /modified/ { alias html/; expires modified 1h; }
		location /modifiedpast/ { alias html/; expires modified -1h; }
		location /variable { expires $arg_e; return 200 x; }
		location /daily { expires @23h59m59s; return 200 x; }
	}`)
	modified := time.Now().Add(-30 * time.Minute).Truncate(time.Second)
	if err := os.Chtimes(filepath.Join(s.Dir, "html/f"), modified, modified); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path    string
		from    time.Time // zero: the time of the answer
		after   time.Duration
		control string
	}{
		{"/zero", time.Time{}, 0, "max-age=0"},
		{"/hour", time.Time{}, time.Hour, "max-age=3600"},
		{"/past", time.Time{}, -time.Hour, "no-cache"},
		{"/variable?e=2h", time.Time{}, 2 * time.Hour, "max-age=7200"},
		{"/modified/f", modified, time.Hour, ""},
		{"/modifiedpast/f", modified, -time.Hour, "no-cache"},
	} {
		a := s.Get(t, c.path)
		from := c.from
		if from.IsZero() {
			from, _ = time.Parse(time.RFC1123, a.Header.Get("Date"))
		}
		got, err := time.Parse(time.RFC1123, a.Header.Get("Expires"))
		if off := got.Sub(from.Add(c.after)); err != nil || off < -time.Second || off > time.Second || c.control != "" && a.Header.Get("Cache-Control") != c.control {
			t.Errorf("%s: %q", c.path, a.Raw)
		}
	}
	var age int
	if a := s.Get(t, "/modified/f"); age == 0 {
		if _, err := fmt.Sscanf(a.Header.Get("Cache-Control"), "max-age=%d", &age); err != nil || age < 1750 || age > 1800 {
			t.Errorf("%q", a.Raw)
		}
	}
	if a := s.Get(t, "/daily"); a.Header.Get("Expires") == "" || !strings.HasPrefix(a.Header.Get("Cache-Control"), "max-age=") {
		t.Errorf("%q", a.Raw)
	}
	for _, c := range []struct{ path, want string }{
		{"/epoch", "Expires: Thu, 01 Jan 1970 00:00:01 GMT|Cache-Control: no-cache"},
		{"/max", "Expires: Thu, 31 Dec 2037 23:55:55 GMT|Cache-Control: max-age=315360000"},
		{"/off", ""},
		{"/none", ""},
		{"/variable?e=off", ""},
		{"/variable?e=rubbish", ""},
		{"/variable", ""},
		{"/variable?e=max", "Expires: Thu, 31 Dec 2037 23:55:55 GMT|Cache-Control: max-age=315360000"},
		{"/control", "Expires: Thu, 31 Dec 2037 23:55:55 GMT|Cache-Control: max-age=315360000|Cache-Control: public"},
	} {
		if got := fields(s.Get(t, c.path).Raw); got != c.want {
			t.Errorf("%s: %s, want %s", c.path, got, c.want)
		}
	}
}

func TestAddTrailer(t *testing.T) {
	webtest.OnHTTP1(t, "chunks, and the fields behind them")
	s := start(t, `server { listen 127.0.0.1:8080; root html; etag off;
		location /f { add_trailer X-Sent $sent_http_transfer_encoding; add_trailer X-Empty ""; }
		location /none { add_trailer X-T 1; add_trailer X-U 2 always; return 404; }
		location /plain { add_trailer X-T 1; chunked_transfer_encoding off; return 200 x; }
		location /no { return 200 x; }
	}`)
	if raw := s.Get(t, "/f").Raw; !strings.Contains(raw, "Transfer-Encoding: chunked\r\n") || strings.Contains(raw, "Content-Length") ||
		!strings.HasSuffix(raw, "\r\n\r\n4\r\nbody\r\n0\r\nX-Sent: chunked\r\n\r\n") {
		t.Errorf("%q", raw)
	}
	if raw := s.Get(t, "/none").Raw; !strings.HasSuffix(raw, "\r\n0\r\nX-U: 2\r\n\r\n") {
		t.Errorf("%q", raw)
	}
	for _, c := range []struct{ path, version string }{{"/plain", "1.1"}, {"/f", "1.0"}, {"/no", "1.1"}} {
		raw := s.Raw(t, "GET "+c.path+" HTTP/"+c.version+"\r\nHost: a\r\nConnection: close\r\n\r\n")
		if strings.Contains(raw, "X-") || strings.Contains(raw, "chunked") || !strings.Contains(raw, "Content-Length: ") {
			t.Errorf("%s: %q", c.path, raw)
		}
	}
	if raw := s.Do(t, "HEAD", "/f").Raw; !strings.HasSuffix(raw, "\r\n\r\n") || strings.Contains(raw, "X-Sent") {
		t.Errorf("%q", raw)
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct{ directive, want string }{
		{"add_header X-A 1 sometimes;", `invalid parameter "sometimes"`},
		{"expires 1x;", `"expires" directive invalid value`},
		{"expires 1h; expires 2h;", `"expires" directive is duplicate`},
		{"expires @30h;", `"expires" directive daily time value must be less than 24 hours`},
		{"expires modified @3h;", `"expires" directive daily time cannot be used with "modified" parameter`},
		{"expires later 1h;", `"expires" directive invalid value`},
		{"add_header_inherit yes;", `invalid value "yes"`},
		{"add_header X-A $nothing;", `unknown "nothing" variable`},
	} {
		_, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp { server { "+c.directive+" } }", modules)
		if len(errs) != 1 || !strings.Contains(errs.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.directive, errs, c.want)
		}
	}
}
