package check

import (
	"strings"
	"testing"

	nc "tandem/nginxconf"
	"tandem/proxy"
	"tandem/proxy/answer"
	"tandem/proxy/exchange"
	"tandem/web"
	"tandem/web/webtest"
)

// load reads a configuration with a match block m.
func load(t testing.TB, block string) (*web.HTTP, *match, nc.Errors) {
	h, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp { match m {\n"+block+"\n} server { listen 127.0.0.1:8080; } }", []*web.Module{exchange.Module, Module})
	if errs.Failed() {
		return nil, nil, errs
	}
	return h, (*matchesSlot.Of(&h.Realm))["m"], nil
}

// head makes the head of a response out of its text.
func head(t testing.TB, status int, fields string) *answer.Head {
	h := &answer.Head{Status: status}
	for line := range strings.SplitSeq(fields, "\n") {
		if line == "" {
			continue
		}
		f, _, ok := answer.ParseField([]byte(line))
		if !ok {
			t.Fatalf("%q is no field", line)
		}
		h.Fields = append(h.Fields, f)
	}
	return h
}

func TestMatch(t *testing.T) {
	const page = "Content-Type: text/html\nX-A: 1\nX-A: 2\n"
	for _, c := range []struct {
		block  string
		status int
		fields string
		body   string
		want   string // "" for a response that passes
	}{
		{"status 200;", 200, "", "", ""},
		{"status 200;", 204, "", "", "status is 204 while checking status code"},
		{"status ! 500;", 501, "", "", ""},
		{"status ! 500;", 500, "", "", "status is 500 while checking status code"},
		{"status 200 204;", 204, "", "", ""},
		{"status ! 301 302;", 302, "", "", "status is 302 while checking status code"},
		{"status 200-399;", 399, "", "", ""},
		{"status 200-399;", 400, "", "", "status is 400 while checking status code"},
		{"status ! 400-599;", 399, "", "", ""},
		{"status 301-303 307;", 307, "", "", ""},
		{"status 301-303 307;", 304, "", "", "status is 304 while checking status code"},
		{"status 200-299; status ! 204;", 204, "", "", "status is 204 while checking status code"},
		{"header content-type = text/html;", 500, page, "", ""},
		{"header Content-Type = text/plain;", 200, page, "", `"Content-Type" is not "text/plain" while checking header`},
		{"header Content-Type != text/plain;", 200, page, "", ""},
		{"header Content-Type != text/html;", 200, page, "", `"Content-Type" is "text/html" while checking header`},
		{"header X-B != 1;", 200, page, "", `there is no "X-B" while checking header`},
		{"header X-A = 2;", 200, page, "", ""},
		{"header X-A != 2;", 200, page, "", `"X-A" is "2" while checking header`},
		{"header X-A ~ ^[23]$;", 200, page, "", ""},
		{"header X-A ~ 3;", 200, page, "", `"X-A" does not match "3" while checking header`},
		{"header X-A !~ 1;", 200, page, "", `"X-A" matches "1" while checking header`},
		{"header X-A !~ 3;", 200, page, "", ""},
		{"header X-A;", 200, page, "", ""},
		{"header X-B;", 200, page, "", `there is no "X-B" while checking header`},
		{"header ! X-B;", 200, page, "", ""},
		{"header ! X-A;", 200, page, "", `there is "X-A" while checking header`},
		{`body ~ "Welcome to nginx!";`, 500, "", "<h1>Welcome to nginx!</h1>", ""},
		{`body ~ "Welcome";`, 200, "", "welcome", `body does not match "Welcome" while checking response body`},
		{`body !~ "maintenance mode";`, 200, "", "fine", ""},
		{`body !~ "maintenance mode";`, 200, "", "in maintenance mode", `body matches "maintenance mode" while checking response body`},
		{`body ~ a; body ~ b;`, 200, "", "a", `body does not match "b" while checking response body`},
		{"require $arg_a $arg_b;", 200, "", "", ""},
		{"require $arg_a $arg_c;", 200, "", "", `$arg_c is "0" while checking variable`},
		{"require $arg_d;", 200, "", "", `$arg_d is "" while checking variable`},
		{"status 200; header ! Refresh; body ~ .;", 200, page, "x", ""},
		{"", 500, "", "", ""},
	} {
		h, m, errs := load(t, c.block)
		if errs != nil {
			t.Errorf("%s: %v", c.block, errs)
			continue
		}
		r, err := h.Servers[0].Location.OwnRequest("/?a=1&b=x&c=0", "test")
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if failure := m.judge(r, head(t, c.status, c.fields), []byte(c.body)); failure != nil {
			got = failure.Error()
		}
		r.End()
		if got != c.want {
			t.Errorf("%s\n\tof status %d, %q, %q: %q, want %q", c.block, c.status, c.fields, c.body, got, c.want)
		}
		if m.wantsBody() != strings.Contains(c.block, "body") {
			t.Errorf("%s: the body is wanted: %v", c.block, m.wantsBody())
		}
	}
	var none *match
	for status, good := range map[int]bool{199: false, 200: true, 302: true, 399: true, 400: false, 503: false} {
		if got := none.judge(nil, head(t, status, ""), nil) == nil; got != good {
			t.Errorf("without a match block %d passes: %v", status, got)
		}
	}
}

func TestMatchMistakes(t *testing.T) {
	for block, want := range map[string]string{
		"status;":          `invalid number of arguments in "status" directive`,
		"status ! ;":       `invalid number of arguments in "status" directive`,
		"status 20;":       `invalid status "20"`,
		"status 300-200;":  `invalid status "300-200"`,
		"status ok;":       `invalid status "ok"`,
		"header;":          `invalid number of arguments in "header" directive`,
		"header A B;":      `invalid number of arguments in "header" directive`,
		"header A == B;":   `invalid operator "=="`,
		"header A ~ (;":    "pcre2_compile() failed",
		"header A = B C;":  `invalid number of arguments in "header" directive`,
		"body x;":          `invalid number of arguments in "body" directive`,
		"body = x;":        `invalid operator "="`,
		"body ~ [;":        "pcre2_compile() failed",
		"require;":         `invalid number of arguments in "require" directive`,
		"require a;":       `invalid variable name "a"`,
		"require $nosuch;": `unknown "nosuch" variable`,
		"send x;":          `unknown directive "send" in a match block`,
		"status 200 { }":   `directive "status" is not terminated by ";"`,
		"} match m {":      `duplicate match "m"`,
	} {
		_, _, errs := load(t, block)
		if errs == nil || !strings.Contains(errs.Error(), want) {
			t.Errorf("%s: %v, want %q", block, errs, want)
		}
	}
}

func TestParameters(t *testing.T) {
	const location = "events {}\nhttp { upstream u { server 127.0.0.1:1; } match ok { status 200; } server { location / { "
	for text, want := range map[string]string{
		"proxy_pass http://u; health_check;": "",
		"proxy_pass http://u; health_check interval=10 jitter=500ms fails=3 passes=2 uri=/h?x=1 mandatory persistent match=ok port=81 keepalive_time=1m type=http;": "",
		"proxy_pass http://u; health_check type=tcp port=5432 fails=3;":                                                                                             "",
		"health_check; proxy_pass http://u/path;":                                                                                                                   "",
		"proxy_pass http://u; health_check; health_check uri=/x;":                                                                                                   `"health_check" directive is duplicate`,
		"proxy_pass http://u; health_check interval=0;":                                                                                                             `invalid parameter "interval=0"`,
		"proxy_pass http://u; health_check interval=often;":                                                                                                         `invalid parameter "interval=often"`,
		"proxy_pass http://u; health_check fails=0;":                                                                                                                `invalid parameter "fails=0"`,
		"proxy_pass http://u; health_check passes=-1;":                                                                                                              `invalid parameter "passes=-1"`,
		"proxy_pass http://u; health_check uri=health;":                                                                                                             `invalid parameter "uri=health"`,
		`proxy_pass http://u; health_check "uri=/a b";`:                                                                                                             `invalid parameter "uri=/a b"`,
		"proxy_pass http://u; health_check port=65536;":                                                                                                             `invalid parameter "port=65536"`,
		"proxy_pass http://u; health_check port=0;":                                                                                                                 `invalid parameter "port=0"`,
		"proxy_pass http://u; health_check match=;":                                                                                                                 `invalid parameter "match="`,
		"proxy_pass http://u; health_check match=none;":                                                                                                             `unknown match "none"`,
		"proxy_pass http://u; health_check persistent;":                                                                                                             `invalid parameter "persistent"`,
		"proxy_pass http://u; health_check mandatory fails=2 persistent;":                                                                                           `invalid parameter "persistent"`,
		"proxy_pass http://u; health_check nonsense;":                                                                                                               `invalid parameter "nonsense"`,
		"proxy_pass http://u; health_check keepalive_time=0;":                                                                                                       `invalid parameter "keepalive_time=0"`,
		"proxy_pass http://u; health_check type=grpc grpc_status=12;":                                                                                               "\"type=grpc\" is for locations with \"grpc_pass\"",
		"proxy_pass http://u; health_check type=udp;":                                                                                                               `invalid parameter "type=udp"`,
		"proxy_pass http://u; health_check type=tcp match=ok;":                                                                                                      `"type=tcp" asks for a connection only`,
		"proxy_pass http://127.0.0.1:1; health_check;":                                                                                                              `"health_check" needs a location that passes requests to an upstream block`,
		"proxy_pass http://$host; health_check;":                                                                                                                    `"health_check" needs a location that passes requests to an upstream block`,
		"health_check;":                                                                                                                                             `"health_check" needs a location that passes requests to an upstream block`,
	} {
		_, _, errs := webtest.Load(t.TempDir(), location+text+" } } }", []*web.Module{exchange.Module, proxy.Module, Module})
		if want == "" && errs != nil || want != "" && (errs == nil || !strings.Contains(errs.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, errs, want)
		}
	}
}
