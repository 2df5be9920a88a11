package web_test

import (
	"strings"
	"testing"
	"time"

	"tandem/web"
	"tandem/web/message"
	"tandem/web/webtest"
)

// What the variables of the core say of a request, while it is answered.
func TestCoreVariables(t *testing.T) {
	for _, c := range []struct {
		names string
		x     *webtest.Exchange
		want  string // values, "-" for none, with "|" between them
	}{
		{"uri document_uri request_uri args query_string is_args", &webtest.Exchange{Target: "/a%20b/../c?d=%20"}, "/c|/c|/a%20b/../c?d=%20|d=%20|d=%20|?"},
		{"uri args query_string is_args", &webtest.Exchange{Target: "/a"}, "/a|-|-|"},
		{"uri args is_args", &webtest.Exchange{Target: "/a?"}, "/a|-|"},
		{"request request_method server_protocol", &webtest.Exchange{Method: "PUT"}, "PUT / HTTP/2.0|PUT|HTTP/2.0"},
		{"http2 http3 scheme https pipe", &webtest.Exchange{}, "h2c||http||."},
		{"http2 http3", &webtest.Exchange{Version: message.HTTP11}, "|"},
		{"http2 http3", &webtest.Exchange{Version: message.HTTP3}, "|h3"},
		{"host server_name http_host", &webtest.Exchange{Host: "b.example"}, "b.example|a.example|b.example"},
		{"http_x_a http_x_none http_cookie", &webtest.Exchange{Fields: []string{"X-A: 1", "x-a: 2", "Cookie: a=1", "Cookie: b=2"}}, "1, 2|-|a=1; b=2"},
		{"content_type content_length", &webtest.Exchange{Fields: []string{"Content-Type: text/x"}, Body: []string{"abc"}, Announced: true}, "text/x|3"},
		{"content_type content_length request_body request_body_file", &webtest.Exchange{}, "-|-|-|-"},
		{"remote_addr remote_port server_addr server_port connection_requests", &webtest.Exchange{}, "127.0.0.2|1234|127.0.0.1|8080|1"},
		{"status request_completion body_bytes_sent bytes_sent", &webtest.Exchange{}, "000||0|0"},
		{"status", &webtest.Exchange{Version: message.HTTP09}, "009"},
		{"document_root", &webtest.Exchange{}, "/srv"},
		{"limit_rate tcpinfo_rtt", &webtest.Exchange{}, "0|-"},
		{"arg_a arg_b arg_none", &webtest.Exchange{Target: "/?a=1&B=2&a=3"}, "1|2|-"},
	} {
		var got []string
		s := inMemory(t, "root /srv;", func(r *web.Request) web.Code {
			for _, name := range strings.Fields(c.names) {
				v, found := r.NamedVariable(name, nil)
				if !found {
					v = []byte("-")
				}
				got = append(got, string(v))
			}
			r.DiscardBody()
			return answer(r, "fine")
		})
		if s.Exchange(t, c.x); strings.Join(got, "|") != c.want {
			t.Errorf("%s: %s, want %s", c.names, strings.Join(got, "|"), c.want)
		}
	}
}

// What they say when it has been: for the log.
func TestVariablesForTheLog(t *testing.T) {
	var got, id string
	s := oneServer(t, `location / { say "$request_id"; }`, handling(web.Log, func(r *web.Request) web.Code {
		for _, name := range []string{"status", "request_completion", "body_bytes_sent", "request_length"} {
			v, _ := r.NamedVariable(name, nil)
			got += string(v) + " "
		}
		v, _ := r.NamedVariable("request_id", nil)
		id = string(v)
		sent, _ := r.NamedVariable("bytes_sent", nil)
		if body, _ := r.NamedVariable("body_bytes_sent", nil); string(sent) == string(body) {
			t.Error("the head has no length")
		}
		return web.OK
	}))
	x := s.Ask(t, "/")
	if got != "200 OK 32 14 " {
		t.Errorf("%q", got)
	}
	if x.Content != id || len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
		t.Errorf("$request_id %q, then %q", x.Content, id)
	}
	if again := s.Ask(t, "/"); again.Content == x.Content {
		t.Error("two requests have the same $request_id")
	}
}

// Who wants to know that a client has left is told when it is seen to leave, or else
// when its request has ended; once.
func TestOnLeave(t *testing.T) {
	for _, leaves := range []bool{true, false} {
		told := make(chan string, 10)
		x := new(webtest.Exchange)
		s := inMemory(t, "", func(r *web.Request) web.Code {
			for _, who := range []string{"one", "two"} {
				web.Arrivals{}.OnLeave(&r.Session, func() { told <- who })
			}
			if leaves {
				x.Leave()
				if web.Wait(&r.Session, time.Hour) {
					t.Error("the client has not left")
				}
				if len(told) != 2 {
					t.Errorf("%d are told when it leaves", len(told))
				}
			} else if len(told) != 0 {
				t.Error("the client is there")
			}
			return answer(r, "fine")
		})
		if s.Exchange(t, x); len(told) != 2 || <-told != "one" || s.Log() != "" {
			t.Errorf("leaves %v: not each of two is told once, in their order", leaves)
		}
	}
}

// What modules ask of the configuration.
func TestLooksAtConfiguration(t *testing.T) {
	h := webtest.New(t, header+`error_page 404 /a; server { listen 127.0.0.1:8080 http2; location /x { error_page 403 /b; location /x/y { } } }
		server { listen 127.0.0.1:8080; server_name b; } server { listen 127.0.0.1:8081; } }`, nil, nil).HTTP
	var names []string
	h.Each(func(l *web.Location) {
		names = append(names, l.Name)
		if inside := strings.HasPrefix(l.Name, "/x"); l.Core.HasErrorPage(403) != inside || l.Core.HasErrorPage(404) == inside {
			t.Errorf("error pages of %q", l.Name)
		}
	})
	if got := strings.Join(names, "|"); got != "||/x|/x/y||" {
		t.Errorf("levels %q", got)
	}
	is := func(name string) bool { return h.Any(func(l *web.Location) bool { return l.Name == name }) }
	if !is("/x/y") || is("/z") {
		t.Error("whether there is a level")
	}
	for i, want := range []bool{true, true, false} {
		if h.Servers[i].ListensForHTTP2() != want {
			t.Errorf("server %d listens for HTTP/2: %v", i, !want)
		}
	}
}
