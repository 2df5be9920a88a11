package nginxconf

import (
	"fmt"
	"strings"
	"testing"

	crossplane "github.com/nginxinc/nginx-go-crossplane"
)

// inContext returns a configuration with one line of text in a context.
func inContext(t *testing.T, ctx Context, line string) string {
	t.Helper()
	switch ctx {
	case Main:
		return line
	case Events:
		return "events { " + line + " }"
	case HTTP:
		return "http { " + line + " }"
	case Server:
		return "http { server { " + line + " } }"
	case Location:
		return "http { server { location / { " + line + " } } }"
	case LocationIf:
		return "http { server { location / { if (a) { " + line + " } } } }"
	case Upstream:
		return "http { upstream u { " + line + " } }"
	}
	t.Fatalf("no configuration for context %v", ctx)
	return ""
}

func TestUnknownDirectives(t *testing.T) {
	for _, test := range []struct {
		in   Context
		line string
		want string
	}{
		{Location, "fastcgi_pass a;", `"fastcgi_pass" is a directive of nginx that tandem does not support yet`},
		{HTTP, "fastcgi_cache_path a b;", `"fastcgi_cache_path" is a directive of nginx that tandem does not support yet`},
		{HTTP, "fastcgi_pass a;", `"fastcgi_pass" directive is not allowed here`},
		{Main, "stream { nonsense; }", `"stream" is a directive of nginx that tandem does not support yet`},
		{Upstream, "sticky cookie a;", `"sticky" is a directive of nginx that tandem does not support yet`},
		{Location, "post_action /a;", `"post_action" is a directive of nginx that tandem does not support yet`},
		{Location, "proxy_socket_rcvbuf 1k;", `"proxy_socket_rcvbuf" is a directive of nginx that tandem does not support yet`},
		{Location, "tunnel_pass a;", `"tunnel_pass" is a directive of nginx that tandem does not support yet`},
		{LocationIf, "etag on;", `"etag" directive is not allowed here`},
		{Upstream, "keepalive_requests 5;", `"keepalive_requests" is a directive of nginx that tandem does not support here yet`},

		{Location, "health_check;", `"health_check" is a directive of nginx Plus that tandem does not support yet`},
		{Upstream, "queue 10;", `"queue" is a directive of nginx Plus that tandem does not support yet`},
		{Main, "mgmt { }", `"mgmt" is a directive of nginx Plus that tandem does not support yet`},
		{HTTP, "client_secret a;", `unknown directive "client_secret"`}, // of nginx Plus, but only in an oidc_provider
		{Server, "ssl on;", `unknown directive "ssl", which nginx had until 1.24`},

		{Server, "more_set_headers 'A: b';", `"more_set_headers" is a directive of the headers-more module, which tandem does not support`},
		{Location, "content_by_lua_block { x = { } }", `"content_by_lua_block" is a directive of the lua module, which tandem does not support`},
		{Location, "some_new_by_lua_block { x = { } }", `"some_new_by_lua_block" is a directive of the lua module, which tandem does not support`},
		{HTTP, "js_import a;", `"js_import" is a directive of the njs module, which tandem does not support`},
		{HTTP, "geoip2 a { b c; }", `"geoip2" is a directive of the geoip2 module, which tandem does not support`},
		{HTTP, "otel_exporter { endpoint a; }", `"otel_exporter" is a directive of the otel module, which tandem does not support`},
		{HTTP, "app_protect_enable on;", `"app_protect_enable" is a directive of the App Protect module, which tandem does not support`},
		{HTTP, "vhost_traffic_status_zone;", `"vhost_traffic_status_zone" is a directive of the vhost-traffic-status module, which tandem does not support`},
		{Location, "echo a;", `"echo" is a directive of the echo module, which tandem does not support`},
		{Location, "echoes a;", `unknown directive "echoes"`},

		{Server, "lsiten 80;", `unknown directive "lsiten", did you mean "listen"?`},
		{Server, "server_names a;", `unknown directive "server_names", did you mean "server_name"?`},
		{HTTP, "sevrer { listen 80; }", `unknown directive "sevrer", did you mean "server"?`},
		{Server, "Listen 80;", `unknown directive "Listen", did you mean "listen"?`},
		{Server, "ETAG on;", `unknown directive "ETAG", did you mean "etag"?`},
		{Server, "tag on;", `unknown directive "tag", did you mean "etag"?`},
		{Server, "tga on;", `unknown directive "tga"`}, // too short for two changes
		{Server, "x on;", `unknown directive "x"`},
		{Server, "http_port 80;", `unknown directive "http_port"`},
	} {
		tree, errs := readText(inContext(t, test.in, test.line))
		errs = append(errs, testTable.Bind(tree, newLevel(), BindOptions{})...)
		if got, want := errs.Error(), test.want+" in /nginx.conf:1"; got != want {
			t.Errorf("%s in %s:\n%s\nwant\n%s", test.line, test.in, got, want)
		}
	}
}

func TestUnsupportedIsReportedOnce(t *testing.T) {
	files := map[string]string{
		"/etc/nginx.conf": `http {
			server { ssi on; include sites/a.conf; }
			server { ssi on; frob; }
			include sites/a.conf;
			server { ssi on; ssi on;
				ssi off; frob; }
			include sites/b.conf;
			include /other/c.conf;
		}`,
		"/etc/sites/a.conf": "ssi on;\nssi_types a;",
		"/etc/sites/b.conf": "\n\nssi on;",
		"/other/c.conf":     "ssi on;",
	}
	tree, errs := Read("/etc/nginx.conf", Options{ReadFile: memory(files)})
	errs = append(errs, testTable.Bind(tree, newLevel(), BindOptions{})...)
	want := `"ssi" is a directive of nginx that tandem does not support yet in /etc/nginx.conf:2 (also at sites/a.conf:1, nginx.conf:3, nginx.conf:5, nginx.conf:6, sites/b.conf:3, /other/c.conf:1)
"ssi_types" is a directive of nginx that tandem does not support yet in /etc/sites/a.conf:2, included from /etc/nginx.conf:2
unknown directive "frob" in /etc/nginx.conf:3
unknown directive "frob" in /etc/nginx.conf:6`
	if got := errs.Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPlacesOfOneMessage(t *testing.T) {
	for _, test := range []struct {
		also []Pos
		want string
	}{
		{[]Pos{{File: "/e/n", Line: 5}}, "m in /e/n:1 (also at line 5)"},
		{[]Pos{{File: "/e/n", Line: 5}, {File: "/e/n", Line: 7}}, "m in /e/n:1 (also at lines 5, 7)"},
		{[]Pos{{File: "/e/n", Line: 5}, {File: "/e/d/o", Line: 7}, {File: "/e/n", Line: 9}}, "m in /e/n:1 (also at line 5, d/o:7, n:9)"},
		{[]Pos{{File: CommandLine}}, "m in /e/n:1 (also at command line)"},
	} {
		e := &Error{Pos: Pos{File: "/e/n", Line: 1}, Msg: "m", Also: test.also}
		if got := e.Error(); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
	tree, _ := readText(strings.Repeat("ssi on;\n", 5000))
	errs := NewTable().Bind(tree, nil, BindOptions{Context: Server})
	if got := errs.Error(); len(errs) != 1 || !strings.HasSuffix(got, ", 10, 11, and at 4989 more)") {
		t.Errorf("%d messages: %s", len(errs), got)
	}
}

// The bits that known.go has for crossplane's contexts are checked with
// directives that are allowed in one context only.
func TestContextMasks(t *testing.T) {
	only := map[Context]string{
		Main: "worker_processes", Events: "worker_connections", HTTP: "proxy_cache_path", Location: "alias",
		Server: "", Mail: "", MailServer: "", Stream: "", StreamServer: "", Upstream: "", StreamUpstream: "",
		ServerIf: "", LocationIf: "", LimitExcept: "",
	}
	for ctx := range contextMasks {
		name, listed := only[ctx]
		if !listed {
			t.Errorf("context %v is not tested", ctx)
		}
		if name == "" {
			continue
		}
		masks, _ := crossplane.MatchOssLatest(name)
		for other := range contextMasks {
			if allowedIn(masks, other) != (other == ctx) {
				t.Errorf("%s is allowed in %v: %v", name, other, allowedIn(masks, other))
			}
		}
	}
	for _, test := range []struct {
		name string
		in   Context
	}{
		{"keepalive", Upstream},
		{"server_name", Server | StreamServer | Mail | MailServer},
		{"ip_hash", Upstream},
		{"least_conn", Upstream | StreamUpstream},
		{"ssl_preread", Stream | StreamServer},
		{"auth_http", Mail | MailServer},
		{"break", Server | ServerIf | Location | LocationIf},
		{"deny", HTTP | Server | Location | LimitExcept | Stream | StreamServer},
		{"root", HTTP | Server | Location | LocationIf},
	} {
		masks, _ := crossplane.MatchOssLatest(test.name)
		var got Context
		for ctx := range contextMasks {
			if allowedIn(masks, ctx) {
				got |= ctx
			}
		}
		if got != test.in {
			t.Errorf("%s is allowed in %v, want %v", test.name, got, test.in)
		}
	}
}

func TestEditDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "acb", 1}, {"abc", "bc", 1},
		{"abc", "abbc", 1}, {"proxy_pas", "proxy_pass", 1}, {"porxy_pas", "proxy_pass", 2}, {"kitten", "sitting", 3}, {"abcd", "dcba", 3},
	} {
		if got := editDistance(test.a, test.b); got != test.want {
			t.Errorf("%q to %q: %d, want %d", test.a, test.b, got, test.want)
		}
		if got := editDistance(test.b, test.a); got != test.want {
			t.Errorf("%q to %q: %d, want %d", test.b, test.a, got, test.want)
		}
	}
}

func ExampleErrors() {
	tree, errs := Read("/nginx.conf", Options{ReadFile: memory(map[string]string{
		"/nginx.conf": "http {\n  sever {\n  }\n  server {\n    listen 80\n  }\n}\n",
	})})
	errs = append(errs, testTable.Bind(tree, newLevel(), BindOptions{})...)
	tree.Sort(errs)
	for _, e := range errs {
		fmt.Printf("nginx: [%s] %v\n", e.Severity, e)
	}
	// Output:
	// nginx: [emerg] unknown directive "sever", did you mean "server"? in /nginx.conf:2
	// nginx: [emerg] unexpected "}" in /nginx.conf:6
}
