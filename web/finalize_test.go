package web_test

import (
	"net"
	"os"
	"strings"
	"testing"

	"tandem/web"
	"tandem/web/webtest"
)

// What a handler's code comes to: a page of nginx's own, no answer, or the
// response that the handler has sent.
func TestFinalize(t *testing.T) {
	for _, c := range []struct {
		name     string
		conf     string
		handle   web.Handler
		status   int // that the client sees, 0: none
		logged   int
		content  string // the beginning
		ending   web.Ending
		broken   bool
		tooSlow  bool
		complete string // $request_completion
	}{
		{"a response", "", func(r *web.Request) web.Code { return answer(r, "fine") }, 200, 200, "fine", web.Stays, false, false, "OK"},
		{"a refusal", "", func(*web.Request) web.Code { return 403 }, 403, 403, "<html>\r\n<head><title>403 Forbidden", web.Stays, false, false, "OK"},
		{"a bad request", "", func(*web.Request) web.Code { return 400 }, 400, 400, "<html>\r\n<head><title>400 Bad", web.EndsHastily, false, false, "OK"},
		{"a server's mistake", "", func(*web.Request) web.Code { return 500 }, 500, 500, "<html>", web.Ends, false, false, "OK"},
		{"too large", "", func(*web.Request) web.Code { return 413 }, 413, 413, "<html>", web.Ends, false, false, "OK"},
		{"an unavailable back end", "", func(*web.Request) web.Code { return 502 }, 502, 502, "<html>", web.Stays, false, false, "OK"},
		{"plain HTTP to HTTPS", "", func(*web.Request) web.Code { return web.StatusToHTTPS }, 400, 400, "<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port", web.EndsHastily, false, false, "OK"},
		{"no content", "", func(*web.Request) web.Code { return 204 }, 204, 204, "", web.Stays, false, false, "OK"},
		{"a status without a page", "", func(*web.Request) web.Code { return 499 - 40 }, 459, 459, "", web.Stays, false, false, "OK"},
		{"nobody's, and a folder", "", func(*web.Request) web.Code { return web.Declined }, 403, 403, "<html>", web.Stays, false, false, "OK"},
		{"the client left", "", func(*web.Request) web.Code { return web.StatusClientClosed }, 0, 499, "", web.Stays, true, false, ""},
		{"the client was too slow", "", func(*web.Request) web.Code { return 408 }, 0, 408, "", web.Stays, true, false, ""},
		{"return 444", "", func(*web.Request) web.Code { return web.StatusClose }, 0, 444, "", web.Stays, true, true, ""},
		{"an error after the head", "", func(r *web.Request) web.Code {
			r.Response.Status, r.Response.ContentLength = 200, 10
			if code := r.SendHeader(); code != web.OK {
				return code
			}
			return 500
		}, 200, 200, "", web.Stays, true, false, ""},
		{"a second head", "", func(r *web.Request) web.Code {
			if code := answer(r, "one"); code != web.OK {
				return code
			}
			return r.SendHeader()
		}, 200, 200, "one", web.Stays, true, false, ""},
		{"an internal redirect", "location /there { say \"there $uri $args\"; }", func(r *web.Request) web.Code {
			if string(r.Path) == "/there" {
				return web.Declined
			}
			return r.InternalRedirect([]byte("/there"), []byte("x"))
		}, 200, 200, "there /there x", web.Stays, false, false, "OK"},
		{"a redirect to itself", "", func(r *web.Request) web.Code { return r.InternalRedirect(r.Path, nil) }, 500, 500, "<html>", web.Ends, false, false, "OK"},
		{"a redirect to nowhere", "", func(r *web.Request) web.Code { return r.InternalRedirect(nil, nil) }, 500, 500, "<html>", web.Ends, false, false, "OK"},
		{"an unknown named location", "", func(r *web.Request) web.Code { return r.NamedLocation([]byte("@none")) }, 500, 500, "<html>", web.Ends, false, false, "OK"},
		{"error_page", "error_page 502 =200 /sorry; location /sorry { say sorry; }", func(r *web.Request) web.Code {
			if string(r.Path) == "/sorry" {
				return web.Declined
			}
			return 502
		}, 200, 200, "sorry", web.Stays, false, false, "OK"},
		{"error_page of a mistake", "error_page 500 =200 @sorry; location @sorry { say sorry; }", func(r *web.Request) web.Code {
			if r.Internal {
				return web.Declined
			}
			return 500
		}, 200, 200, "sorry", web.Ends, false, false, "OK"},
		{"error_page elsewhere", "error_page 502 http://b.example/;", func(*web.Request) web.Code { return 502 }, 302, 302, "<html>\r\n<head><title>302 Found", web.Stays, false, false, "OK"},
	} {
		s := inMemory(t, c.conf, c.handle)
		x := s.Ask(t, "/")
		r := x.Request
		if x.Status != c.status || r.FinalStatus() != c.logged || !strings.HasPrefix(x.Content, c.content) {
			t.Errorf("%s: %d, logged %d, %q", c.name, x.Status, r.FinalStatus(), x.Content)
		}
		if r.Ending() != c.ending || r.Broken() != c.broken || x.TooSlow != c.tooSlow {
			t.Errorf("%s: ending %d, broken %v, too slow %v", c.name, r.Ending(), r.Broken(), x.TooSlow)
		}
		if got, _ := r.NamedVariable("request_completion", nil); string(got) != c.complete {
			t.Errorf("%s: $request_completion %q", c.name, got)
		}
	}
}

// What a status leaves of the head and of the body.
func TestStatusWithoutBody(t *testing.T) {
	for _, c := range []struct {
		method, line string
		status       int
		want         string
		content      string
	}{
		{"GET", "", 200, "Content-Type: text/x|Content-Length: 3|Last-Modified", "abc"},
		{"HEAD", "", 200, "Content-Type: text/x|Content-Length: 3|Last-Modified", ""},
		{"GET", "", 206, "Content-Type: text/x|Content-Length: 3|Last-Modified", "abc"},
		{"GET", "", 404, "Content-Type: text/x|Content-Length: 3", "abc"},
		{"GET", "", 204, "", ""},
		{"GET", "204 None", 204, "Content-Type: text/x", ""},
		{"GET", "", 304, "Last-Modified", ""},
		{"GET", "304 Same", 304, "Content-Type: text/x|Content-Length: 3|Last-Modified", ""},
	} {
		x := inMemory(t, "", func(r *web.Request) web.Code {
			p := &r.Response
			p.Status, p.ContentLength, p.LastModified, p.ContentType, p.Location = c.status, 3, 784111777, []byte("text/x"), nil
			if c.line != "" {
				p.StatusLine = []byte(c.line)
			}
			p.OmitServer, p.OmitDate = true, true
			if code := r.SendHeader(); code != web.OK {
				return code
			}
			return r.SendBody(web.Chunk{Data: []byte("abc"), Last: true})
		}).Exchange(t, &webtest.Exchange{Method: c.method})
		got := strings.ReplaceAll(strings.Join(x.Head, "|"), "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "Last-Modified")
		if got != c.want || x.Content != c.content || !x.Ended {
			t.Errorf("%s %d %q: %s %q, ended %v", c.method, c.status, c.line, got, x.Content, x.Ended)
		}
	}
}

// A response that cannot be sent ends its request, and the log says why.
func TestSendFails(t *testing.T) {
	for _, c := range []struct {
		err     error
		log     string
		tooSlow bool
	}{
		{os.ErrDeadlineExceeded, "[info] PID: *N client timed out (110: Connection timed out) while sending response to client", true},
		{net.ErrClosed, "[info] PID: *N use of closed network connection while sending response to client", false},
		{os.ErrPermission, "[error] PID: *N permission denied while sending response to client", false},
	} {
		s := inMemory(t, "", func(r *web.Request) web.Code { return answer(r, "fine") })
		x := s.Exchange(t, &webtest.Exchange{SendError: c.err})
		level, message, _ := strings.Cut(c.log, " PID: *N ")
		if !x.Request.Broken() || x.TooSlow != c.tooSlow || !strings.Contains(s.Log(), level) || !strings.Contains(s.Log(), message) {
			t.Errorf("%v: broken %v, too slow %v, log %s", c.err, x.Request.Broken(), x.TooSlow, s.Log())
		}
	}
}

// A head that is refused is answered all the same, one that breaks off is not.
func TestRefuse(t *testing.T) {
	s := inMemory(t, "", func(r *web.Request) web.Code { return answer(r, "fine") })
	x := s.Ask(t, "/", "If-Range: a", "If-Range: b")
	if x.Status != 400 || x.Request.Ending() != web.EndsHastily || !strings.Contains(s.Log(), "client sent duplicate header line") {
		t.Errorf("%d, ending %d, log %s", x.Status, x.Request.Ending(), s.Log())
	}
	for _, target := range []string{"/%zz", "/../x", "no/path"} {
		x = s.Ask(t, target)
		if x.Status != 400 || x.Request.Ending() != web.EndsHastily {
			t.Errorf("%s: %d", target, x.Status)
		}
	}
	if x = s.Exchange(t, &webtest.Exchange{Method: "TRACE"}); x.Status != 405 {
		t.Errorf("TRACE: %d", x.Status)
	}
	if x = s.Exchange(t, &webtest.Exchange{Method: "CONNECT", Target: "a:1"}); x.Status != 405 {
		t.Errorf("CONNECT: %d", x.Status)
	}
}
