package block_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tandem/proxy"
	"tandem/proxy/exchange"
	"tandem/proxy/fastcgi"
	"tandem/session/resolver"
	"tandem/web"
	"tandem/web/headers"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

var modules = append([]*web.Module{
	web.Shared(resolver.Module), rewrite.Module, exchange.Module, proxy.Module, fastcgi.Module, headers.Module,
}, webtest.Say...)

// mistakes are what may be wrong in an upstream {}, with the message. where is the
// line of it, the block beginning in the third. Those that nginx has told since
// long are compared with it.
var mistakes = []struct {
	block string
	want  string
	line  string
	nginx bool
}{
	// server
	{"server 127.0.0.1:1 weight=0;", `invalid parameter "weight=0"`, "4", true},
	{"server 127.0.0.1:1 weight=-1;", `invalid parameter "weight=-1"`, "4", true},
	{"server 127.0.0.1:1 weight=;", `invalid parameter "weight="`, "4", true},
	{"server 127.0.0.1:1 weight;", `invalid parameter "weight"`, "4", true},
	{"server 127.0.0.1:1 weight=2x;", `invalid parameter "weight=2x"`, "4", true},
	{"server 127.0.0.1:1 max_fails=many;", `invalid parameter "max_fails=many"`, "4", true},
	{"server 127.0.0.1:1 max_conns=1k;", `invalid parameter "max_conns=1k"`, "4", true},
	{"server 127.0.0.1:1 fail_timeout=1ms;", `invalid parameter "fail_timeout=1ms"`, "4", true},
	{"server 127.0.0.1:1 fail_timeout=x;", `invalid parameter "fail_timeout=x"`, "4", true},
	{"server 127.0.0.1:1 Backup;", `invalid parameter "Backup"`, "4", true},
	{"server 127.0.0.1:1 backup=1;", `invalid parameter "backup=1"`, "4", true},
	{"server 127.0.0.1:1 down=1;", `invalid parameter "down=1"`, "4", true},
	{"server 127.0.0.1:1 slow_start=x;", `invalid parameter "slow_start=x"`, "4", false},
	{"server 127.0.0.1:1 route=;", `route is empty`, "4", false},
	{"server 127.0.0.1:1 route=" + strings.Repeat("r", 33) + ";", `route is longer than 32`, "4", false},
	{"server u.test service=;", `service is empty`, "4", false},
	{"server u.test service=http;", `service upstream "u.test" requires "resolve" parameter`, "4", false},
	{"server u.test:80 service=http resolve;", `service upstream "u.test:80" may not have port`, "4", false},
	{"server 127.0.0.1 service=http resolve;", `service upstream "127.0.0.1" requires domain name`, "4", false},
	{"server 127.0.0.1:0;", `invalid port in upstream "127.0.0.1:0"`, "4", true},
	{"server 127.0.0.1:65536;", `invalid port in upstream "127.0.0.1:65536"`, "4", true},
	{"server 127.0.0.1:1/uri;", `invalid host in upstream "127.0.0.1:1/uri"`, "4", true},
	{"server :80;", `no host in upstream ":80"`, "4", true},
	{"server [::1;", `invalid host in upstream "[::1"`, "4", true},
	{"server unix:;", `no path in the unix domain socket in upstream "unix:"`, "4", true},
	{"server;", `invalid number of arguments in "server" directive`, "4", true},

	// What is inside as a whole.
	{"", `no servers are inside upstream`, "5", true},
	{"server 127.0.0.1:1 backup;", `no servers in upstream "u"`, "3", true},
	{"server u.test resolve;", `resolving names at run time requires upstream "u" to be in shared memory`, "3", false},
	{"zone u 64k; server u.test resolve;", `no resolver defined to resolve names at run time in upstream "u"`, "3", false},
	{"listen 80;", `"listen" directive is not allowed here`, "4", true},

	// Balancers: those that leave nothing to backups do not take them.
	{"ip_hash; server 127.0.0.1:1; server 127.0.0.1:2 backup;", `balancing method does not support parameter "backup"`, "4", true},
	{"hash $uri; server 127.0.0.1:1; server 127.0.0.1:2 backup;", `balancing method does not support parameter "backup"`, "4", true},
	{"hash $uri consistent; server 127.0.0.1:1; server 127.0.0.1:2 backup;", `balancing method does not support parameter "backup"`, "4", true},
	{"random; server 127.0.0.1:1; server 127.0.0.1:2 backup;", `balancing method does not support parameter "backup"`, "4", true},
	{"hash $uri twice; server 127.0.0.1:1;", `invalid parameter "twice"`, "4", true},
	{"hash $no_such; server 127.0.0.1:1;", `unknown "no_such" variable`, "4", false},
	{"hash; server 127.0.0.1:1;", `invalid number of arguments in "hash" directive`, "4", true},
	{"random three; server 127.0.0.1:1;", `invalid parameter "three"`, "4", true},
	{"random two most_conn; server 127.0.0.1:1;", `invalid parameter "most_conn"`, "4", true},
	{"random two least_time=connect; server 127.0.0.1:1;", `invalid parameter "least_time=connect"`, "4", false},
	{"least_time; server 127.0.0.1:1;", `invalid number of arguments in "least_time" directive`, "4", false},
	{"least_time connect; server 127.0.0.1:1;", `invalid value "connect"`, "4", false},
	{"least_time header twice; server 127.0.0.1:1;", `invalid parameter "twice"`, "4", false},
	{"least_conn x; server 127.0.0.1:1;", `invalid number of arguments in "least_conn" directive`, "4", true},
	{"ip_hash x; server 127.0.0.1:1;", `invalid number of arguments in "ip_hash" directive`, "4", true},

	// keepalive
	{"server 127.0.0.1:1; keepalive many;", `invalid value "many" in "keepalive" directive`, "4", true},
	{"server 127.0.0.1:1; keepalive 1; keepalive 2;", `"keepalive" directive is duplicate`, "4", true},
	{"server 127.0.0.1:1; keepalive 1 global;", `invalid parameter "global"`, "4", false},
	{"server 127.0.0.1:1; keepalive 1; keepalive_requests x;", `"keepalive_requests" directive invalid number`, "4", true},
	{"server 127.0.0.1:1; keepalive 1; keepalive_time x;", `"keepalive_time" directive invalid value`, "4", true},
	{"server 127.0.0.1:1; keepalive 1; keepalive_timeout 1; keepalive_timeout 2;", `"keepalive_timeout" directive is duplicate`, "4", true},

	// zone, resolver, queue, state
	{`zone "" 64k; server 127.0.0.1:1;`, `invalid zone name ""`, "4", true},
	{"zone u 64q; server 127.0.0.1:1;", `invalid zone size "64q"`, "4", true},
	{"zone u 31k; server 127.0.0.1:1;", `zone "u" is too small`, "4", true},
	{"resolver 127.0.0.1; resolver 127.0.0.1; server 127.0.0.1:1;", `"resolver" directive is duplicate`, "4", false},
	{"resolver 127.0.0.1 valid=x; server 127.0.0.1:1;", `invalid parameter: valid=x`, "4", false},
	{"resolver_timeout x; server 127.0.0.1:1;", `"resolver_timeout" directive invalid value`, "4", false},
	{"queue 0; server 127.0.0.1:1;", `invalid value "0" in "queue" directive`, "4", false},
	{"queue x; server 127.0.0.1:1;", `invalid value "x" in "queue" directive`, "4", false},
	{"queue 1 timeout=x; server 127.0.0.1:1;", `invalid parameter "timeout=x"`, "4", false},
	{"queue 1 60s; server 127.0.0.1:1;", `invalid parameter "60s"`, "4", false},
	{"queue 1; queue 2; server 127.0.0.1:1;", `"queue" directive is duplicate`, "4", false},
	{"state a; state b;", `"state" directive is duplicate`, "4", false},
	{"state a; server 127.0.0.1:1;", `"server" directives cannot stand beside "state"`, "3", false},
}

// mistaken is a configuration with an upstream block in its third line.
func mistaken(block string) string {
	return "events {}\nhttp {\nupstream u {\n" + block + "\n}\nserver { listen 127.0.0.1:8080; location / { proxy_pass http://u; } }\n}\n"
}

func TestMistakes(t *testing.T) {
	for _, c := range mistakes {
		_, _, errs := webtest.Load(t.TempDir(), mistaken(c.block), modules)
		if !errs.Failed() {
			t.Errorf("%s: no mistake, want %s", c.block, c.want)
			continue
		}
		if first := errs[0].Error(); !strings.HasPrefix(first, c.want) || !strings.HasSuffix(first, "nginx.conf:"+c.line) {
			t.Errorf("%s: %s, want %s in line %s", c.block, first, c.want, c.line)
		}
	}
}

// What nginx finds it tells with the same words, of the same line.
func TestMistakesAsNginx(t *testing.T) {
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("nginx is not installed")
	}
	file := filepath.Join(t.TempDir(), "nginx.conf")
	for _, c := range mistakes {
		if !c.nginx {
			continue
		}
		if err := os.WriteFile(file, []byte(mistaken(c.block)), 0o600); err != nil {
			t.Fatal(err)
		}
		said, err := exec.Command(nginx, "-t", "-e", "stderr", "-p", filepath.Dir(file), "-c", file).CombinedOutput()
		if want := ": " + c.want + " in " + file + ":" + c.line + "\n"; err == nil || !strings.Contains(string(said), want) {
			t.Errorf("%s: nginx says %q, tandem %q of line %s", c.block, said, c.want, c.line)
		}
	}
}

// What other directives say of a block may contradict it, wherever it stands.
func TestMistakesAround(t *testing.T) {
	const u = "upstream u { server 127.0.0.1:1; } "
	const pass = "server { location / { proxy_pass http://u%; } } "
	for conf, want := range map[string]string{
		u + strings.Replace(u, " u ", " U ", 1):                                   `duplicate upstream "U"`,
		u + strings.Replace(pass, "%", ":81", 1):                                  `upstream "u" may not have port 81`,
		strings.Replace(pass, "%", ":81", 1) + u:                                  `upstream "u" may not have port 81 in `, // of the reference
		"server { location / { fastcgi_pass 127.0.0.1; } }":                       `no port in upstream "127.0.0.1"`,
		"upstream { server 127.0.0.1:1; }":                                        `invalid number of arguments in "upstream" directive`,
		"server { upstream u { server 127.0.0.1:1; } }":                           `"upstream" directive is not allowed here`,
		"upstream u { server 127.0.0.1:x; } " + strings.ReplaceAll(pass, "%", ""): `invalid port in upstream "127.0.0.1:x"`,
	} {
		_, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp { "+conf+" }", modules)
		if len(errs) != 1 || !errs.Failed() || !strings.HasPrefix(errs[0].Error(), want) {
			t.Errorf("%s: %v, want %s", conf, errs, want)
		}
	}
	for _, conf := range []string{
		u + strings.Replace(pass, "%", "", 1), strings.Replace(pass, "%", "", 1) + u, // in either order
		strings.Replace(pass, "%", "", 1) + "upstream U { server 127.0.0.1:1; }", // names have no case
	} {
		if _, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp { "+conf+" }", modules); len(errs) > 0 {
			t.Errorf("%s: %v", conf, errs)
		}
	}
}

// Every mistake is told, not the first only.
func TestAllMistakes(t *testing.T) {
	_, _, errs := webtest.Load(t.TempDir(), mistaken("server 127.0.0.1:1 weight=x;\nserver 127.0.0.1:2;\nkeepalive y;\nzone z 1;"), modules)
	if len(errs) != 3 {
		t.Fatalf("%d mistakes: %v", len(errs), errs)
	}
	for i, line := range []string{"4", "6", "7"} {
		if !strings.HasSuffix(errs[i].Error(), ":"+line) {
			t.Errorf("%v is not of line %s", errs[i], line)
		}
	}
}

// A second way of balancing takes the place of the first, which is told.
func TestBalancerRedefined(t *testing.T) {
	for _, second := range []string{"least_conn;", "ip_hash;", "hash $uri;", "random;", "least_time header;"} {
		_, _, errs := webtest.Load(t.TempDir(), mistaken("random;\n"+second+" server 127.0.0.1:1;"), modules)
		if errs.Failed() || len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), "load balancing method redefined in ") || !strings.HasSuffix(errs[0].Error(), ":5") {
			t.Errorf("%s: %v", second, errs)
		}
	}
	// Nor does what the first refused matter any more.
	if _, _, errs := webtest.Load(t.TempDir(), mistaken("random; least_conn; server 127.0.0.1:1; server 127.0.0.1:2 backup;"), modules); errs.Failed() {
		t.Errorf("least_conn has backups: %v", errs)
	}
}
