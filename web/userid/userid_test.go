package userid

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tandem/session/accesslog"
	"tandem/session/vars"
	"tandem/web"
	"tandem/web/headers"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

var modules = []*web.Module{rewrite.Module, headers.Module, Module, web.Shared(vars.Map), web.Shared(accesslog.Module(accesslog.Combined, web.AppendRoot))}

func TestCookies(t *testing.T) {
	s := webtest.Start(t, `events {}
http {
	map $args $uid_reset { default 0; reset 1; log log; }
	log_format ids "$uri $uid_got $uid_set";
	server { listen 127.0.0.1:8080; userid on; access_log ids.log ids;
		location / { return 200 x; }
		location /all { userid_name n; userid_domain example.org; userid_path /p; userid_expires max; userid_p3p 'policyref="x"';
			userid_flags secure httponly samesite=lax; return 200 x; }
		location /none { userid_domain none; userid_p3p none; userid_expires off; userid_flags off; return 200 x; }
		location /day { userid_expires 1d; return 200 x; }
		location /mark { userid_mark Z; return 200 x; }
		location /service { userid_service 258; return 200 x; }
		location /v1 { userid v1; return 200 x; }
		location /log { userid log; return 200 x; }
		location /off { userid off; return 200 x; }
	}
}`, modules, nil)
	cookie := func(path string, headers ...string) string {
		return s.Get(t, path, headers...).Header.Get("Set-Cookie")
	}
	for path, want := range map[string]string{
		"/":        `^uid=[A-Za-z0-9+/]{22}==; path=/$`,
		"/all":     `^n=[A-Za-z0-9+/]{22}==; expires=Thu, 31-Dec-37 23:55:55 GMT; domain=example\.org; path=/p; secure; httponly; samesite=lax$`,
		"/none":    `^uid=[A-Za-z0-9+/]{22}==; path=/$`,
		"/day":     `^uid=[A-Za-z0-9+/]{22}==; expires=\w{3}, \d\d-\w{3}-\d\d \d\d:\d\d:\d\d GMT; path=/$`,
		"/mark":    `^uid=[A-Za-z0-9+/]{22}Z=; path=/$`,
		"/service": `^uid=AAABA[A-Za-z0-9+/]{17}==; path=/$`,
		"/v1":      `^uid=AAAAA[A-Za-z0-9+/]{17}==; path=/$`,
		"/log":     `^$`,
		"/off":     `^$`,
	} {
		if got := cookie(path); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s: %q, want %s", path, got, want)
		}
	}
	if p3p := s.Get(t, "/all").Header.Get("P3P"); p3p != `policyref="x"` {
		t.Errorf("P3P %q", p3p)
	}
	one, two := cookie("/"), cookie("/")
	if one == two {
		t.Errorf("%q given twice", one)
	}
	value := strings.TrimSuffix(one, "; path=/")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(value, "uid="))
	if err != nil || raw[0] != 127 || raw[3] != 1 {
		t.Errorf("identity % x %v", raw, err)
	}
	for _, c := range []struct{ path, cookie, want string }{
		{"/", value, ""},
		{"/mark", value, value[:len("uid=")+22] + "Z=; path=/"},
		{"/mark", value[:len("uid=")+22] + "Z=", ""},
		{"/?reset", value, "new"},
		{"/?log", value, "new"},
		{"/", "uid=short", "new"},
		{"/", "uid=" + strings.Repeat("!", 24), "new"},
	} {
		got := cookie(c.path, "Cookie: a=b; "+c.cookie)
		if c.want == "new" && got != "" && !strings.HasPrefix(got, value) {
			continue
		}
		if got != c.want {
			t.Errorf("%s with %s: %q, want %q", c.path, c.cookie, got, c.want)
		}
	}
	s.Get(t, "/log", "Cookie: "+value)
	log, _ := os.ReadFile(filepath.Join(s.Dir, "ids.log"))
	if !regexp.MustCompile(`(?m)^/log uid=[0-9A-F]{32} -$`).Match(log) || !regexp.MustCompile(`(?m)^/ - uid=[0-9A-F]{32}$`).Match(log) || !strings.Contains(string(log), "/off - -\n") {
		t.Errorf("log:\n%s", log)
	}
}

func TestCookieTime(t *testing.T) {
	for want, date := range map[string]time.Time{
		"Thu, 31-Dec-37 23:55:55 GMT":   time.Unix(2145916555, 0),
		"Sun, 06-Nov-94 08:49:37 GMT":   time.Unix(784111777, 0),
		"Fri, 01-Jan-2038 00:00:00 GMT": time.Unix(2145916800, 0),
	} {
		if got := string(appendCookieTime(nil, date)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestErrors(t *testing.T) {
	for conf, want := range map[string]string{
		"userid_mark ab;":                     `"userid_mark" directive value must be "off" or a single letter, digit or "=" in`,
		"userid_mark a; userid_mark b;":       `"userid_mark" directive is duplicate in`,
		"userid_expires never;":               `"userid_expires" directive invalid value in`,
		"userid maybe;":                       `invalid value "maybe" in`,
		"userid_flags lax;":                   `invalid value "lax" in`,
		"userid_service x;":                   `"userid_service" directive invalid number in`,
		"userid_expires 1; userid_expires 2;": `"userid_expires" directive is duplicate in`,
	} {
		_, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp {\n"+conf+"\n}\n", modules)
		if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), want) {
			t.Errorf("%s: %v", conf, errs)
		}
	}
}
