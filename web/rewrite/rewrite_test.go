package rewrite_test

import (
	"strings"
	"testing"

	"tandem/web"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

var modules = []*web.Module{rewrite.Module, content}

// content answers with the path and the root, in the content phase.
var content = &web.Module{Name: "content", Init: func(h *web.HTTP) error {
	h.Handle(web.Content, func(r *web.Request) web.Code {
		root, _ := r.MapPath(nil)
		body := append([]byte("content "), root...)
		r.Response.Status = 200
		r.Response.ContentLength = int64(len(body))
		if code := r.SendHeader(); code != web.OK || r.HeaderOnly {
			return code
		}
		return r.SendBody(web.Chunk{Data: body, Last: true})
	})
	return nil
}}

const head = "events {}\nhttp {\n"

// location answers every path, so that a test shows where a request ended up.
const shows = `location / { return 200 "$uri?$args"; }`

func TestRewrite(t *testing.T) {
	s := webtest.Start(t, head+`server { listen 127.0.0.1:8080; absolute_redirect off; root /;
		rewrite ^/server/(.*) /a/$1;
		location /last/ { rewrite ^/last/(.*)$ /shown/$1 last; return 403; }
		location /break/ { rewrite ^/break/(.*)$ /last/$1 break; return 403; }
		location /plain/ { rewrite ^/plain/(.*)$ /x/$1; rewrite ^/x/(.*)$ /y/$1; }
		location /then/ { rewrite ^ /last/b; break; return 403; }
		location /args { rewrite ^ /shown?b=2; }
		location /drop { rewrite ^ /shown?b=2?; }
		location /dropall { rewrite ^ /shown?; }
		location /capture { rewrite ^/capture/(.*)$ /shown?c=$1?; }
		location /redirect { rewrite ^/redirect/(.*)$ /to/$1 redirect; }
		location /permanent { rewrite ^ /to? permanent; }
		location /url { rewrite ^ http://example.com/$is_args; }
		location /urlargs { rewrite ^ http://example.com/?z permanent; }
		location /escape { rewrite ^/escape/(.*)$ /to/$1? redirect; }
		location /empty { rewrite ^ $nothing; set $nothing ""; }
		location /loop { rewrite ^ /loop; }
		location /named { rewrite ^/named/(?<id>\d+)$ /shown/$id/$1 last; }
		location /inside { internal; return 200 "inside $uri"; }
		location /toinside { rewrite ^ /inside last; }
		`+shows+` } }`, modules, nil)
	for _, c := range []struct{ path, want string }{
		{"/server/q", "/a/q?"},
		{"/last/x?a=1", "/shown/x?a=1"},
		{"/break/x?a=1", "content /last/x"},
		{"/plain/x", "/y/x?"},
		{"/args?a=1", "/shown?b=2&a=1"},
		{"/args", "/shown?b=2"},
		{"/drop?a=1", "/shown?b=2"},
		{"/dropall?a=1", "/shown?"},
		{"/capture/a%26b+c", "/shown?c=a%26b%2Bc"},
		{"/capture/a&b", "/shown?c=a&b"},
		{"/redirect/a%3fb%20c?d", "302 /to/a?b%20c?d"},
		{"/redirect/x?d", "302 /to/x?d"},
		{"/permanent?d", "301 /to"},
		{"/url?a", "302 http://example.com/??a"},
		{"/urlargs?a", "301 http://example.com/?z&a"},
		{"/escape/%d0%b0%25", "302 /to/%D0%B0%25"},
		{"/empty", "500"},
		{"/loop", "500"},
		{"/named/12", "/shown/12/12?"},
		{"/named/x", "content /named/x"},
		{"/inside", "404"},
		{"/toinside", "inside /inside"},
		{"/then/", "content /last/b"},
	} {
		a := s.Get(t, c.path)
		got := a.Body
		switch {
		case a.Status == 301, a.Status == 302:
			got = a.Raw[9:12] + " " + a.Header.Get("Location")
		case a.Status != 200:
			got = a.Raw[9:12]
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.path, got, c.want)
		}
	}
}

func TestReturn(t *testing.T) {
	s := webtest.Start(t, head+`server { listen 127.0.0.1:8080; server_name named; absolute_redirect off; default_type text/x;
		error_page 404 /missing; location /missing { return 200 "the page"; }
		location /text { return 200 "text $arg_a"; }
		location /none { return 200; }
		location /type.html { return 200 x; }
		location /nocontent { return 204; }
		location /bare404 { return 404; }
		location /text404 { return 404 "own"; }
		location /url { return http://example.com/$uri; }
		location /see { return 303 /other?$args; }
		location /void { return 301 ""; }
		location /close { return 444; }
		location /odd { return 599 odd; }
	} }`, modules, nil)
	for _, c := range []struct {
		path       string
		status     int
		location   string
		typ, body  string
		noLocation bool
	}{
		{path: "/text?a=b", status: 200, typ: "text/x", body: "text b"},
		{path: "/none", status: 200, typ: "text/x"},
		{path: "/type.html", status: 200, typ: "text/html", body: "x"},
		{path: "/nocontent", status: 204},
		{path: "/bare404", status: 404, typ: "text/x", body: "the page"},
		{path: "/text404", status: 404, typ: "text/x", body: "own"},
		{path: "/url", status: 302, location: "http://example.com//url", typ: "text/html"},
		{path: "/see?q", status: 303, location: "/other?q", typ: "text/html"},
		{path: "/odd", status: 599, typ: "text/x", body: "odd"},
	} {
		a := s.Get(t, c.path)
		if c.typ == "text/html" && c.body == "" {
			a.Body = ""
		}
		if a.Status != c.status || a.Header.Get("Location") != c.location || a.Header.Get("Content-Type") != c.typ || a.Body != c.body {
			t.Errorf("%s: %d %q %q %q", c.path, a.Status, a.Header.Get("Location"), a.Header.Get("Content-Type"), a.Body)
		}
	}
	if a := s.Get(t, "/void"); a.Status != 301 || !strings.Contains(a.Raw, "Location: \r\n") {
		t.Errorf("/void: %q", a.Raw)
	}
	if raw := s.Raw(t, "GET /close HTTP/1.1\r\nHost: a\r\n\r\n"); raw != "" {
		t.Errorf("/close: %q, want the connection closed without an answer", raw)
	}
}

func TestIf(t *testing.T) {
	s := webtest.Start(t, head+`server { listen 127.0.0.1:8080; root `+"/"+`;
		set $s server; if ($arg_early) { set $s early; }
		location /truth { if ($arg_a) { return 200 yes; } return 200 no; }
		location /equal { if ($arg_a = "x y") { return 200 yes; } return 200 no; }
		location /notequal { if ( $arg_a != $arg_b ) { return 200 yes; } return 200 no; }
		location /match { if ($arg_a ~ ^(\w+)-(?<tail>.*)$) { return 200 "$1 $tail"; } return 200 "no [$1$tail]"; }
		location /caseless { if ($arg_a ~* ABC) { return 200 yes; } return 200 no; }
		location /nomatch { if ($arg_a !~* ABC) { return 200 yes; } return 200 no; }
		location /file { if (-f $document_root$arg_f) { return 200 file; } if (-d $arg_f) { return 200 dir; }
			if (!-e $arg_f) { return 200 absent; } if (-x $arg_f) { return 200 x; } return 200 other; }
		location /settings { root /a; if ($arg_a) { root /b; } if ($arg_b) { root /c; set $s c; } return 200 "$s $document_root"; }
		location /breaks { root /a; if ($arg_a) { root /b; break; } if ($arg_b) { root /c; } }
	} }`, modules, map[string]string{"file": "x"})
	for _, c := range []struct{ path, want string }{
		{"/truth?a=1", "yes"}, {"/truth?a=0", "no"}, {"/truth?a=", "no"}, {"/truth", "no"}, {"/truth?a=00", "yes"},
		{"/equal?a=x", "no"},
		{"/notequal?a=x&b=x", "no"}, {"/notequal?a=x&b=y", "yes"}, {"/notequal", "no"},
		{"/match?a=ab-cd", "ab cd"}, {"/match?a=ab", "no []"},
		{"/caseless?a=xabcx", "yes"}, {"/caseless?a=ab", "no"},
		{"/nomatch?a=xAbCx", "no"}, {"/nomatch?a=ab", "yes"}, {"/nomatch", "yes"},
		{"/file?f=" + s.Dir + "/file", "file"}, {"/file?f=" + s.Dir, "dir"}, {"/file?f=" + s.Dir + "/none", "absent"},
		{"/file?f=" + s.Dir + "/file/below", "absent"},
		{"/settings", "server /a"}, {"/settings?early=1", "early /a"}, {"/settings?b=1", "c /c"},
		{"/settings?a=1", "server /b"}, {"/settings?a=1&b=1", "c /c"},
		{"/breaks?a=1&b=1", "content /b/breaks"}, {"/breaks?b=1", "content /c/breaks"},
	} {
		if got := s.Get(t, c.path).Body; got != c.want {
			t.Errorf("%s: %q, want %q", c.path, got, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ conf, want string }{
		{`rewrite ^ "";`, `empty replacement`},
		{`rewrite ^ /a sometimes;`, `invalid parameter "sometimes"`},
		{`rewrite ^ $;`, `invalid variable name`},
		{`rewrite ^ ${a;`, `the closing bracket in "a" variable is missing`},
		{`return 1000;`, `invalid return code "1000"`},
		{`return x;`, `invalid return code "x"`},
		{`return http://a b;`, `invalid return code "http://a"`},
		{`set a b;`, `invalid variable name "a"`},
		{`set $host b;`, `the duplicate "host" variable`},
		{`set $a $b;`, `unknown "b" variable`},
		{`if $a { }`, `invalid condition "$a"`},
		{`if ($a { }`, `invalid condition "$a"`},
		{`if () { }`, `invalid condition ")"`},
		{`if (a) { }`, `invalid condition "a"`},
		{`if ($uri = ) { }`, `invalid condition "$uri"`},
		{`if ($uri == a) { }`, `unexpected "==" in condition`},
		{`if ($uri = a b) { }`, `invalid condition "$uri"`},
		{`if (-f) { }`, `invalid condition "-f"`},
		{`if (-q a) { }`, `invalid condition "-q"`},
		{`if ($nosuch) { }`, `unknown "nosuch" variable`},
		{`if ($uri) { if ($uri) { } }`, `"if" directive is not allowed here`},
		{`if ($uri) { listen 80; }`, `"listen" directive is not allowed here`},
	} {
		_, _, errs := webtest.Load(t.TempDir(), head+"server {\nlocation / { "+c.conf+" } } }", modules)
		if len(errs) == 0 || errs[0].Msg != c.want {
			t.Errorf("%s: %v, want %s", c.conf, errs, c.want)
		}
	}
}

// nginx writes a Location that it completes before Connection, and any other one behind it.
func TestPlaceOfLocation(t *testing.T) {
	webtest.OnHTTP1(t, "where Connection stands among the fields")
	s := webtest.Start(t, head+`server { listen 127.0.0.1:8080;
		location /path { return 301 /x; }
		location /whole { return 301 http://example.com/x; } } }`, modules, nil)
	for path, completed := range map[string]bool{"/path": true, "/whole": false} {
		if a := s.Get(t, path); strings.Index(a.Raw, "Location:") < strings.Index(a.Raw, "Connection:") != completed {
			t.Errorf("%s: %s", path, a.Raw)
		}
	}
}

// A misspelt variable is one mistake, however often it is used.
func TestUnknownVariableIsReportedOnce(t *testing.T) {
	_, _, errs := webtest.Load(t.TempDir(), head+"server {\nset $a $typo$typo;\nset $b $typo; set $c $typo;\nlocation / { return 200 $typo; } } }", modules)
	if len(errs) != 1 || !strings.HasSuffix(errs[0].Error(), ":4 (also at lines 5, 6)") {
		t.Errorf("%v", errs)
	}
}

func TestExpressionsMeanWhatTheyMeanInNginx(t *testing.T) {
	s := webtest.Start(t, head+`server { listen 127.0.0.1:8080;
		location ~ \.php$ { return 200 php; }
		location ~ ^/(?=(a+)+$)x { return 200 never; }
		location /look { rewrite ^/look/(?!admin)(.+)$ /shown/$1 last; return 403; }
		location /if { if ($arg_a ~ ^(?=(a+)+$)) { return 200 no; } return 200 other; }
		location /group { if ($arg_a ~ (?<g>x)?) { return 200 "[$g]"; } }
		`+shows+`
	} }`, modules, nil)
	for _, c := range []struct {
		path   string
		status int
		body   string
	}{
		{"/x.php", 200, "php"}, {"/x.php%0a", 200, "php"}, {"/x.php%0a%0a", 200, "/x.php\n\n?"},
		{"/look/user", 200, "/shown/user?"}, {"/look/admin", 403, ""},
		{"/group", 200, "[]"}, {"/group?a=x", 200, "[x]"},
		{"/" + strings.Repeat("a", 64) + "b", 500, ""}, {"/if?a=" + strings.Repeat("a", 64) + "b", 500, ""},
	} {
		a := s.Get(t, c.path)
		if a.Status != c.status || c.body != "" && a.Body != c.body {
			t.Errorf("%s: %d %q, want %d %q", c.path, a.Status, a.Body, c.status, c.body)
		}
	}
}
