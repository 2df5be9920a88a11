package accesslog_test

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tandem/session/accesslog"
	"tandem/web"
	"tandem/web/webtest"
)

func TestAccessLog(t *testing.T) {
	s := webtest.Start(t, `events {}
http {
	log_format plain "$status|$uri|$http_x|$arg_none";
	log_format js escape=json '{"x":"$http_x","none":"$arg_none"}';
	log_format none escape=none "$http_x";
	access_log combined.log;
	server { listen 127.0.0.1:8080;
		location /plain { access_log plain.log plain; }
		location /js { access_log js.log js; access_log none.log none; }
		location /off { access_log off; }
		location /if { access_log if.log plain if=$arg_log; }
	}
}`, []*web.Module{web.Shared(accesslog.Module(accesslog.Combined, web.AppendRoot))}, nil)
	s.Get(t, "/plain", `X: a"b\`+"\xe9")
	s.Get(t, "/js", `X: a"b\`+"\tc")
	s.Get(t, "/off")
	s.Get(t, "/if")
	s.Get(t, "/if?log=0")
	s.Get(t, "/if?log=1")
	s.Get(t, "/c", "User-Agent: ua", "Authorization: Basic bWU6cHc=")
	for name, want := range map[string]string{
		"plain.log": `404|/plain|a\x22b\x5C\xE9|-` + "\n",
		"js.log":    `{"x":"a\"b\\\tc","none":""}` + "\n",
		"none.log":  "a\"b\\\tc\n",
		"if.log":    "404|/if|-|-\n",
	} {
		if got, _ := os.ReadFile(filepath.Join(s.Dir, name)); string(got) != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	got, _ := os.ReadFile(filepath.Join(s.Dir, "combined.log"))
	re := regexp.MustCompile(`^127\.0\.0\.1 - me \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET /c HTTP/(1\.1|2\.0)" 404 \d+ "-" "ua"\n$`)
	if !re.Match(got) {
		t.Errorf("combined.log: %q", got)
	}
}

// Names with variables: the file is made for each name, if the folder of root
// exists; a name that leads back up is not used.
func TestVariablesInName(t *testing.T) {
	s := webtest.Start(t, `events {}
http {
	log_format plain "$uri";
	open_log_file_cache max=2;
	server { listen 127.0.0.1:8080;
		access_log logs/$arg_name.log plain;
		location /nowhere { root missing; }
		location /uncached { open_log_file_cache off; }
		root here;
	}
}`, []*web.Module{web.Shared(accesslog.Module(accesslog.Combined, web.AppendRoot))}, map[string]string{"here/file": "", "logs/in/file": ""})
	s.Get(t, "/a?name=one")
	s.Get(t, "/b?name=two")
	s.Get(t, "/nowhere?name=one")
	s.Get(t, "/up?name=in/../one")
	s.Get(t, "/uncached?name=one")
	s.Get(t, "/last?name=last")
	s.Logs.Flush(10 * time.Second)
	for name, want := range map[string]string{"one.log": "/a\n/uncached\n", "two.log": "/b\n", "last.log": "/last\n"} {
		if got, _ := os.ReadFile(filepath.Join(s.Dir, "logs", name)); string(got) != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	files, _ := os.ReadDir(filepath.Join(s.Dir, "logs"))
	if len(files) != 4 {
		t.Errorf("files: %v", files)
	}
}

func TestErrors(t *testing.T) {
	for conf, want := range map[string]string{
		`access_log a.log nope;`:                      `unknown log format "nope" in`,
		`log_format combined "x";`:                    `duplicate "log_format" name "combined" in`,
		`log_format a escape=html "x";`:               `unknown log format escaping "html" in`,
		`log_format a "$nope_at_all";`:                `unknown "nope_at_all" variable in`,
		`log_format a "$slice_range";`:                `the "slice_range" variable is one of nginx that tandem does not support yet in`,
		`access_log a.log combined buffer=0;`:         `invalid buffer size "0" in`,
		`access_log a.log combined flush=1s;`:         `no buffer is defined for access_log "a.log" in`,
		`access_log a.log combined flush=x;`:          `invalid flush time "x" in`,
		`access_log a$uri combined gzip;`:             `buffered logs cannot have variables in name in`,
		`access_log syslog:server=::1 combined gzip;`: `logs to syslog cannot be buffered in`,
		`open_log_file_cache inactive=1s;`:            `"open_log_file_cache" must have "max" parameter in`,
		`open_log_file_cache max=x;`:                  `invalid "open_log_file_cache" parameter "max=x" in`,
		`open_log_file_cache max=1 on;`:               `invalid "open_log_file_cache" parameter "on" in`,
		`access_log off combined;`:                    `invalid parameter "combined" in`,
		`access_log a.log combined gzip=11;`:          `invalid compression level "11" in`,
		`access_log a.log combined if;`:               `invalid parameter "if" in`,
		`access_log a.log combined if=$nonsuch_x;`:    `unknown "nonsuch_x" variable in`,
	} {
		_, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp {\n"+conf+"\n}\n", []*web.Module{web.Shared(accesslog.Module(accesslog.Combined, web.AppendRoot))})
		if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), want) || errs[0].Pos.Line != 3 {
			t.Errorf("%s: %v", conf, errs)
		}
	}
}

// A request whose head does not come to its end is logged, as far as it came.
func TestNoHead(t *testing.T) {
	s := webtest.Start(t, `events {}
http {
	log_format plain "$status|$request|$http_x";
	access_log plain.log plain;
	server { listen 127.0.0.1:8080; client_header_timeout 200ms; }
}`, []*web.Module{web.Shared(accesslog.Module(accesslog.Combined, web.AppendRoot))}, nil)
	s.Raw(t, "GET / HTT")
	s.Raw(t, "GET /x?y HTTP/1.1\r\nX: a\r\nHo")
	c := s.Dial(t)
	if _, err := io.WriteString(c, "POST /left HTTP/1.1\r\nX"); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	_ = s.Dial(t).Close() // sends nothing: no request
	want := "408|GET / HTT|-\n408|GET /x?y HTTP/1.1|a\n400|POST /left HTTP/1.1|-\n"
	var got []byte
	for until := time.Now().Add(10 * time.Second); len(got) < len(want) && time.Now().Before(until); time.Sleep(time.Millisecond) {
		got, _ = os.ReadFile(filepath.Join(s.Dir, "plain.log"))
	}
	if string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, reason := range []string{"client timed out (110: Connection timed out) while reading client request line", "client timed out (110: Connection timed out) while reading client request headers",
		"client prematurely closed connection while reading client request headers"} {
		if !strings.Contains(s.Log(), reason) {
			t.Errorf("the error log does not say %q", reason)
		}
	}
}
