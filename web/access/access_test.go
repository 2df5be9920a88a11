package access_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	nc "tandem/nginxconf"
	rules "tandem/session/access"
	"tandem/web"
	"tandem/web/access"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

// say answers with a template in the content phase, after the access handlers.
var say = &web.Module{
	Name: "say",
	Commands: []nc.Command{{Name: "say", In: nc.Server | nc.Location, Arity: nc.Take1, Set: func(s *nc.Scope, d *nc.Directive) error {
		b := web.BlockOf(s)
		t, err := b.HTTP.Template(d, d.Args[0])
		b.Location.Handler = func(r *web.Request) web.Code { return r.SendResponse(200, nil, t) }
		return err
	}}},
}

var modules = []*web.Module{rewrite.Module, web.Shared(rules.Module(web.SatisfiedByAny)), access.AuthBasic, access.AuthRequest, access.Referer, access.SecureLink, say}

const head = "events {}\nhttp {\n"

func TestRules(t *testing.T) {
	s := webtest.Start(t, head+`server { listen 127.0.0.1:8080; deny 192.0.2.0/24;
		location /inherited { say ok; }
		location /denied { deny 127.0.0.1; say ok; }
		location /first { allow 127.0.0.0/8; deny all; say ok; }
		location /all { deny all; say ok; location /all/but { allow all; say ok; } }
		location /others { allow unix:; deny ::/0; deny 10.0.0.0/8; say ok; }
		location /methods { limit_except GET { deny all; } say ok; }
	} }`, modules, nil)
	for path, want := range map[string]int{"/inherited": 200, "/denied": 403, "/first": 200, "/all": 403, "/all/but": 200, "/others": 200, "/methods": 200} {
		if got := s.Get(t, path).Status; got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	if got := s.Do(t, "DELETE", "/methods").Status; got != 403 {
		t.Errorf("DELETE /methods: %d, want 403", got)
	}
}

func credentials(userAndPassword string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(userAndPassword))
}

func TestAuthBasic(t *testing.T) {
	s := webtest.Start(t, head+`server { listen 127.0.0.1:8080;
		auth_basic "closed $arg_r"; auth_basic_user_file users;
		location / { say "$remote_user"; }
		location /off { auth_basic off; say ok; }
		location /var { auth_basic_user_file $arg_f; say ok; }
		location /none { auth_basic_user_file nosuch; say ok; }
		location /folder { auth_basic_user_file .; say ok; }
	} }`, modules, map[string]string{
		"users": "# comment\nplain:{PLAIN}secret\nmd5:$1$s$86LMLBF75kT8k49Mbjn6l0:a comment\r\nempty:\nodd:{MD9}x\nplain:{PLAIN}second\n\nlast:{PLAIN}line",
		"other": "plain:{PLAIN}other\n",
	})
	for _, c := range []struct {
		path, header string
		want         int
	}{
		{"/", "X: y", 401}, {"/", credentials("plain:secret"), 200}, {"/", credentials("plain:second"), 401}, {"/", credentials("md5:password"), 200},
		{"/", credentials("md5:wrong"), 401}, {"/", credentials("nobody:secret"), 401}, {"/", credentials("empty:"), 401}, {"/", credentials("odd:x"), 401},
		{"/", credentials("last:line"), 200}, {"/", credentials("plain"), 401}, {"/", credentials(":secret"), 401}, {"/", credentials("# comment:"), 401},
		{"/off", "X: y", 200},
		{"/var?f=users", credentials("plain:secret"), 200}, {"/var?f=other", credentials("plain:secret"), 401}, {"/var?f=" + s.Dir + "/other", credentials("plain:other"), 200},
		{"/none", credentials("plain:secret"), 403}, {"/none", "X: y", 401}, {"/folder", credentials("plain:secret"), 500},
	} {
		a := s.Get(t, c.path, c.header)
		if a.Status != c.want {
			t.Errorf("%s, %s: %d, want %d", c.path, c.header, a.Status, c.want)
		}
		if a.Status == 401 && !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), `Basic realm="closed `) {
			t.Errorf("%s: asks with %q", c.path, a.Header.Get("WWW-Authenticate"))
		}
	}
	if got := s.Get(t, "/?r=now").Header.Get("WWW-Authenticate"); got != `Basic realm="closed now"` {
		t.Errorf("asks with %q", got)
	}
	s.Write(t, "users", "plain:{PLAIN}changed\n")
	if got := s.Get(t, "/", credentials("plain:changed")).Status; got != 200 {
		t.Errorf("a changed file is not read again: %d", got)
	}
	s.Write(t, "new", "plain:{PLAIN}nextone\n")
	if err := os.Rename(filepath.Join(s.Dir, "new"), filepath.Join(s.Dir, "users")); err != nil {
		t.Fatal(err)
	}
	if got := s.Get(t, "/", credentials("plain:nextone")).Status; got != 200 {
		t.Errorf("a replaced file is not read again: %d", got)
	}
}

func TestSatisfyAndDelay(t *testing.T) {
	s := webtest.Start(t, head+`server { listen 127.0.0.1:8080;
		auth_basic closed; auth_basic_user_file users;
		location /any/ok { satisfy any; allow 127.0.0.1; say ok; }
		location /any/no { satisfy any; deny all; say ok; }
		location /all { satisfy all; allow 127.0.0.1; say ok; }
		location /both { satisfy all; deny all; say ok; }
		location /slow { auth_delay 300ms; say ok; }
	} }`, modules, map[string]string{"users": "u:{PLAIN}p"})
	for _, c := range []struct {
		path, header string
		want         int
	}{
		{"/any/ok", "X: y", 200}, {"/any/no", "X: y", 401}, {"/any/no", credentials("u:p"), 200}, {"/all", "X: y", 401}, {"/all", credentials("u:p"), 200},
		{"/both", credentials("u:p"), 403}, {"/slow", credentials("u:p"), 200},
	} {
		a := s.Get(t, c.path, c.header)
		if a.Status != c.want || (a.Header.Get("WWW-Authenticate") != "") != (c.want == 401) {
			t.Errorf("%s, %s: %d %q, want %d", c.path, c.header, a.Status, a.Header.Get("WWW-Authenticate"), c.want)
		}
	}
	begin := time.Now()
	if a := s.Get(t, "/slow"); a.Status != 401 || time.Since(begin) < 300*time.Millisecond {
		t.Errorf("%d after %v, want 401 after auth_delay", a.Status, time.Since(begin))
	}
}

func TestAuthRequest(t *testing.T) {
	s := webtest.Start(t, head+`server { listen 127.0.0.1:8080;
		location /ok { auth_request /judge/204; auth_request_set $who $arg_who; auth_request_set $judge "$uri:$request_method"; say "$who $judge"; }
		location /refused { auth_request /judge/403; say ok; }
		location /unauthorized { auth_request /judge/401; say ok; }
		location /broken { auth_request /judge/500; say ok; }
		location /redirect { auth_request /judge/302; say ok; }
		location /nested { auth_request /judge/204; location /nested/off { auth_request off; say ok; } location /nested/on { auth_request /judge/403; say ok; } say ok; }
		location /judge/204 { internal; return 204; }
		location /judge/403 { return 403; }
		location /judge/500 { return 500; }
		location /judge/302 { return 302 /; }
		location /judge/401 { auth_basic realm; auth_basic_user_file users; deny all; say ok; }
	} }`, modules, map[string]string{"users": ""})
	for _, c := range []struct {
		path string
		want int
	}{{"/ok", 200}, {"/refused", 403}, {"/broken", 500}, {"/redirect", 500}, {"/nested", 200}, {"/nested/off", 200}, {"/nested/on", 403}} {
		if got := s.Get(t, c.path).Status; got != c.want {
			t.Errorf("%s: %d, want %d", c.path, got, c.want)
		}
	}
	if got := s.Do(t, "POST", "/ok?who=me", "Content-Length: 0").Body; got != " /judge/204:POST" {
		t.Errorf("variables of the subrequest: %q", got)
	}
	raw := s.Raw(t, "POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbodyGET /refused HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if strings.Count(raw, "HTTP/1.1 ") != 2 || !strings.Contains(raw, "HTTP/1.1 403") {
		t.Errorf("a request with a body: %q", raw)
	}
}

func TestReferer(t *testing.T) {
	s := webtest.Start(t, head+`server { listen 127.0.0.1:8080; server_name self.example ~^re\d+\.example$;
		location /list { valid_referers none blocked www.example.com/path *.wild.example .both.example ~tail$ server_names; return 200 "[$invalid_referer]"; }
		location /strict { valid_referers example.com; return 200 "[$invalid_referer]"; }
		location /unset { return 200 "[$invalid_referer]"; }
	} }`, modules, nil)
	for _, c := range []struct{ path, referer, want string }{
		{"/unset", "http://anything.example/", "[]"},
		{"/list", "", "[]"}, {"/strict", "", "[1]"},
		{"/list", "garbage", "[]"}, {"/strict", "garbage", "[1]"}, {"/strict", "http://a.b", "[1]"},
		{"/list", "http://www.example.com/path/x", "[]"}, {"/list", "http://www.example.com/other", "[1]"}, {"/list", "https://WWW.example.com:8080/path", "[]"},
		{"/list", "http://www.example.com", "[1]"}, {"/list", "http://a.wild.example/", "[]"}, {"/list", "http://wild.example/", "[1]"},
		{"/list", "http://both.example", "[]"}, {"/list", "http://x.both.example/y", "[]"}, {"/list", "http://other.example/tail", "[]"},
		{"/list", "http://other.example/TAIL", "[]"}, {"/list", "http://other.example/tailx", "[1]"},
		{"/list", "http://self.example/", "[]"}, {"/list", "http://re12.example:1/x", "[]"}, {"/list", "http://other.example/", "[1]"},
		{"/list", "http://" + strings.Repeat("a", 300) + "/tail", "[1]"},
	} {
		header := "X: y"
		if c.referer != "" {
			header = "Referer: " + c.referer
		}
		if got := s.Get(t, c.path, header).Body; got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.path, header, got, c.want)
		}
	}
}

func TestSecureLink(t *testing.T) {
	s := webtest.Start(t, head+`server { listen 127.0.0.1:8080;
		location /new { secure_link $arg_h; secure_link_md5 "secret$arg_p"; return 200 "[$secure_link$secure_link_expires]"; }
		location /old { secure_link_secret word; if ($secure_link = "") { return 403; } return 200 $secure_link; }
		location /unset { return 200 "[$secure_link]"; }
	} }`, modules, nil)
	// printf secretx | openssl md5 -binary | openssl base64
	const hash, other = "rCsQ2Ycbj-nQhrdlInn_eQ", "xCsQ2Ycbj-nQhrdlInn_eQ"
	for _, c := range []struct{ path, want string }{
		{"/unset", "[]"},
		{"/new?p=x&h=" + hash, "[1]"}, {"/new?p=x&h=" + hash + "==", "[1]"}, {"/new?p=y&h=" + hash, "[]"}, {"/new?p=x&h=" + other, "[]"}, {"/new?p=x", "[]"},
		{"/new?p=x&h=" + hash + ",2147483647", "[12147483647]"}, {"/new?p=x&h=" + hash + ",1", "[01]"}, {"/new?p=x&h=" + hash + ",x", "[]"},
		{"/new?p=x&h=" + hash + ",0", "[]"}, {"/new?p=x&h=" + hash + "AA", "[]"},
		// printf fileword | md5sum
		{"/old/2f8e1e5d0c3e6ff8bf66c2ef8ed91d3e/file", "403"}, {"/old/" + oldHash + "/file", "file"}, {"/old/" + oldHash + "/File", "403"}, {"/old/" + oldHash + "/", "403"}, {"/old", "403"},
	} {
		a := s.Get(t, c.path)
		if a.Status != 200 {
			a.Body = fmt.Sprint(a.Status)
		}
		if a.Body != c.want {
			t.Errorf("%s: %q, want %q", c.path, a.Body, c.want)
		}
	}
}

const oldHash = "8f4571e25aecf13317adc14948a5f131"

func TestErrors(t *testing.T) {
	for _, c := range []struct{ conf, want string }{
		{`allow x;`, `invalid parameter "x"`},
		{`deny 10.0.0.0/33;`, `invalid parameter "10.0.0.0/33"`},
		{`deny 10.0.0.1/8;`, `low address bits of 10.0.0.1/8 are meaningless`},
		{`auth_basic a; auth_basic b;`, `"auth_basic" directive is duplicate`},
		{`auth_basic_user_file a; auth_basic_user_file b;`, `"auth_basic_user_file" directive is duplicate`},
		{`auth_request a; auth_request off;`, `"auth_request" directive is duplicate`},
		{`auth_request_set a b;`, `invalid variable name "a"`},
		{`valid_referers none;`, `the "none" or "blocked" referers are specified in the "valid_referers" directive without any valid referer`},
		{`valid_referers "";`, `invalid referer ""`},
		{`valid_referers ~;`, `empty regex in "~"`},
		{`valid_referers a a;`, `conflicting parameter "a"`},
		{`valid_referers *a;`, `invalid hostname or wildcard "*a"`},
		{`secure_link_secret a; secure_link b;`, `"secure_link_secret" cannot be mixed with "secure_link" and "secure_link_md5"`},
		{`secure_link a; secure_link b;`, `"secure_link" directive is duplicate`},
	} {
		_, _, errs := webtest.Load(t.TempDir(), head+"server {\nlocation / { "+c.conf+" } } }", modules)
		if len(errs) != 1 || errs[0].Msg != c.want {
			t.Errorf("%s: %v, want %s", c.conf, errs, c.want)
		}
	}
}
