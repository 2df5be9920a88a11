package web_test

import (
	"strings"
	"testing"

	"tandem/internal/version"
	"tandem/web/webtest"
)

const header = "events {}\nhttp {\n"

func TestServerAndLocation(t *testing.T) {
	s := webtest.Start(t, header+`
	server { listen 127.0.0.1:8080; server_name a;
		location / { say "a / $uri $args"; }
		location /p { say "a /p"; location /p/q { say "a /p/q"; } }
		location = /p { say "a = /p"; }
		location ^~ /no { say "a ^~ /no"; }
		location ~ \.php$ { say "a php"; }
		location ~* /(CASE)/(?<rest>.*)$ { say "a case $1 $rest"; }
		location /in { internal; say "never"; }
		error_page 404 /missing?x=1; location = /missing { say "missing $args $request_uri"; }
	}
	server { listen 127.0.0.1:8080; server_name *.b.example b.*; say b; }
	server { listen 127.0.0.1:8080; server_name ~^(?<sub>.+)\.c$; say "c $sub"; }
}`, webtest.Say, nil)
	for _, c := range []struct{ host, path, want string }{
		{"a", "/x?y=1", "a / /x y=1"},
		{"unknown", "/", "a / / "},
		{"a", "/p", "a = /p"},
		{"a", "/px", "a /p"},
		{"a", "/p/q/r", "a /p/q"},
		{"a", "/x.php", "a php"},
		{"a", "/no/x.php", "a ^~ /no"},
		{"a", "/case/tail", "a case case tail"},
		{"a", "/%61/../b/./c//d", "a / /b/c/d "},
		{"a", "/in", "missing x=1 /in"},
		{"x.b.example", "/", "b"},
		{"b.anything", "/", "b"},
		{"www.c", "/", "c www"},
		{"WWW.C:8080", "/", "c www"},
	} {
		raw := s.Raw(t, "GET "+c.path+" HTTP/1.1\r\nHost: "+c.host+"\r\nConnection: close\r\n\r\n")
		if got := webtest.ParseAnswer(t, "GET", raw).Body; got != c.want {
			t.Errorf("%s %s: %q, want %q", c.host, c.path, got, c.want)
		}
	}
}

func TestBuiltinPages(t *testing.T) {
	s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; } }`, webtest.Say, nil)
	raw := s.Raw(t, "GET /x HTTP/1.0\r\n\r\n")
	want := "<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n<center><h1>404 Not Found</h1></center>\r\n" +
		"<hr><center>nginx/" + version.Nginx + "</center>\r\n</body>\r\n</html>\r\n"
	if !strings.HasPrefix(raw, "HTTP/1.1 404 Not Found\r\nServer: nginx/"+version.Nginx+"\r\nDate: ") || !strings.HasSuffix(raw, "\r\n\r\n"+want) {
		t.Errorf("got %q", raw)
	}
	for _, bad := range []string{"GET / HTTP/1.1\r\n\r\n", "GE T / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"} {
		if raw := s.Raw(t, bad); !strings.HasPrefix(raw, "HTTP/1.1 400 Bad Request\r\n") || !strings.Contains(raw, "Connection: close\r\n") {
			t.Errorf("%q: got %q", bad, raw)
		}
	}
}

func TestPipelining(t *testing.T) {
	s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; say "[$uri]"; } }`, webtest.Say, nil)
	raw := s.Raw(t, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"+
		"GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	for _, want := range []string{"[/1]", "[/2]", "[/3]"} {
		if !strings.Contains(raw, want) {
			t.Errorf("no %s in %q", want, raw)
		}
	}
}

func TestVariables(t *testing.T) {
	s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; server_name .example.com;
		location /args { say "$arg_a [$arg_] $arg_none"; }
		location /cookies { say "$cookie_a|$cookie_B|$cookie_c|$cookie_"; }
		location /user { say "$remote_user"; }
		location /name { say "$server_name $host $request_port$is_request_port"; }
		location /tcp { say "$tcpinfo_snd_cwnd"; }
	} }`, webtest.Say, nil)
	for _, c := range []struct{ path, header, want string }{
		{"/args?xa=0&A=1&a=2", "X: y", "1 [] "},
		{"/args?=0&a", "X: y", " [] "},
		{"/cookies", "Cookie: xa=0; a=1; b = 2; c=", "1|2||"},
		{"/cookies", "Cookie: x=y, a=1;b", "|||"},
		{"/cookies", "Cookie: b=2\r\nCookie: a=1", "1|2||"},
		{"/user", "Authorization: basic  dXNlcjpwYTpzcw==", "user"},
		{"/user", "Authorization: Basic dXNlcjpwYTpzcw=junk", "user"},
		{"/user", "Authorization: Basic OnBhc3M=", ""},
		{"/user", "Authorization: Basic dXNlcg==", ""},
		{"/user", "Authorization: Basic a", ""},
		{"/user", "Authorization: Basic a:b", ""},
		{"/user", "Authorization: Digest dXNlcjpwYTpzcw==", ""},
		{"/name", "X: y", "example.com localhost "},
	} {
		if got := s.Get(t, c.path, c.header).Body; got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.path, c.header, got, c.want)
		}
	}
	if got := s.Get(t, "/tcp").Body; got == "" || got == "0" {
		t.Errorf("congestion window %q", got)
	}
}
