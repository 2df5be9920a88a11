package accesslog_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"tandem/session"
	"tandem/session/accesslog"
	"tandem/session/sessiontest"
)

// plain has no format of its own, and asks for no folder.
var plain = accesslog.Module("", nil)

func read(t *testing.T, s *sessiontest.Server, name string) string {
	t.Helper()
	b, err := os.ReadFile(s.Dir + name)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(b)
}

func TestSessionsAreLogged(t *testing.T) {
	s := sessiontest.Start(t, `log_format a "$remote_addr:$remote_port $proxy_protocol_addr"; log_format j escape=json '{"p":"$proxy_protocol_addr"}';
	access_log a.log a;
	server { }
	server { access_log off; }
	server { access_log j.log j; access_log if.log a if=$proxy_protocol_addr; }`, plain)
	for i, peer := range []string{"192.0.2.1:1", "192.0.2.2:2", "192.0.2.3:3"} {
		s.Session(i, s.Client(peer)).Close()
	}
	for name, want := range map[string]string{"a.log": "192.0.2.1:1 -\n", "j.log": `{"p":""}` + "\n", "if.log": ""} {
		if got := read(t, s, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestAFolderIsAskedForOnlyWhereThereIsOne(t *testing.T) {
	text := `log_format a "$remote_port"; server { access_log $remote_addr.log a; }`
	nowhere := func(_ *session.Session, dst []byte) []byte { return append(dst, "/nonexistent"...) }
	for want, module := range map[string]sessiontest.Module{"7\n": plain, "": accesslog.Module("", nowhere)} {
		s := sessiontest.Start(t, text, module)
		s.Session(0, s.Client("192.0.2.1:7")).Close()
		s.Logs.Flush(10 * time.Second)
		if got := read(t, s, "192.0.2.1.log"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWithoutAFormatOfItsOwn(t *testing.T) {
	for text, want := range map[string]string{
		"access_log a.log;":                         `log format is not specified`,
		"access_log a.log buffer=1k;":               `log format is not specified`,
		"access_log a.log combined;":                `unknown log format "combined"`,
		`log_format combined "x"; access_log off;`:  "",
		`log_format a "x"; access_log a.log a;`:     "",
		`log_format a "x"; log_format a "y";`:       `duplicate "log_format" name "a"`,
		`log_format a "$nosuch";`:                   `unknown "nosuch" variable`,
		`log_format a "x"; access_log $nosuch.l a;`: `unknown "nosuch" variable`,
	} {
		_, errs := sessiontest.Load(t, nil, text+" server { }", plain)
		switch {
		case want == "" && len(errs) > 0:
			t.Errorf("%s: %v", text, errs)
		case want != "" && (len(errs) != 1 || !strings.HasPrefix(errs[0].Msg, want)):
			t.Errorf("%s: %v, want %s", text, errs, want)
		}
	}
}

func TestLoggingAllocatesNothing(t *testing.T) {
	s := sessiontest.Start(t, `log_format a "$remote_addr [$time_local] $connection $proxy_protocol_addr"; server { access_log /dev/null a; }`, plain)
	x := s.Session(0, s.Client("192.0.2.1:1"))
	if n := testing.AllocsPerRun(100, x.Close); n > 0 {
		t.Errorf("%v allocations a session", n)
	}
}
