package unruly

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"tandem/web/webtest"
)

// rewriting is everything that puts what back ends and clients say into other
// places.
const rewriting = `
	server { listen 127.0.0.1:8080; keepalive_requests 1000000; client_max_body_size 0;
		proxy_read_timeout 20s; proxy_buffer_size 8k; proxy_busy_buffers_size 16k; proxy_pass_trailers on;
		location / { proxy_pass http://BACKEND;
			proxy_redirect http://back/ /front/; proxy_redirect ~^/(?<rest>.*)$ http://x/$rest$arg_v;
			proxy_cookie_domain ~(?<name>.*) $name$arg_v; proxy_cookie_path / /p$arg_v/; proxy_cookie_flags ~ secure samesite=lax;
			proxy_hide_header X-Hidden; proxy_pass_header X-Accel-Expires; proxy_set_header X-Set "s$arg_h"; }
		location /uri { proxy_pass http://BACKEND$arg_v; }
		location /host { proxy_pass http://BACKEND; proxy_set_header Host h$arg_h; }
		location /method { proxy_pass http://BACKEND; proxy_method M$arg_h; }
		location /inside/ { internal; proxy_pass http://BACKEND; }
	}`

// wireBackend answers the head of a request with what answer makes of it, in
// one piece, and closes the connection.
func wireBackend(t testing.TB, answer func(head string) string) string {
	return webtest.Backend(t, "127.0.0.1:0", func(c net.Conn) {
		_ = c.SetDeadline(time.Now().Add(patience))
		head := ""
		for br := bufio.NewReader(c); !strings.HasSuffix(head, "\r\n\r\n"); {
			line, err := br.ReadString('\n')
			if err != nil {
				return
			}
			head += line
		}
		_, _ = io.WriteString(c, answer(head))
	})
}

// What a back end may put into a header in order to have it become two, or the
// head end: with each of these between "a" and "Evil: 1".
var lineEnds = []string{"\r", "\n", "\r\n", "\n\r", "\r\r\n", "\x00", "\r\n ", "\n\t", "\r\n\r\n", "\n\n", "\x0b", "\x0c", "\xc2\x85", "\xe2\x80\xa8", "%0d%0a"}

// The places in a response for them; "@" is where.
var places = []string{
	"HTTP/1.1 302 Found@\r\nLocation: /\r\n", "HTTP/1.1 302 Found\r\nLocation: /a@\r\n", "HTTP/1.1 302 Found\r\nLocation: http://back/@\r\n",
	"HTTP/1.1 200 OK\r\nSet-Cookie: a=b@; path=/; domain=x\r\n", "HTTP/1.1 200 OK\r\nSet-Cookie: a=b; path=/@; domain=x@\r\n",
	"HTTP/1.1 200 OK\r\nRefresh: 1; url=/a@\r\n", "HTTP/1.1 200 OK\r\nContent-Type: text/html@; charset=@x\r\n", "HTTP/1.1 200 OK\r\nX-A@: b\r\n", "HTTP/1.1 200 OK\r\nX-A: @\r\n",
	"HTTP/1.1 200 OK\r\nX-Accel-Redirect: /inside/@\r\n", "HTTP/1.1 200 OK\r\nX-Accel-Charset: a@\r\n", "HTTP/1.1 200 OK\r\nX-Accel-Expires: a@\r\n", "HTTP/1.1 200 OK\r\nETag: \"@\"\r\n",
	"HTTP/1.1 200 OK\r\nTrailer: X-T\r\nX-T: @\r\n",
}

// TestResponseSplitting has back ends try to end a header early. Nothing of it
// may be a line of its own at the client, unless the back end really sent two
// headers.
func TestResponseSplitting(t *testing.T) {
	t.Parallel()
	answers := make(chan string, 1)
	addr := wireBackend(t, func(head string) string {
		if strings.HasPrefix(head, "GET /inside/") {
			return ok200 + length3 + "\r\nabc"
		}
		return <-answers
	})
	s := webtest.Start(t, "events {}\nhttp {"+strings.ReplaceAll(rewriting, "BACKEND", addr)+"}", modules, nil)
	for _, place := range places {
		for _, end := range lineEnds {
			for _, trailer := range []bool{false, true} {
				text := strings.ReplaceAll(place, "@", "a"+end+"Evil: 1")
				head, rest := text+length3+"\r\n", "abc"
				if trailer {
					head = "HTTP/1.1 200 OK\r\n" + chunked + "\r\n"
					_, fields, _ := strings.Cut(text, "\r\n")
					rest = "3\r\nabc\r\n0\r\n" + fields + "\r\n"
				}
				answers <- head + rest
				c := s.Dial(t)
				if _, err := io.WriteString(c, "GET /?v=w HTTP/1.1\r\nHost: x\r\nTE: trailers\r\n\r\n"); err != nil {
					t.Fatal(err)
				}
				r := readReply(bufio.NewReader(c), "GET")
				_ = c.Close()
				if r.end != "complete" && r.end != "cut" && r.end != "close" {
					t.Errorf("%q: the client got %s", head+rest, r.end)
				}
				// A line that the back end ended with LF is one.
				own := strings.Contains(head+rest, "\nEvil: 1") || strings.Contains(head+rest, "\r\nEvil: 1")
				for _, f := range r.fields {
					if strings.HasPrefix(f, "Evil") && !own {
						t.Errorf("%q: the client got the header %q", head+rest, f)
					}
				}
			}
		}
	}
}

// TestRequestSplitting has clients try the same on back ends, through variables
// in the URI and in headers, and on the headers of responses.
func TestRequestSplitting(t *testing.T) {
	t.Parallel()
	heads := make(chan string, 100)
	addr := wireBackend(t, func(head string) string {
		heads <- head
		return "HTTP/1.1 302 Found\r\nLocation: /a\r\nSet-Cookie: a=b; path=/; domain=d\r\nContent-Length: 0\r\n\r\n"
	})
	conf := strings.ReplaceAll(rewriting, "BACKEND", addr)
	// What is decoded from the path may hold anything.
	conf = strings.ReplaceAll(strings.ReplaceAll(conf, "$arg_v", "$uri"), "$arg_h", "$uri")
	s := webtest.Start(t, "events {}\nhttp {"+conf+"}", modules, nil)
	for _, path := range []string{"/x%0d%0aEvil:%201", "/x%0aEvil:%201", "/x%0dEvil:%201", "/x%20HTTP/1.1%0d%0aEvil:%201%0d%0a%0d%0a", "/uri%0d%0aEvil:%201", "/uri%0aEvil: 1",
		"/host%0d%0aEvil:%201", "/host%0d", "/method%20/%20HTTP/1.1%0d%0aEvil:%201", "/method%0a"} {
		a := s.Raw(t, "GET "+strings.ReplaceAll(path, " ", "%20")+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(a, "HTTP/1.1 500 ") || strings.Contains(a, "\nEvil") || strings.Contains(a, "\rEvil") {
			t.Errorf("%s: got %q, want 500", path, a)
		}
	}
	if len(heads) > 0 {
		t.Errorf("a back end got %q", <-heads)
	}
	if want := "request to upstream would contain a line break"; !strings.Contains(s.Log(), want) {
		t.Errorf("the log does not say %q:\n%s", want, s.Log())
	}
}

// TestRewritesDoNotSplit has a client's path go into the headers of responses.
func TestRewritesDoNotSplit(t *testing.T) {
	t.Parallel()
	addr := wireBackend(t, func(string) string {
		return "HTTP/1.1 302 Found\r\nLocation: /a\r\nRefresh: 1; url=/a\r\nSet-Cookie: a=b; path=/; domain=d\r\nContent-Length: 0\r\n\r\n"
	})
	conf := strings.ReplaceAll(strings.ReplaceAll(rewriting, "BACKEND", addr), "$arg_v", "$uri")
	s := webtest.Start(t, "events {}\nhttp {"+strings.ReplaceAll(conf, "$arg_h", "")+"}", modules, nil)
	for _, path := range []string{"/x%0d%0aEvil:%201", "/x%0aEvil:%201", "/x%0dEvil:%201", "/x%00Evil"} {
		c := s.Dial(t)
		if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		r := readReply(bufio.NewReader(c), "GET")
		_ = c.Close()
		if r.end != "complete" {
			t.Errorf("%s: the client got %s", path, r.end)
		}
		for _, f := range r.fields {
			if strings.HasPrefix(f, "Evil") {
				t.Errorf("%s: the client got the header %q", path, f)
			}
		}
	}
}

// FuzzBackend sends anything as a back end's answer. The client gets a proper
// response, or can tell that it did not; and after a complete one its next
// request is answered.
func FuzzBackend(f *testing.F) {
	for _, c := range answers {
		text := ""
		for _, step := range c.steps {
			if s, ok := step.(string); ok {
				text += s
			}
		}
		if len(text) < 2000 {
			f.Add([]byte(text), false)
		}
	}
	for _, place := range places {
		f.Add([]byte(strings.ReplaceAll(place, "@", "a")+length3+"\r\nabc"), false)
	}
	f.Add([]byte(ok200+length3+"\r\nabc"), true)
	answers := make(chan string, 1)
	addr := wireBackend(f, func(head string) string {
		if strings.Contains(head, " /next ") || strings.HasPrefix(head, "GET /inside/") {
			return ok200 + length3 + "\r\nabc"
		}
		return <-answers
	})
	s := webtest.Start(f, "events {}\nhttp {"+strings.ReplaceAll(rewriting, "BACKEND", addr)+"}", modules, nil)
	f.Fuzz(func(t *testing.T, b []byte, head bool) {
		if strings.Contains(strings.ToLower(string(b)), "x-accel-redirect") || strings.Contains(string(b), "HTTP/1.1 101") {
			return // other requests follow, or nothing
		}
		method := "GET"
		if head {
			method = "HEAD"
		}
		answers <- string(b)
		c, err := net.Dial("tcp4", s.Addr(t, "8080"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(c, method+" /?v=w HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		br := bufio.NewReader(c)
		r := readReply(br, method)
		switch r.end {
		case "complete", "cut", "close":
		default:
			t.Fatalf("%q: the client got %s", b, r.end)
		}
		if r.closes() {
			return
		}
		if _, err := io.WriteString(c, "GET /next HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if r := readReply(br, "GET"); r.body != "abc" || r.end != "complete" {
			t.Fatalf("%q: the next request got %q %q %s", b, r.status, r.body, r.end)
		}
	})
}
