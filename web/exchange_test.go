package web_test

import (
	"strings"
	"testing"

	"tandem/internal/version"
	"tandem/web"
	"tandem/web/webtest"
)

// inMemory starts a server without sockets that has handle answer everything; the
// text stands in its server block.
func inMemory(t *testing.T, conf string, handle web.Handler) *webtest.Server {
	t.Helper()
	return webtest.New(t, header+"server { listen 127.0.0.1:8080; server_name a.example; "+conf+" } }", append([]*web.Module{{
		Name: "handle",
		Init: func(h *web.HTTP) error {
			h.Handle(web.Content, handle)
			return nil
		},
	}}, webtest.Say...), nil)
}

// answer sends a body of a length that is known.
func answer(r *web.Request, body string) web.Code {
	r.Response.Status, r.Response.ContentLength = 200, int64(len(body))
	if code := r.SendHeader(); code != web.OK || r.HeaderOnly {
		return code
	}
	return r.SendBody(web.Chunk{Data: []byte(body), Last: true})
}

// A whole request needs no connection of any kind.
func TestExchange(t *testing.T) {
	s := webtest.New(t, header+`server { listen 127.0.0.1:8080;
		location / { say "$request_method $uri $args $server_protocol $http2 $remote_addr $server_port $connection_requests $content_length"; } } }`, webtest.Say, nil)
	x := s.Ask(t, "/a%20b?c")
	if x.Status != 200 || x.Content != "GET /a b c HTTP/2.0 h2c 127.0.0.2 8080 1 " || !x.Ended {
		t.Errorf("%d %q, ended %v", x.Status, x.Content, x.Ended)
	}
	if want := "Server: nginx/" + version.Nginx + "|Date|Content-Length: 41"; fieldsOf(x) != want {
		t.Errorf("fields %s, want %s", fieldsOf(x), want)
	}
	if x = s.Exchange(t, &webtest.Exchange{Method: "HEAD"}); x.Content != "" || x.Field("Content-Length") == "" || !x.Ended {
		t.Errorf("HEAD: %v %q", x.Head, x.Content)
	}
	if x = s.Ask(t, "/", "X: y", "Content-Length: 1", "Content-Length: 2"); x.Status != 400 || !x.Ended {
		t.Errorf("a faulty head: %d", x.Status)
	}
	if counts := x.Request.Counts(); counts.Requests != 3 || counts.Active != 0 || counts.Reading != 0 || counts.Connections != 0 {
		t.Errorf("%+v", counts)
	}
}

// fieldsOf shows the fields of a response, without the date.
func fieldsOf(x *webtest.Exchange) string {
	list := make([]string, 0, len(x.Head))
	for _, f := range x.Head {
		if strings.HasPrefix(f, "Date: ") {
			f = "Date"
		}
		list = append(list, f)
	}
	return strings.Join(list, "|")
}

// The fields of a response are told in nginx's order.
func TestFieldOrder(t *testing.T) {
	set := func(r *web.Request) web.Code {
		p := &r.Response
		p.Status, p.ContentLength, p.LastModified, p.GzipVary = 200, 3, 784111777, true
		p.ContentType, p.Charset = []byte("text/x"), []byte("utf-8")
		p.Location = r.Args
		p.Add("X-First", []byte("1"))
		p.Add("ETag", []byte(`"e"`))
		if code := r.SendHeader(); code != web.OK {
			return code
		}
		r.ExpectTrailers = true
		p.AddTrailer("X-Sum", []byte("s"))
		return r.SendBody(web.Chunk{Data: []byte("abc"), Last: true})
	}
	const before = "Server: nginx|Date|Content-Type: text/x; charset=utf-8|Content-Length: 3|Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT|"
	for _, c := range []struct{ conf, args, want string }{
		{"", "/up", before + "Location: http://localhost:8080/up|Vary: Accept-Encoding|X-First: 1|ETag: \"e\""},
		{"server_name_in_redirect on; port_in_redirect off;", "/up", before + "Location: http://a.example/up|Vary: Accept-Encoding|X-First: 1|ETag: \"e\""},
		{"absolute_redirect off;", "/up", before + "Vary: Accept-Encoding|Location: /up|X-First: 1|ETag: \"e\""},
		{"", "http://b/", before + "Vary: Accept-Encoding|Location: http://b/|X-First: 1|ETag: \"e\""},
	} {
		x := inMemory(t, "server_tokens off; "+c.conf, set).Ask(t, "/?"+c.args)
		if got := fieldsOf(x); got != c.want {
			t.Errorf("%s%s:\n%s, want\n%s", c.conf, c.args, got, c.want)
		}
		if x.Content != "abc" || strings.Join(x.Trailer, "|") != "X-Sum: s" {
			t.Errorf("%q, trailer %v", x.Content, x.Trailer)
		}
	}
}
