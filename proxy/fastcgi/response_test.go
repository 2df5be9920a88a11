package fastcgi_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"tandem/web/webtest"
)

// The types of records.
const (
	stdin  = 5
	stdout = 6
	stderr = 7
	end    = 3
)

// rec makes a record with as much padding.
func rec(kind byte, content string, padding int) string {
	return string([]byte{1, kind, 0, 1, byte(len(content) >> 8), byte(len(content)), byte(padding), 0}) + content + strings.Repeat("\x00", padding)
}

// done is how responses end.
var done = rec(stdout, "", 0) + rec(end, "12345678", 0)

// raw answers each request, which ends with an empty record, with bytes as they
// are, one at a time if slow; it closes the connection unless keep is set.
func raw(t testing.TB, addr, answer string, slow, keep bool) {
	t.Helper()
	webtest.Backend(t, addr, func(c net.Conn) {
		for buf := make([]byte, 64<<10); ; {
			for got := ""; !strings.HasSuffix(got, rec(stdin, "", 0)); {
				n, err := c.Read(buf)
				if err != nil {
					return
				}
				got += string(buf[:n])
			}
			step := len(answer)
			if slow {
				step = 1
			}
			for rest := answer; rest != ""; rest = rest[step:] {
				if _, err := io.WriteString(c, rest[:step]); err != nil {
					return
				}
			}
			if !keep {
				return
			}
		}
	})
}

const text = "Content-Type: text/plain\r\n\r\n"

const closed = "upstream prematurely closed connection while reading "

// answers are what a back end sends, what the client gets for it, "!" at its
// end if that is not a whole response, and what the log says.
var answers = []struct{ name, answer, want, log string }{
	{"a response", rec(stdout, text+"body", 3) + done, "200 body", ""},
	{"many records", rec(stdout, "X: y\r", 1) + rec(stdout, "\n"+text[:5], 0) + rec(stdout, text[5:], 7) + rec(stdout, "bo", 6) +
		rec(stderr, "Notice: x\r\n", 2) + rec(stdout, "dy", 0) + done, "200 body", `FastCGI sent in stderr: "Notice: x" while reading`},
	{"no empty stdout", rec(stdout, text+"body", 0) + rec(end, "12345678", 4), "200 body", ""},
	{"no end", rec(stdout, text+"body", 0), "200 body", ""},
	{"no whole end", rec(stdout, text+"body", 0) + rec(end, "12345678", 4)[:9], "200 body", ""},
	{"a status", rec(stdout, "Status: 404 Lost\r\n\r\nbody", 0) + done, "404 Lost body", ""},
	{"a status without words", rec(stdout, "Status: 404\r\n\r\nbody", 0) + done, "404 Not Found body", ""},
	{"two statuses", rec(stdout, "Status: 201\r\nStatus: 202\r\n\r\n", 0) + done, "201 Created", "upstream sent duplicate header line"},
	{"a status line", rec(stdout, "HTTP/1.1 404 Lost\r\n\r\nbody", 0) + done, "200 body", ""},
	{"a location", rec(stdout, "Location: /x\r\n\r\nbody", 0) + done, "302 Moved Temporarily body", ""},
	{"a location and a status", rec(stdout, "Location: /x\r\nStatus: 301 Moved\r\n\r\n", 0) + done, "301 Moved", ""},
	{"lines that end with LF", rec(stdout, "X: y\n\nbody", 0) + done, "200 body", ""},
	{"a redirect inside", rec(stdout, "X-Accel-Redirect: /inside\r\n\r\n", 0) + done, "200 inside", ""},
	{"a long message", rec(stderr, strings.Repeat("x", 20_000), 0) + rec(stdout, text+"body", 0) + done, "200 body", "xxx\" while reading response header"},
	{"more than its length", rec(stdout, "Content-Length: 2\r\n\r\nbody", 0) + done, "200 bo", `upstream sent more data than specified in "Content-Length" header`},
	{"much more than its length", rec(stdout, "Content-Length: 2\r\n\r\nbo", 0) + rec(stdout, "dy", 0) + done, "200 bo", "upstream sent more data"},

	{"nothing", "", "502", closed + "response header"},
	{"no whole head", rec(stdout, "Content", 0), "502", closed + "response header"},
	{"the end first", rec(end, "12345678", 0), "502", "upstream sent unexpected FastCGI record: 3"},
	{"the end of stdout first", done, "502", "upstream prematurely closed FastCGI stdout"},
	{"the end inside of the head", rec(stdout, "BAD", 0) + done, "502", "upstream prematurely closed FastCGI stdout"},
	{"HTTP", "HTTP/1.1 200 OK\r\n\r\n", "502", "upstream sent unsupported FastCGI protocol version: 72"},
	{"a management record", "\x01\x0a\x00\x00\x00\x00\x00\x00", "502", "upstream sent invalid FastCGI record type: 10"},
	{"another request", "\x01\x06\x00\x02\x00\x00\x00\x00", "502", "upstream sent unexpected FastCGI request id low byte: 2"},
	{"no number as status", rec(stdout, "Status: abc\r\n\r\n", 0) + done, "502", `upstream sent invalid status "abc"`},
	{"a status of four digits", rec(stdout, "Status: 2000\r\n\r\n", 0) + done, "502", `upstream sent invalid status "2000"`},
	{"an interim status", rec(stdout, "Status: 103\r\n\r\n", 0) + done, "502", "upstream sent unexpected status 103"},
	{"an upgrade", rec(stdout, "Status: 101\r\n\r\n", 0) + done, "502", "upstream sent unexpected status 101"},
	{"no header", rec(stdout, "X Y: z\r\n\r\n", 0) + done, "502", `upstream sent invalid header: "X Y: z"`},
	{"too long a head", rec(stdout, "X: "+strings.Repeat("y", 5000), 0) + done, "502", "upstream sent too big header"},
	{"a message that is a failure", rec(stderr, "PHP Fatal error. \n", 0) + rec(stdout, text+"body", 0) + done, "502", `FastCGI sent in stderr: "PHP Fatal error" while`},

	{"cut in a record", rec(stdout, text+"body", 0)[:len(text)+10], "200 bo!", closed + "upstream"},
	{"shorter than its length", rec(stdout, "Content-Length: 10\r\n\r\nbody", 0) + done, "200 body!", "upstream prematurely closed FastCGI stdout"},
	{"shorter, without an empty stdout", rec(stdout, "Content-Length: 10\r\n\r\nbody", 0) + rec(end, "12345678", 0), "200 body!", "upstream prematurely closed FastCGI request"},
	{"shorter, without an end", rec(stdout, "Content-Length: 10\r\n\r\nbody", 0), "200 body!", closed + "upstream"},
	{"garbage behind a record", rec(stdout, text+"body", 0) + "\x02garbage", "200 body!", "upstream sent unsupported FastCGI protocol version: 2"},
}

func TestAnswers(t *testing.T) {
	for _, options := range []string{"", "slow", "fastcgi_keep_conn on;", "fastcgi_buffering off;", "slow fastcgi_buffering off;"} {
		directives, slow := strings.CutPrefix(options, "slow")
		for _, c := range answers {
			want := c.want
			if strings.Contains(options, "keep_conn") && (c.name == "no end" || c.name == "no whole end") {
				want += "!"
			}
			t.Run(options+" "+c.name, func(t *testing.T) {
				s := webtest.Start(t, begin+`
				upstream u { server 127.0.0.1:8081; }
				server { listen 127.0.0.1:8080; fastcgi_catch_stderr Fatal;
					location / { fastcgi_pass u; `+directives+` }
					location /inside { return 200 inside; }
				} }`, modules, nil)
				raw(t, s.Addr(t, "8081"), c.answer, slow, false)
				if got := outline(s.Raw(t, "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				if !strings.Contains(s.Log(), c.log) || c.log == "" && s.Log() != "" && want == c.want {
					t.Errorf("the log does not say %q:\n%s", c.log, s.Log())
				}
				if c.log != "" && !strings.Contains(s.Log(), `upstream: "fastcgi://`+s.Addr(t, "8081")+`"`) {
					t.Errorf("the log does not say whose fault it was:\n%s", s.Log())
				}
			})
		}
	}
}

// outline is the status of a response, its words unless they are OK, and its
// body unless it is an error page of this server; "!" if it is cut.
func outline(answer string) string {
	head, body, _ := strings.Cut(answer, "\r\n\r\n")
	line, head, _ := strings.Cut(head, "\r\n")
	out := strings.TrimSuffix(strings.TrimPrefix(line, "HTTP/1.1 "), " OK")
	if strings.HasPrefix(out, "502") {
		return "502"
	}
	cut := ""
	if strings.Contains(head, "Transfer-Encoding: chunked") {
		if !strings.HasSuffix(body, "0\r\n\r\n") {
			cut = "!"
		}
		var joined strings.Builder
		for rest := body; rest != ""; {
			_, data, ok := strings.Cut(rest, "\r\n")
			if !ok {
				break
			}
			data, rest, _ = strings.Cut(data, "\r\n")
			joined.WriteString(data)
		}
		body = joined.String()
	} else if strings.Contains(head, "Content-Length: 10\r\n") {
		cut = "!"
	}
	if body != "" {
		out += " " + body
	}
	return out + cut
}

// A connection is used again after a whole response with nothing behind it.
func TestReuse(t *testing.T) {
	whole := rec(stdout, text+"body", 3) + done
	for name, c := range map[string]struct {
		answer string
		reused bool
	}{
		"whole":             {whole, true},
		"padded":            {rec(stdout, text+"body", 3) + rec(stdout, "", 5) + rec(end, "12345678", 7), true},
		"with more behind":  {whole + rec(stdout, "more", 0), false},
		"longer than told":  {rec(stdout, "Content-Length: 1\r\n\r\nbody", 0) + done, false},
		"as long as told":   {rec(stdout, "Content-Length: 4\r\n\r\nbody", 0) + done, true},
		"without a content": {rec(stdout, "Content-Length: 0\r\n\r\n", 0) + done, true},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "without a content" {
				webtest.OnHTTP1(t, "the client waits for more than the end of the response, which is its head")
			}
			s := webtest.Start(t, begin+`
			upstream u { server 127.0.0.1:8081; keepalive 4; }
			server { listen 127.0.0.1:8080; location / { fastcgi_pass u; fastcgi_keep_conn on; } } }`, modules, nil)
			conns := make(chan bool, 10)
			webtest.Backend(t, s.Addr(t, "8081"), func(conn net.Conn) {
				conns <- true
				for buf := make([]byte, 4096); ; {
					n, err := conn.Read(buf)
					if err != nil {
						return
					}
					if bytes.HasSuffix(buf[:n], []byte(rec(stdin, "", 0))) {
						_, _ = io.WriteString(conn, c.answer)
					}
				}
			})
			for range 3 {
				if a := s.Get(t, "/"); a.Status != 200 {
					t.Fatalf("got %q", a.Raw)
				}
			}
			want := 3
			if c.reused {
				want = 1
			}
			if len(conns) != want {
				t.Errorf("%d connections, want %d", len(conns), want)
			}
		})
	}
}

// Another peer is asked when a response cannot be understood, from its
// beginning; POST is sent once.
func TestNextUpstream(t *testing.T) {
	s := webtest.Start(t, begin+`
	upstream u { server 127.0.0.1:8081 max_fails=0; server 127.0.0.1:8082 backup; }
	server { listen 127.0.0.1:8080; location / { fastcgi_pass u; fastcgi_next_upstream invalid_header http_503; } } }`, modules, nil)
	raw(t, s.Addr(t, "8081"), rec(stderr, "oops", 0)+rec(stdout, "X: y\r\nBAD", 0)+done, false, true)
	raw(t, s.Addr(t, "8082"), rec(stdout, text+"good", 0)+done, false, false)
	for range 2 {
		if a := s.Get(t, "/"); a.Body != "good" || a.Header.Get("X") != "" {
			t.Errorf("got %q", a.Raw)
		}
	}
	if got := outline(s.Raw(t, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx")); got != "502" {
		t.Errorf("POST: got %q", got)
	}
}

// A back end is done with a response although the client does not take it, and
// the client gets it as it was, through memory and a file.
func TestSlowClient(t *testing.T) {
	s := webtest.Start(t, begin+params+`
	server { listen 127.0.0.1:8080; location / { fastcgi_pass 127.0.0.1:8081; } } }`, modules, nil)
	const size = 16 << 20
	sent := make(chan error, 1)
	serve(t, "tcp4", s.Addr(t, "8081"), func(w http.ResponseWriter, _ *http.Request) {
		b := make([]byte, 4096)
		for i := 0; i < size; i += len(b) {
			for j := range b {
				b[j] = byte((i + j) >> 8)
			}
			if _, err := w.Write(b); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	})
	c := s.Dial(t)
	if _, err := io.WriteString(c, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	_, body, _ := bytes.Cut(got, []byte("\r\n\r\n"))
	if err != nil || len(body) != size {
		t.Fatalf("%d bytes, want %d; %v", len(body), size, err)
	}
	for i, b := range body {
		if b != byte(i>>8) {
			t.Fatalf("the body differs at %d", i)
		}
	}
}
