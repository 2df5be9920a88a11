package scgi_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"tandem/proxy/exchange"
	"tandem/proxy/scgi"
	"tandem/web"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

var modules = []*web.Module{rewrite.Module, exchange.Module, scgi.Module}

const begin = "events {}\nhttp {\n"

// readRequest reads a request: its parameters, one a line, and its body.
func readRequest(c net.Conn) (params, body string, err error) {
	br := bufio.NewReader(c)
	size, err := br.ReadString(':')
	if err != nil {
		return "", "", err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(size, ":"))
	if err != nil {
		return "", "", err
	}
	list := make([]byte, n+1)
	if _, err := io.ReadFull(br, list); err != nil {
		return "", "", err
	}
	parts := strings.Split(string(list), "\x00")
	if len(parts)%2 != 1 || parts[len(parts)-1] != "," || parts[0] != "CONTENT_LENGTH" {
		return "", "", fmt.Errorf("no list of parameters: %q", list)
	}
	for i := 0; i+1 < len(parts); i += 2 {
		params += parts[i] + "=" + parts[i+1] + "\n"
	}
	length, err := strconv.Atoi(parts[1])
	if err != nil {
		return "", "", err
	}
	b := make([]byte, length)
	_, err = io.ReadFull(br, b)
	return params, string(b), err
}

// serve answers each request with what it was, once.
func serve(t testing.TB, addr string) {
	webtest.Backend(t, addr, func(c net.Conn) {
		params, body, err := readRequest(c)
		sum := 0
		for i := range len(body) {
			sum += i * int(body[i])
		}
		_, _ = fmt.Fprintf(c, "Content-Type: text/plain\r\n\r\n%s%d %d %v", params, len(body), sum, err)
	})
}

func TestPass(t *testing.T) {
	webtest.OnHTTP1(t, "Connection is passed on")
	s := webtest.Start(t, begin+`
	upstream u { server 127.0.0.1:8081; }
	scgi_param SCGI 1;
	server { listen 127.0.0.1:8080;
		location / { scgi_pass 127.0.0.1:8081; }
		location /own { scgi_pass u; scgi_param A "$arg_a"; scgi_param B $arg_b if_not_empty; scgi_param HTTP_ACCEPT ""; scgi_param HTTP_HOST h; }
		location /bare { scgi_pass $arg_to; scgi_pass_request_headers off; }
		location /nul { scgi_pass u; client_body_in_single_buffer on; scgi_param BODY $request_body; }
	} }`, modules, nil)
	serve(t, s.Addr(t, "8081"))
	for _, c := range []struct{ path, want string }{
		{"/", "CONTENT_LENGTH=0\nSCGI=1\nHTTP_HOST=localhost\nHTTP_CONNECTION=close\nHTTP_ACCEPT=x\nHTTP_X_A=1, 2\n0 0 <nil>"},
		{"/own?a=1", "CONTENT_LENGTH=0\nA=1\nHTTP_HOST=h\nHTTP_CONNECTION=close\nHTTP_X_A=1, 2\n0 0 <nil>"},
		{"/bare?to=u", "CONTENT_LENGTH=0\nSCGI=1\nHTTP_HOST=localhost\n0 0 <nil>"},
	} {
		if a := s.Get(t, c.path, "Accept: x", "X-A: 1", "x-a: 2"); a.Status != 200 || a.Body != c.want {
			t.Errorf("%s: got %d %q, want %q", c.path, a.Status, a.Body, c.want)
		}
	}
	raw := s.Raw(t, "POST /nul HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\na\x00b")
	if a := webtest.ParseAnswer(t, "POST", raw); a.Status != 500 || !strings.Contains(s.Log(), `the value of the SCGI parameter "BODY" would contain a NUL`) {
		t.Errorf("a NUL in a parameter: %q", raw)
	}
}

// Bodies of every size and kind arrive whole, and their length is told.
func TestRequestBody(t *testing.T) {
	s := webtest.Start(t, begin+`
	client_max_body_size 0; client_body_buffer_size 200k;
	server { listen 127.0.0.1:8080;
		location / { scgi_pass 127.0.0.1:8081; }
		location /file { scgi_pass 127.0.0.1:8081; client_body_buffer_size 8k; }
		location /stream { scgi_pass 127.0.0.1:8081; scgi_request_buffering off; }
		location /none { scgi_pass 127.0.0.1:8081; scgi_pass_request_body off; }
	} }`, modules, nil)
	serve(t, s.Addr(t, "8081"))
	body := make([]byte, 300_000)
	for i := range body {
		body[i] = byte(i * 7)
	}
	for _, size := range []int{0, 1, 1000, 32<<10 + 1, 100_001, len(body)} {
		sum := 0
		for i, b := range body[:size] {
			sum += i * int(b)
		}
		for _, path := range []string{"/", "/file", "/stream", "/none"} {
			want := fmt.Sprintf("\n%d %d <nil>", size, sum)
			if path == "/none" {
				want = "\n0 0 <nil>"
			}
			for _, framed := range []string{
				fmt.Sprintf("Content-Length: %d\r\n\r\n%s", size, body[:size]),
				fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", size, body[:size]),
			} {
				if size == 0 {
					framed = "\r\n"
				}
				raw := s.Raw(t, "POST "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+framed)
				if a := webtest.ParseAnswer(t, "POST", raw); a.Status != 200 || !strings.HasSuffix(a.Body, want) {
					t.Errorf("%s: %d bytes: got %q, want it to end with %q", path, size, a.Raw, want)
				}
			}
		}
	}
}

// answers are what a back end sends, the beginning and the end of what the
// client gets for it, and what the log says.
var answers = []struct{ name, answer, begins, ends, log string }{
	{"a response", "Content-Type: text/plain\r\n\r\nbody", "HTTP/1.1 200 OK\r\n", "4\r\nbody\r\n0\r\n\r\n", ""},
	{"a status line", "HTTP/1.0 404 Lost\nA: b\n\nbody", "HTTP/1.1 404 Lost\r\n", "4\r\nbody\r\n0\r\n\r\n", ""},
	{"a status", "Status: 404 Lost\r\n\r\nbody", "HTTP/1.1 404 Lost\r\n", "4\r\nbody\r\n0\r\n\r\n", ""},
	{"a location", "Location: /x\r\n\r\n", "HTTP/1.1 302 Moved Temporarily\r\n", "Location: /x\r\n\r\n0\r\n\r\n", ""},
	{"a length", "Content-Length: 4\r\n\r\nbody", "HTTP/1.1 200 OK\r\n", "\r\n\r\nbody", ""},
	{"no body", "Status: 304\r\n\r\n", "HTTP/1.1 304 Not Modified\r\n", "close\r\n\r\n", ""},
	{"more than its length", "Content-Length: 2\r\n\r\nbody", "HTTP/1.1 200 OK\r\n", "\r\n\r\nbo", `upstream sent more data than specified in "Content-Length" header`},
	{"less than its length", "Content-Length: 9\r\n\r\nbody", "HTTP/1.1 200 OK\r\n", "\r\n\r\nbody", "upstream prematurely closed connection while reading upstream"},
	{"an upgrade that nobody asked for", "Status: 101 Up\r\n\r\n", "HTTP/1.1 101 Up\r\n", "\r\n\r\n", ""},

	{"nothing", "", "HTTP/1.1 502 ", "</html>\r\n", "upstream prematurely closed connection while reading response header"},
	{"no whole head", "Content-Type: x\r\n", "HTTP/1.1 502 ", "</html>\r\n", "upstream prematurely closed connection while reading response header"},
	{"no header", "A b: c\r\n\r\n", "HTTP/1.1 502 ", "</html>\r\n", `upstream sent invalid header: "A b: c"`},
	{"no status", "Status: x\r\n\r\n", "HTTP/1.1 502 ", "</html>\r\n", `upstream sent invalid status "x"`},
	{"an interim response", "HTTP/1.1 103 Early\r\n\r\n", "HTTP/1.1 502 ", "</html>\r\n", "upstream sent unexpected status 103"},
}

func TestAnswers(t *testing.T) {
	for _, directives := range []string{"", "scgi_buffering off;"} {
		for _, c := range answers {
			t.Run(directives+" "+c.name, func(t *testing.T) {
				s := webtest.Start(t, begin+`
				server { listen 127.0.0.1:8080; location / { scgi_pass 127.0.0.1:8081; `+directives+` } } }`, modules, nil)
				webtest.Backend(t, s.Addr(t, "8081"), func(conn net.Conn) {
					if _, _, err := readRequest(conn); err == nil {
						_, _ = io.WriteString(conn, c.answer)
					}
				})
				raw := s.Raw(t, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
				if !strings.HasPrefix(raw, c.begins) || !strings.HasSuffix(raw, c.ends) {
					t.Errorf("got %q, want %q ... %q", raw, c.begins, c.ends)
				}
				if c.log == "" && s.Log() != "" || !strings.Contains(s.Log(), c.log) {
					t.Errorf("the log does not say %q:\n%s", c.log, s.Log())
				}
				if c.log != "" && !strings.Contains(s.Log(), `upstream: "scgi://`+s.Addr(t, "8081")+`"`) {
					t.Errorf("the log does not say whose fault it was:\n%s", s.Log())
				}
			})
		}
	}
}

// A back end may take the connection over when the client has asked for that.
func TestUpgrade(t *testing.T) {
	s := webtest.Start(t, begin+`server { listen 127.0.0.1:8080; location / { scgi_pass 127.0.0.1:8081; } } }`, modules, nil)
	webtest.Backend(t, s.Addr(t, "8081"), func(conn net.Conn) {
		if _, _, err := readRequest(conn); err != nil {
			return
		}
		_, _ = io.WriteString(conn, "Status: 101 Up\r\nUpgrade: x\r\n\r\n")
		b := make([]byte, 4)
		if _, err := io.ReadFull(conn, b); err == nil {
			_, _ = conn.Write(append([]byte("got "), b...))
		}
	})
	c := s.Dial(t)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
	br := bufio.NewReader(c)
	for line := ""; line != "\r\n"; {
		var err error
		if line, err = br.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = io.WriteString(c, "ping")
	if got, _ := io.ReadAll(br); string(got) != "got ping" {
		t.Errorf("got %q", got)
	}
}
