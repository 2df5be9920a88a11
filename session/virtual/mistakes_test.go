package virtual_test

import (
	"strings"
	"testing"

	nc "tandem/nginxconf"
	"tandem/web/webtest"
)

// at is a directive that goes with names.
const at = "listen 127.0.0.1:18080; "

// mistakes are what may stand in a server block, with nginx's message about it, ""
// for none.
var mistakes = []struct{ server, message string }{
	{"listen unix:;", `no path in the unix domain socket in "unix:" of the "listen" directive`},
	{"listen unix:/" + long + ";", `too long path in the unix domain socket in "unix:/` + long + `" of the "listen" directive`},
	{"listen [::1;", `invalid host in "[::1" of the "listen" directive`},
	{"listen []:80;", `no host in "[]:80" of the "listen" directive`},
	{"listen [::1]x:80;", `invalid host in "[::1]x:80" of the "listen" directive`},
	{"listen [127.0.0.1]:80;", `invalid IPv6 address in "[127.0.0.1]:80" of the "listen" directive`},
	{"listen [fe80::1%lo]:80;", `invalid IPv6 address in "[fe80::1%lo]:80" of the "listen" directive`},
	{"listen ::1;", `invalid port in "::1" of the "listen" directive`},
	{"listen :80;", `no host in ":80" of the "listen" directive`},
	{"listen a/b:80;", `invalid host in "a/b:80" of the "listen" directive`},
	{"listen 127.0.0.1:;", `invalid port in "127.0.0.1:" of the "listen" directive`},
	{"listen 127.0.0.1:0;", `invalid port in "127.0.0.1:0" of the "listen" directive`},
	{"listen 127.0.0.1:+80;", `invalid port in "127.0.0.1:+80" of the "listen" directive`},
	{"listen 127.0.0.1:65536;", `invalid port in "127.0.0.1:65536" of the "listen" directive`},
	{"listen 127.0.0.1:90-80;", `invalid port range in "127.0.0.1:90-80" of the "listen" directive`},
	{"listen 127.0.0.1:90-;", `invalid port in "127.0.0.1:90-" of the "listen" directive`},
	{"listen 90-80;", `invalid port range in "90-80" of the "listen" directive`},
	{"listen 0;", `invalid port in "0" of the "listen" directive`},
	{"listen x..y:80;", `host not found in "x..y:80" of the "listen" directive`},
	{"listen 127.0.0.1:18080 backlog=0;", `invalid backlog "backlog=0"`},
	{"listen 127.0.0.1:18080 backlog=-1;", `invalid backlog "backlog=-1"`},
	{"listen 127.0.0.1:18080 backlog;", `invalid parameter "backlog"`},
	{"listen 127.0.0.1:18080 rcvbuf=z;", `invalid rcvbuf "rcvbuf=z"`},
	{"listen 127.0.0.1:18080 sndbuf=;", `invalid sndbuf "sndbuf="`},
	{"listen 127.0.0.1:18080 fastopen=x;", `invalid fastopen "fastopen=x"`},
	{"listen 127.0.0.1:18080 setfib=1;", `invalid parameter "setfib=1"`},
	{"listen 127.0.0.1:18080 accept_filter=x;", `accept filters "accept_filter=x" are not supported on this platform, ignored`},
	{"listen [::1]:18080 ipv6only=maybe;", `invalid parameter "ipv6only=maybe"`},
	{"listen [::1]:18080 ipv6only=once;", `invalid ipv6only flags "once"`},
	{"listen 127.0.0.1:18080 ipv6only=on;", ""},
	{"listen 127.0.0.1:18080 so_keepalive=;", `invalid so_keepalive value: ""`},
	{"listen 127.0.0.1:18080 so_keepalive=::;", `invalid so_keepalive value: "::"`},
	{"listen 127.0.0.1:18080 so_keepalive=maybe;", `invalid so_keepalive value: "maybe"`},
	{"listen 127.0.0.1:18080 so_keepalive=1:x:2;", `invalid so_keepalive value: "1:x:2"`},
	{"listen 127.0.0.1:18080 so_keepalive=1:2:x;", `invalid so_keepalive value: "1:2:x"`},
	{"listen 127.0.0.1:18080 so_keepalive=1:2;", ""},
	{"listen 127.0.0.1:18080 nonsense;", `invalid parameter "nonsense"`},
	{"listen 127.0.0.1:18080; listen 127.0.0.1:18080;", `a duplicate listen 127.0.0.1:18080`},
	{"listen 127.0.0.1:18080 default_server; } server { server_name a; listen 127.0.0.1:18080 default_server;", `a duplicate default server for 127.0.0.1:18080`},
	{"listen 127.0.0.1:18080 backlog=5; } server { server_name a; listen 127.0.0.1:18080 backlog=5;", `duplicate listen options for 127.0.0.1:18080`},
	{at + "} server { " + at, `conflicting server name "" on 127.0.0.1:18080, ignored`},
	{at + "server_name a.b; } server { " + at + "server_name A.b c;", `conflicting server name "a.b" on 127.0.0.1:18080, ignored`},
	{at + "server_name *.a; } server { " + at + "server_name .a;", `conflicting server name ".a" on 127.0.0.1:18080, ignored`},
	{at + "server_name *a;", `server name "*a" is invalid`},
	{at + "server_name *;", `server name "*" is invalid`},
	{at + "server_name *.;", `server name "*." is invalid`},
	{at + "server_name .;", `server name "." is invalid`},
	{at + "server_name ~;", `empty regex in server name "~"`},
	{at + "server_name a/b;", `server name "a/b" has suspicious symbols`},
	// A name is taken apart only where several servers are to be told from each other.
	{at + "server_name a*;", ""},
	{at + "server_name a..b $hostname;", ""},
	{at + "server_name a*; } server { " + at, `invalid server name or wildcard "a*" on 127.0.0.1:18080`},
	{at + "server_name a..b; } server { " + at, `invalid server name or wildcard "a..b" on 127.0.0.1:18080`},
	{at + "server_name *.a.*; } server { " + at, `invalid server name or wildcard "*.a.*" on 127.0.0.1:18080`},
}

var long = strings.Repeat("x", 107)

func TestMistakes(t *testing.T) {
	for _, c := range mistakes {
		var got []string
		for _, err := range read(t, "server { "+c.server+" }").errs {
			if warning := err.Severity == nc.Warn; warning != isWarning(c.message) {
				t.Errorf("%s: %v, severity %v", c.server, err, err.Severity)
			}
			got = append(got, err.Msg)
		}
		if strings.Join(got, "|") != c.message {
			t.Errorf("%s:\n%s, want\n%s", c.server, strings.Join(got, "|"), c.message)
		}
	}
	if errs := read(t, "server { "+at+"server_name '~('; }").errs; !errs.Failed() || !strings.Contains(errs.Error(), `in "("`) {
		t.Errorf("an expression without end: %v", errs)
	}
}

func isWarning(message string) bool {
	return strings.HasSuffix(message, ", ignored") && strings.HasPrefix(message, "conflicting") || strings.Contains(message, "suspicious")
}

// nginx says the same.
func TestMistakesOfNginx(t *testing.T) {
	for _, c := range mistakes {
		if said := webtest.NginxSays(t, "server { "+c.server+" }"); said != c.message {
			t.Errorf("%s: nginx says\n%s, not\n%s", c.server, said, c.message)
		}
	}
}
