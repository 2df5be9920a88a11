package web_test

import (
	"strconv"
	"strings"
	"testing"

	"tandem/internal/version"
	nc "tandem/nginxconf"
	"tandem/web"
	"tandem/web/webtest"
)

// handling is a module with a handler in a phase.
func handling(p web.Phase, handler web.Handler) *web.Module {
	return &web.Module{Name: "handling", Init: func(h *web.HTTP) error {
		h.Handle(p, handler)
		return nil
	}}
}

// coded has locations whose handlers come to a code, as those that pass requests on
// do:
//
//	code number;
var coded = &web.Module{Name: "coded", Commands: []nc.Command{{
	Name: "code", In: nc.Location | nc.LimitExcept, Arity: nc.Take1,
	Set: func(s *nc.Scope, d *nc.Directive) error {
		code, err := strconv.Atoi(d.Args[0])
		web.BlockOf(s).Location.PassTo(func(*web.Request) web.Code { return web.Code(code) })
		return err
	},
}}}

// oneServer starts a server without sockets; the text stands in its server block.
func oneServer(t *testing.T, conf string, modules ...*web.Module) *webtest.Server {
	t.Helper()
	return webtest.New(t, header+"server { listen 127.0.0.1:8080; server_name a.example; "+conf+" } }", append(modules, webtest.Say...), nil)
}

// What error_page says of a status, and of the request for the page.
func TestErrorPage(t *testing.T) {
	const told = ` { say "$uri|$args|$request_method|$request_uri"; }`
	for _, c := range []struct {
		name, conf, method, target string
		status                     int
		content                    string // the beginning
		location                   string
	}{
		{"a path", "error_page 404 /page; location = /page" + told, "", "/404?a", 404, "/page||GET|/404?a", ""},
		{"with arguments", "error_page 404 /page?x=1; location = /page" + told, "", "/404?a", 404, "/page|x=1|GET|/404?a", ""},
		{"with variables", "error_page 404 /page$uri?$args&x; location /page" + told, "", "/404?a", 404, "/page/404|a&x|GET|/404?a", ""},
		{"the page is got by GET", "error_page 404 /page; location = /page" + told, "POST", "/404", 404, "/page||GET|/404", ""},
		{"but for HEAD", "error_page 404 /page; location = /page" + told, "HEAD", "/404", 404, "", ""},
		{"a named location leaves the request alone", "error_page 404 @page; location @page" + told, "POST", "/404?a", 404, "/404|a|POST|/404?a", ""},
		{"another status", "error_page 404 =410 /page; location = /page" + told, "", "/404", 410, "/page|", ""},
		{"the status of the page", "error_page 404 = /page; location = /page" + told, "", "/404", 200, "/page|", ""},
		{"its status is an error", "error_page 404 = /403;", "", "/404", 403, "<html>\r\n<head><title>403 Forbidden", ""},
		{"it is not there", "error_page 403 /none;", "", "/403", 404, "<html>\r\n<head><title>404 Not Found", ""},
		{"the first that fits", "error_page 403 404 /page; error_page 404 /other; location = /page" + told, "", "/404", 404, "/page|", ""},
		{"another level", "error_page 404 /page; error_page 403 /page; location = /page" + told + " location = /404 { code 404; error_page 403 /page; }", "", "/404", 404, "<html>", ""},
		{"not recursive", "error_page 404 /403; error_page 403 /page; location = /page" + told, "", "/404", 403, "<html>\r\n<head><title>403", ""},
		{"recursive", "recursive_error_pages on; error_page 404 /403; error_page 403 /page; location = /page" + told, "", "/404", 403, "/page|", ""},
		{"elsewhere", "error_page 404 http://b.example$uri;", "", "/404", 302, "<html>\r\n<head><title>302 Found", "http://b.example/404"},
		{"elsewhere for good", "error_page 404 =301 http://b.example/;", "", "/404", 301, "<html>\r\n<head><title>301", "http://b.example/"},
		{"elsewhere is a redirect", "error_page 404 =200 http://b.example/;", "", "/404", 302, "<html>\r\n<head><title>302 Found", "http://b.example/"},
		{"a status of nginx's own", "error_page 497 /page; location = /page" + told, "", "/497", 400, "/page|", ""},
		{"which has no page", "", "", "/495", 400, "<html>\r\n<head><title>400 The SSL certificate error</title>", ""},
		{"nor this", "", "", "/496", 400, "<html>\r\n<head><title>400 No required SSL certificate was sent</title>", ""},
		{"nor this one", "", "", "/494", 400, "<html>\r\n<head><title>400 Request Header Or Cookie Too Large</title>", ""},
	} {
		s := oneServer(t, c.conf+` location /403 { code 403; } location /404 { code 404; }
			location /494 { code 494; } location /495 { code 495; } location /496 { code 496; } location /497 { code 497; }`, coded)
		x := s.Exchange(t, &webtest.Exchange{Method: c.method, Target: c.target})
		if x.Status != c.status || !strings.HasPrefix(x.Content, c.content) || c.content == "" && x.Content != "" || x.Field("Location") != c.location {
			t.Errorf("%s: %d %q, Location %q", c.name, x.Status, x.Content, x.Field("Location"))
		}
	}
}

// A request that is sent from place to place for ever is stopped at nginx's limit,
// and the log says what it was about.
func TestRedirectionCycle(t *testing.T) {
	rewrites := handling(web.Rewrite, func(r *web.Request) web.Code {
		if string(r.Path) == "/rewritten" {
			r.ChangePath([]byte("/rewritten"))
		}
		return web.Declined
	})
	for _, c := range []struct{ target, log string }{
		{"/404", `rewrite or internal redirection cycle while internally redirecting to "/404"`},
		{"/403", `rewrite or internal redirection cycle while redirect to named location "@403"`},
		{"/rewritten", `rewrite or internal redirection cycle while processing "/rewritten"`},
		{"/none", `could not find named location "@none"`},
		{"/empty", `empty URI in internal redirect`},
	} {
		asked := 0
		s := oneServer(t, `recursive_error_pages on; error_page 404 /404; error_page 403 @403;
			location /404 { code 404; } location /403 { code 403; } location @403 { code 403; }`,
			rewrites, handling(web.PreAccess, func(*web.Request) web.Code { asked++; return web.Declined }), coded,
			handling(web.Content, func(r *web.Request) web.Code {
				switch string(r.Path) {
				case "/none":
					return r.NamedLocation([]byte("@none"))
				case "/empty":
					return r.InternalRedirect(nil, nil)
				}
				return web.Declined
			}))
		x := s.Ask(t, c.target)
		if x.Status != 500 || !strings.Contains(s.Log(), c.log) || x.Request.Ending() != web.Ends {
			t.Errorf("%s: %d, ending %d, log %s", c.target, x.Status, x.Request.Ending(), s.Log())
		}
		if cycle := c.target == "/404" || c.target == "/403"; cycle && asked != 11 {
			t.Errorf("%s: asked %d times", c.target, asked)
		}
	}
}

// Pages for browsers that show their own in place of a short one, and for those
// that do not follow redirects.
func TestPagesForBrowsers(t *testing.T) {
	const msie, opera, chrome = "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)", "Opera/9.0 MSIE 6.0 Opera", "Mozilla/5.0 Chrome/119.0"
	const padding = "<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n"
	for _, c := range []struct {
		conf, target, browser string
		padded                int
		refresh               string
	}{
		{"", "/404", msie, 6, ""},
		{"", "/404", chrome, 6, ""},
		{"", "/404", opera, 0, ""},
		{"", "/404", "curl", 0, ""},
		{"", "/302", msie, 0, ""},
		{"msie_padding off;", "/404", msie, 0, ""},
		{"msie_refresh on;", "/302", msie, 0, "http://b.example/%3Cx%22"},
		{"msie_refresh on;", "/302", chrome, 0, ""},
		{"msie_refresh on;", "/503", msie, 0, "http://b.example/busy"},
	} {
		s := oneServer(t, c.conf+` error_page 302 http://b.example/<x\"; error_page 503 http://b.example/busy;
			location /404 { code 404; } location /302 { code 302; } location /503 { code 503; }`, coded)
		x := s.Ask(t, c.target, "User-Agent: "+c.browser)
		if n := strings.Count(x.Content, padding); n != c.padded {
			t.Errorf("%s %s %s: padded %d times", c.conf, c.target, c.browser, n)
		}
		if got := x.Field("Content-Length"); got != strconv.Itoa(len(x.Content)) {
			t.Errorf("%s %s %s: Content-Length %s for %d bytes", c.conf, c.target, c.browser, got, len(x.Content))
		}
		if c.refresh == "" {
			continue
		}
		const page = `<html><head><meta http-equiv="Refresh" content="0; URL=`
		if x.Status != 200 || x.Field("Location") != "" || !strings.HasPrefix(x.Content, page+c.refresh+`"></head>`) {
			t.Errorf("%s %s: %d %q %v", c.conf, c.target, x.Status, x.Content, x.Head)
		}
	}
}

// server_tokens: how much a page and the Server field tell.
func TestServerTokens(t *testing.T) {
	for word, want := range map[string]string{"off": "nginx", "on": "nginx/" + version.Nginx, "build": "nginx/" + version.Nginx + " (" + web.Build + ")"} {
		x := oneServer(t, "server_tokens "+word+";").Ask(t, "/none")
		if x.Field("Server") != want || !strings.Contains(x.Content, "<hr><center>"+want+"</center>\r\n") {
			t.Errorf("%s: %s, %q", word, x.Field("Server"), x.Content)
		}
	}
}
