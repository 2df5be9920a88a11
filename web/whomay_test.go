package web_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/web"
	"tandem/web/webtest"
)

// satisfy: how the verdicts of those that restrict access come together.
func TestSatisfy(t *testing.T) {
	const ok, declined, done = web.OK, web.Declined, web.Done
	for _, c := range []struct {
		satisfy string
		codes   []web.Code
		status  int
		asked   int  // how many of them
		field   bool // the client is asked for credentials
		log     bool // that access is forbidden
	}{
		{"all", []web.Code{declined, declined}, 200, 2, false, false},
		{"all", []web.Code{ok, ok}, 200, 2, false, false},
		{"all", []web.Code{ok, 403}, 403, 2, false, false},
		{"all", []web.Code{401, ok}, 401, 1, true, false},
		{"all", []web.Code{403, 401}, 403, 1, false, false},
		{"all", []web.Code{500, ok}, 500, 1, false, false},
		{"any", []web.Code{declined, declined}, 200, 2, false, false},
		{"any", []web.Code{403, ok}, 200, 2, false, false},
		{"any", []web.Code{401, ok}, 200, 2, false, false},
		{"any", []web.Code{ok, 403}, 200, 1, false, false},
		{"any", []web.Code{403, declined}, 403, 2, false, true},
		{"any", []web.Code{403, 401}, 401, 2, true, false},
		{"any", []web.Code{401, 403}, 401, 2, true, false},
		{"any", []web.Code{403, 500, ok}, 500, 2, false, false},
		{"any", []web.Code{403, done}, 0, 2, false, false},
	} {
		asked := 0
		modules := make([]*web.Module, len(c.codes))
		for i, code := range c.codes {
			modules[i] = handling(web.Access, func(r *web.Request) web.Code {
				asked++
				if code == 401 {
					r.Response.Set("WWW-Authenticate", []byte("Basic"))
				}
				return code
			})
		}
		s := oneServer(t, "satisfy "+c.satisfy+"; location / { say fine; }", modules...)
		x := s.Ask(t, "/")
		if x.Status != c.status || asked != c.asked || (x.Field("WWW-Authenticate") != "") != c.field {
			t.Errorf("satisfy %s, %v: %d, %d asked, %v", c.satisfy, c.codes, x.Status, asked, x.Head)
		}
		if strings.Contains(s.Log(), "access forbidden by rule") != c.log {
			t.Errorf("satisfy %s, %v: log %s", c.satisfy, c.codes, s.Log())
		}
	}
}

// Subrequests are not asked who they are: their main request has been.
func TestSubrequestsMay(t *testing.T) {
	asked := 0
	s := oneServer(t, "location /part { say part; }", handling(web.Access, func(*web.Request) web.Code {
		asked++
		return web.OK
	}), handling(web.Content, func(r *web.Request) web.Code {
		if !r.IsMain() {
			return web.Declined
		}
		sr := r.Subrequest([]byte("/part"), nil, web.SubrequestOptions{InMemory: true})
		return answer(r, string(sr.Output))
	}))
	if x := s.Ask(t, "/"); x.Content != "part" || asked != 1 {
		t.Errorf("%q, asked %d times", x.Content, asked)
	}
}

// auth_delay: who has no credentials waits, and may leave meanwhile; who is merely
// forbidden does not wait.
func TestAuthDelay(t *testing.T) {
	for code, waits := range map[web.Code]bool{401: true, 407: true, 403: false} {
		s := oneServer(t, "auth_delay 1h;", handling(web.Access, func(*web.Request) web.Code { return code }))
		x := new(webtest.Exchange)
		ended := make(chan bool)
		go func() {
			s.Exchange(t, x)
			close(ended)
		}()
		if waits {
			webtest.Await(t, "nobody is delayed", func() bool { return strings.Contains(s.Log(), "delaying unauthorized request") })
			x.Leave()
		}
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Fatalf("%d: the request has not come to its end", code)
		}
		logged := x.Request.FinalStatus()
		if waits && (x.Status != 0 || logged != 499) || !waits && x.Status != int(code) {
			t.Errorf("%d: answered %d, logged %d", code, x.Status, logged)
		}
	}
}

// Credentials of the Basic scheme are found where the method says.
func TestChallenge(t *testing.T) {
	for method, want := range map[string]string{"GET": "401 WWW-Authenticate a b", "CONNECT": "407 Proxy-Authenticate c d"} {
		var got string
		s := oneServer(t, "", handling(web.PostRead, func(r *web.Request) web.Code {
			status, field := r.Challenge()
			user, password, _ := r.BasicCredentials()
			got = strings.Join([]string{string(web.AppendStatus(nil, int(status))), field, string(user), string(password)}, " ")
			return 204
		}), &web.Module{Name: "connect", Init: func(h *web.HTTP) error {
			h.Servers[0].AllowConnect()
			return nil
		}})
		target := "/"
		if method == "CONNECT" {
			target = "a.example:1"
		}
		s.Exchange(t, &webtest.Exchange{Method: method, Target: target, Fields: []string{"Authorization: Basic YTpi", "Proxy-Authorization: Basic Yzpk"}})
		if got != want {
			t.Errorf("%s: %s, want %s", method, got, want)
		}
	}
}

// limit_except: settings for the methods that it does not name. GET stands for HEAD
// as well.
func TestLimitExcept(t *testing.T) {
	for _, c := range []struct {
		methods string
		except  []string // those that it concerns
	}{
		{"GET", []string{"POST", "PUT", "PATCH", "OTHER"}},
		{"POST PUT", []string{"GET", "HEAD", "PATCH", "OTHER"}},
		{"HEAD", []string{"GET", "POST", "PUT", "PATCH", "OTHER"}},
		{"GET POST PUT PATCH", []string{"OTHER"}},
	} {
		s := oneServer(t, "location / { code 418; limit_except "+c.methods+" { code 403; } }", coded)
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "OTHER"} {
			want := 418
			if slices.Contains(c.except, method) {
				want = 403
			}
			if x := s.Exchange(t, &webtest.Exchange{Method: method}); x.Status != want {
				t.Errorf("limit_except %s: %s %d, want %d", c.methods, method, x.Status, want)
			}
		}
	}
	// What the block does not say is the location's.
	s := oneServer(t, "location / { code 418; server_tokens off; limit_except GET { } }", coded)
	if x := s.Exchange(t, &webtest.Exchange{Method: "POST"}); x.Status != 418 || x.Field("Server") != "nginx" {
		t.Errorf("%d %v", x.Status, x.Head)
	}
}
