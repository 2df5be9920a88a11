package web_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"tandem/web"
	"tandem/web/webtest"
)

// How many requests of a connection are answered before it is closed, of three.
func TestKeepalive(t *testing.T) {
	webtest.OnHTTP1(t, "connections of HTTP/2 end otherwise")
	const msie6, msie7 = "User-Agent: Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)", "User-Agent: Mozilla/4.0 (compatible; MSIE 7.0)"
	const sv1, opera = "User-Agent: Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)", "User-Agent: Mozilla/4.0 (compatible; MSIE 6.0) Opera 8"
	for _, c := range []struct {
		conf, line, field string
		answers           int
		told              string // in the first answer
	}{
		{"", "GET / HTTP/1.1", "", 3, "Connection: keep-alive"},
		{"", "GET / HTTP/1.0", "", 1, "Connection: close"},
		{"", "GET / HTTP/1.0", "Connection: keep-alive", 3, "Connection: keep-alive"},
		{"", "GET / HTTP/1.1", "Connection: CLOSE", 1, "Connection: close"},
		{"keepalive_requests 2;", "GET / HTTP/1.1", "", 2, "Connection: keep-alive"},
		{"keepalive_requests 1;", "GET / HTTP/1.1", "", 1, "Connection: close"},
		{"keepalive_timeout 0;", "GET / HTTP/1.1", "", 1, "Connection: close"},
		{"keepalive_timeout 75s 20s;", "GET / HTTP/1.1", "", 3, "Connection: keep-alive\r\nKeep-Alive: timeout=20"},
		{"keepalive_time 0;", "GET / HTTP/1.1", "", 1, "Connection: close"},
		{"keepalive_time 1h; location /off { keepalive_timeout 0; say off; }", "GET /off HTTP/1.1", "", 1, "Connection: close"},
		{"", "POST / HTTP/1.1", msie6, 1, "Connection: close"},
		{"", "GET / HTTP/1.1", msie6, 3, "Connection: keep-alive"},
		{"", "POST / HTTP/1.1", msie7, 3, "Connection: keep-alive"},
		{"", "POST / HTTP/1.1", sv1, 3, "Connection: keep-alive"},
		{"", "POST / HTTP/1.1", opera, 3, "Connection: keep-alive"},
		{"keepalive_disable none;", "POST / HTTP/1.1", msie6, 3, "Connection: keep-alive"},
		{"keepalive_disable safari;", "POST / HTTP/1.1", msie6, 3, "Connection: keep-alive"},
		{"keepalive_disable msie6 safari;", "GET / HTTP/1.1", "User-Agent: Mac OS X Safari/5", 1, "Connection: close"},
		{"", "GET / HTTP/1.1", "User-Agent: Mac OS X Safari/5", 3, "Connection: keep-alive"},
	} {
		s := webtest.Start(t, header+"server { listen 127.0.0.1:8080; "+c.conf+" location / { say fine; } } }", webtest.Say, nil)
		field := c.field
		if field != "" {
			field += "\r\n"
		}
		request := c.line + "\r\nHost: a\r\n" + field + "\r\n"
		raw := s.Raw(t, request+request+c.line+"\r\nHost: a\r\nConnection: close\r\n\r\n")
		answers := strings.Count(raw, "HTTP/1.1 200 OK\r\n")
		first, _, _ := strings.Cut(raw, "\r\n\r\n")
		if answers != c.answers || !strings.HasSuffix(first, c.told) || strings.Count(raw, "HTTP/1.1 ") != answers {
			t.Errorf("%s %s %s: %d answers, %q", c.conf, c.line, c.field, answers, raw)
		}
	}
}

// A client that does not come to the end of its request gets no answer; the log says
// what it was about.
func TestClientTimeouts(t *testing.T) {
	webtest.OnHTTP1(t, "the words of HTTP/2 are others")
	for _, c := range []struct{ name, conf, sent, log string }{
		{"silent", "client_header_timeout 50ms;", "", "client timed out (110: Connection timed out) while waiting for request"},
		{"in the line", "client_header_timeout 500ms;", "GET / HT", "client timed out (110: Connection timed out) while reading client request line"},
		{"in the fields", "client_header_timeout 500ms;", "GET / HTTP/1.1\r\nHost: ", "client timed out (110: Connection timed out) while reading client request headers"},
		{"in the body", "client_body_timeout 50ms;", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab", "client timed out (110: Connection timed out) while reading client request body"},
		{"after a request", "keepalive_timeout 50ms;", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			logged := make(chan string, 1)
			s := webtest.Start(t, header+"server { listen 127.0.0.1:8080; "+c.conf+" } }", []*web.Module{
				handling(web.Content, func(r *web.Request) web.Code {
					if code := r.ReadBody(); code != web.OK {
						return code
					}
					return answer(r, "fine")
				}),
				handling(web.Log, func(r *web.Request) web.Code {
					logged <- fmt.Sprint(r.FinalStatus())
					return web.OK
				})}, nil)
			conn := s.Dial(t)
			if _, err := io.WriteString(conn, c.sent); err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(conn)
			want, status := "", "408"
			if c.name == "after a request" {
				want, status = "HTTP/1.1 200 OK", "200"
			}
			if err != nil || !strings.HasPrefix(string(answer), want) || want == "" && len(answer) > 0 {
				t.Errorf("%s: %q, %v", c.name, answer, err)
			}
			if c.sent != "" { // else nothing has come of it
				if got := <-logged; got != status {
					t.Errorf("%s: logged %s, want %s", c.name, got, status)
				}
			}
			if c.log != "" {
				awaitLog(t, s, c.log)
			}
		})
	}
}

// The limits of a request's head, and what is made of unusual ones: those of the
// address's default server until the host is known, and of path and names.
func TestHeadLimits(t *testing.T) {
	webtest.OnHTTP1(t, "heads of HTTP/2 have other limits")
	long := strings.Repeat("x", 500)
	for _, c := range []struct{ conf, line, field, want string }{
		{"", "GET //a///b HTTP/1.1", "X-A: 1", "200 /a/b|1"},
		{"merge_slashes off;", "GET //a///b HTTP/1.1", "X-A: 1", "200 //a///b|1"},
		{"", "GET / HTTP/1.1", "X_A: 1", "200 /|"},
		{"underscores_in_headers on;", "GET / HTTP/1.1", "X_A: 1", "200 /|1"},
		{"", "GET / HTTP/1.1", "X!A: 1", "200 /|"},
		{"max_headers 3;", "GET / HTTP/1.1", "X-A: 1", "200 /|1"},
		{"max_headers 3;", "GET / HTTP/1.1", "X-A: 1\r\nX-B: 1", "400 "},
		{"", "GET /" + long + " HTTP/1.1", "X-A: " + long, "200 /" + long + "|" + long},
		{"client_header_buffer_size 128; large_client_header_buffers 2 512;", "GET /" + long + " HTTP/1.1", "X-A: 1", "414 "},
		{"client_header_buffer_size 128; large_client_header_buffers 2 512;", "GET / HTTP/1.1", "X-A: " + long + long, "400 "},
		{"client_header_buffer_size 128; large_client_header_buffers 2 512; error_page 494 =403 /big; location /big { say big; }", "GET / HTTP/1.1", "X-A: " + long + long, "403 big"},
	} {
		s := webtest.Start(t, header+"server { listen 127.0.0.1:8080; "+c.conf+` location / { say "$uri|$http_x_a"; } } }`, webtest.Say, nil)
		a := webtest.ParseAnswer(t, "GET", s.Raw(t, c.line+"\r\nHost: a\r\n"+c.field+"\r\nConnection: close\r\n\r\n"))
		got := fmt.Sprint(a.Status, " ", a.Body)
		if a.Status >= 400 && strings.HasPrefix(a.Body, "<html>") {
			got = fmt.Sprint(a.Status, " ")
		}
		if got != c.want {
			t.Errorf("%s %.20s %.20s: %s, want %s", c.conf, c.line, c.field, got, c.want)
		}
	}
}

// client_max_body_size of the location that is found, of what is announced.
func TestClientMaxBodySize(t *testing.T) {
	for _, c := range []struct {
		conf, target string
		length       int
		status       int
	}{
		{"client_max_body_size 5;", "/", 5, 200},
		{"client_max_body_size 5;", "/", 6, 413},
		{"client_max_body_size 5; location /large { client_max_body_size 10; }", "/large", 10, 200},
		{"client_max_body_size 5; location /large { client_max_body_size 10; }", "/large", 11, 413},
		{"client_max_body_size 5; location /any { client_max_body_size 0; }", "/any", 100, 200},
		{"", "/", 1 << 20, 200},
		{"", "/", 1<<20 + 1, 413},
		{"client_max_body_size 5; error_page 413 =200 /large; location /large { client_max_body_size 1; }", "/", 6, 200},
	} {
		s := oneServer(t, c.conf, handling(web.Content, func(r *web.Request) web.Code {
			r.DiscardBody()
			return answer(r, "fine")
		}))
		x := s.Exchange(t, &webtest.Exchange{Method: "POST", Target: c.target, Body: []string{strings.Repeat("x", c.length)}, Announced: true})
		refused := strings.Contains(s.Log(), fmt.Sprintf("client intended to send too large body: %d bytes", c.length))
		if x.Status != c.status || !x.Dropped || refused != (c.status == 413 || strings.Contains(c.conf, "error_page")) {
			t.Errorf("%s %s, %d bytes: %d, dropped %v, log %s", c.conf, c.target, c.length, x.Status, x.Dropped, s.Log())
		}
	}
}
