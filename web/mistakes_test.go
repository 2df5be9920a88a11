package web_test

import (
	"strings"
	"testing"

	"tandem/web/webtest"
)

// mistakes are what may stand in a server block, with nginx's message about it, ""
// for none.
var mistakes = []struct{ server, message string }{
	// location
	{"location / { } location / { }", `duplicate location "/"`},
	{"location = /a { } location = /a { }", `duplicate location "/a"`},
	{"location /a { } location ^~ /a { }", `duplicate location "/a"`},
	{"location @a { } location @a { }", ""},
	{"location ~ a { } location ~ a { }", ""},
	{"location = /a { } location /a { }", ""},
	{"location ! /a { }", `invalid location modifier "!"`},
	{"location = /a { location /a/b { } }", `location "/a/b" cannot be inside the exact location "/a"`},
	{"location @a { location /b { } }", `location "/b" cannot be inside the named location "@a"`},
	{"location /a { location @b { } }", `named location "@b" can be on the server level only`},
	{"location /a { location /b { } }", `location "/b" is outside location "/a"`},
	{"location /a { location ~ b { } }", ""},
	{"location ~ a { location /b { } }", `location "/b" is outside location "a"`},
	{"location ~ /a { location /a/b { } }", ""},
	// error_page
	{"error_page 200 /a;", `value "200" must be between 300 and 599`},
	{"error_page 600 /a;", `value "600" must be between 300 and 599`},
	{"error_page 499 /a;", `invalid value "499"`},
	{"error_page x /a;", `invalid value "x"`},
	{"error_page 404 =x /a;", `invalid value "=x"`},
	// limit_except
	{"location / { limit_except TRACE { } }", `invalid method "TRACE"`},
	{"location / { limit_except get { } }", ""},
	{"location / { limit_except GOT { } }", `invalid method "GOT"`},
	{"location / { limit_except GET { } limit_except GET { } }", `"limit_except" directive is duplicate`},
	// root and alias
	{"root a; root b;", `"root" directive is duplicate`},
	{"location / { alias a; root b; }", `"root" directive is duplicate, "alias" directive was specified earlier`},
	{"location / { root a; alias b; }", `"alias" directive is duplicate, "root" directive was specified earlier`},
	{"location @a { alias b; }", `the "alias" directive cannot be used inside the named location`},
	{"root $document_root/a;", `the $document_root variable cannot be used in the "root" directive`},
	{"location / { alias ${realpath_root}; }", `the $realpath_root variable cannot be used in the "alias" directive`},
	// others of the core
	{"location / { internal; internal; }", `"internal" directive is duplicate`},
	{"keepalive_timeout x;", `"keepalive_timeout" directive invalid value`},
	{"keepalive_timeout 1 x;", `"keepalive_timeout" directive invalid value`},
	{"keepalive_timeout 1; keepalive_timeout 1;", `"keepalive_timeout" directive is duplicate`},
	{"keepalive_disable opera;", `invalid value "opera"`},
	{"satisfy some;", `invalid value "some"`},
	{"lingering_close maybe;", `invalid value "maybe"`},
	{"client_max_body_size x;", `"client_max_body_size" directive invalid value`},
	{"large_client_header_buffers 4 128;", `the "large_client_header_buffers" size must be equal to or greater than "connection_pool_size"`},
	{"disable_symlinks off from=/;", `"from=" cannot be used with "off" parameter`},
	{"disable_symlinks from=/;", `"disable_symlinks" must have "off", "on" or "if_not_owner" parameter`},
	{"disable_symlinks on off;", `duplicate parameters "on off"`},
	{"disable_symlinks from=/ if_not_owner;", ""},
	{"disable_symlinks maybe;", `invalid parameter "maybe"`},
	{"disable_symlinks on; disable_symlinks off;", `"disable_symlinks" directive is duplicate`},
	{"open_file_cache inactive=5;", `"open_file_cache" must have the "max" parameter`},
	{"open_file_cache max=0;", `invalid "open_file_cache" parameter "max=0"`},
	{"open_file_cache max=1 inactive=x;", `invalid "open_file_cache" parameter "inactive=x"`},
	{"open_file_cache most=1;", `invalid "open_file_cache" parameter "most=1"`},
	{"open_file_cache off; open_file_cache max=1;", `"open_file_cache" directive is duplicate`},
	{"types { a/b b; c/d b; }", `duplicate extension "b", content type: "c/d", previous content type: "a/b"`},
	{"types { a/b { } }", `unexpected "{"`},
}

// here is what a configuration with that server comes to.
func here(t *testing.T, server string) (said string, refused bool) {
	t.Helper()
	_, _, errs := webtest.Load(t.TempDir(), header+"server { listen 127.0.0.1:18080; "+server+" } }", nil)
	list := make([]string, len(errs))
	for i, err := range errs {
		list[i] = err.Msg
	}
	return strings.Join(list, "|"), errs.Failed()
}

func TestMistakes(t *testing.T) {
	for _, c := range mistakes {
		said, refused := here(t, c.server)
		if said != c.message || refused != (c.message != "" && !strings.HasPrefix(c.message, "duplicate extension")) {
			t.Errorf("%s:\n%s (refused: %v), want\n%s", c.server, said, refused, c.message)
		}
	}
}

// nginx says the same.
func TestMistakesOfNginx(t *testing.T) {
	for _, c := range mistakes {
		if said := webtest.NginxSays(t, "server { listen 127.0.0.1:18080; "+c.server+" }"); said != c.message {
			t.Errorf("%s: nginx says\n%s, not\n%s", c.server, said, c.message)
		}
	}
}
