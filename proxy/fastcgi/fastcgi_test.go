package fastcgi_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"testing"

	"tandem/proxy/exchange"
	"tandem/proxy/fastcgi"
	"tandem/web"
	"tandem/web/headers"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

var modules = []*web.Module{rewrite.Module, exchange.Module, fastcgi.Module, headers.Module}

const begin = "events {}\nhttp {\n"

// listener counts the connections that it accepts.
type listener struct {
	net.Listener
	accepted atomic.Int32
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.accepted.Add(1)
	}
	return c, err
}

// serve answers requests over FastCGI with Go's own implementation.
func serve(t testing.TB, network, addr string, handler http.HandlerFunc) *listener {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	counting := &listener{Listener: l}
	go func() { _ = fcgi.Serve(counting, handler) }()
	return counting
}

// params are what Go's implementation asks for.
const params = `
	fastcgi_param REQUEST_METHOD $request_method;
	fastcgi_param SERVER_PROTOCOL $server_protocol;
	fastcgi_param REQUEST_URI $request_uri;
	fastcgi_param CONTENT_LENGTH $content_length;
`

// tell answers with what the request was: its headers in order, the rest of its
// environment, and the length and sum of its body.
func tell(w http.ResponseWriter, r *http.Request) {
	var lines []string
	for name, values := range r.Header {
		lines = append(lines, name+": "+strings.Join(values, "|"))
	}
	for name, value := range fcgi.ProcessEnv(r) {
		lines = append(lines, name+"="+value)
	}
	sort.Strings(lines)
	body, err := io.ReadAll(r.Body)
	sum := 0
	for i, b := range body {
		sum += i * int(b)
	}
	fmt.Fprintf(w, "%s %s %s\n%s\n%d %d %v", r.Method, r.URL.RequestURI(), r.Host, strings.Join(lines, "\n"), len(body), sum, err)
}

func TestPass(t *testing.T) {
	webtest.OnHTTP1(t, "Connection is passed on")
	s := webtest.Start(t, begin+params+`
	upstream u { server 127.0.0.1:8081; }
	server { listen 127.0.0.1:8080;
		location / { fastcgi_pass 127.0.0.1:8081; }
		location /params/ { fastcgi_pass u; `+params+`
			fastcgi_param A "a $arg_a"; fastcgi_param EMPTY $arg_none; fastcgi_param NONE $arg_none if_not_empty;
			fastcgi_param HTTP_X_GIVEN given; fastcgi_param HTTP_X_GONE ""; fastcgi_param HTTP_HOST host.example;
		}
		location /bare/ { fastcgi_pass u; fastcgi_pass_request_headers off; }
		location /var/ { fastcgi_pass $arg_to; }
		location /split/ { fastcgi_pass u; `+params+`
			fastcgi_split_path_info ^(.+\.php)(.*)$; fastcgi_index index.php;
			fastcgi_param SCRIPT $fastcgi_script_name; fastcgi_param INFO $fastcgi_path_info;
		}
	} }`, modules, nil)
	addr := s.Addr(t, "8081")
	serve(t, "tcp4", addr, tell)
	for _, c := range []struct {
		path    string
		headers []string
		want    string
	}{
		{"/a%20b?c", []string{"Accept: x", "X-Two: 1", "x-two: 2", "Cookie: a=1", "Cookie: b=2"},
			"GET /a%20b?c localhost\nAccept: x\nConnection: close\nCookie: a=1; b=2\nX-Two: 1, 2"},
		{"/params/?a=1", []string{"X-Given: client", "X-Gone: client"},
			"GET /params/?a=1 host.example\nA=a 1\nConnection: close\nEMPTY=\nX-Given: given"},
		{"/bare/", []string{"Accept: x"}, "GET /bare/ localhost\n"},
		{"/var/?to=" + addr, nil, "GET /var/?to=" + addr + " localhost\nConnection: close"},
		{"/var/?to=u", nil, "GET /var/?to=u localhost\nConnection: close"},
		{"/split/a.php/b/c", nil, "GET /split/a.php/b/c localhost\nConnection: close\nINFO=/b/c\nSCRIPT=/split/a.php"},
		{"/split/", nil, "GET /split/ localhost\nConnection: close\nINFO=\nSCRIPT=/split/index.php"},
	} {
		a := s.Get(t, c.path, c.headers...)
		if want := c.want + "\n0 0 <nil>"; a.Status != 200 || a.Body != want {
			t.Errorf("%s: got %d %q, want %q", c.path, a.Status, a.Body, want)
		}
	}
	if a := s.Get(t, "/var/?to=nowhere:80"); a.Status != 502 {
		t.Errorf("a host that cannot be looked up: %q", a.Raw)
	}
	if a := s.Get(t, "/var/?to=127.0.0.1"); a.Status != 500 || !strings.Contains(s.Log(), "no port in upstream \"127.0.0.1\"") {
		t.Errorf("no port: %q", a.Raw)
	}
}

// Bodies of every size and kind arrive whole.
func TestRequestBody(t *testing.T) {
	s := webtest.Start(t, begin+params+`
	client_max_body_size 0; client_body_buffer_size 200k;
	server { listen 127.0.0.1:8080;
		location / { fastcgi_pass 127.0.0.1:8081; }
		location /file { fastcgi_pass 127.0.0.1:8081; client_body_buffer_size 8k; }
		location /stream { fastcgi_pass 127.0.0.1:8081; fastcgi_request_buffering off; }
		location /none { fastcgi_pass 127.0.0.1:8081; `+strings.Replace(params, "$content_length", "0", 1)+` fastcgi_pass_request_body off; }
	} }`, modules, nil)
	serve(t, "tcp4", s.Addr(t, "8081"), tell)
	body := make([]byte, 300_000)
	for i := range body {
		body[i] = byte(i * 7)
	}
	for _, size := range []int{0, 1, 8, 1000, 32 << 10, 32<<10 + 1, 100_001, len(body)} {
		sum := 0
		for i, b := range body[:size] {
			sum += i * int(b)
		}
		for _, path := range []string{"/", "/file", "/stream", "/none"} {
			want := fmt.Sprintf("\n%d %d <nil>", size, sum)
			if path == "/none" {
				want = "\n0 0 <nil>"
			}
			raw := s.Raw(t, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", path, size, body[:size]))
			if a := webtest.ParseAnswer(t, "POST", raw); a.Status != 200 || !strings.HasSuffix(a.Body, want) {
				t.Errorf("%s: %d bytes: got %q, want it to end with %q", path, size, a.Raw, want)
			}
		}
	}
}

// A body in chunks is sent as it comes, too: FastCGI needs no length.
func TestStreamChunks(t *testing.T) {
	s := webtest.Start(t, begin+strings.Replace(params, "$content_length", "10", 1)+`
	server { listen 127.0.0.1:8080; location / { fastcgi_pass 127.0.0.1:8081; fastcgi_request_buffering off; } } }`, modules, nil)
	first := make(chan string)
	serve(t, "tcp4", s.Addr(t, "8081"), func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, 5)
		_, err := io.ReadFull(r.Body, b)
		first <- fmt.Sprint(string(b), err)
		rest, err := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %v", rest, err)
	})
	c := s.Dial(t)
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n")
	if got := <-first; got != "01234<nil>" {
		t.Fatalf("the first chunk: %q", got)
	}
	_, _ = io.WriteString(c, "5\r\n56789\r\n0\r\n\r\n")
	raw, err := io.ReadAll(c)
	if a := webtest.ParseAnswer(t, "POST", string(raw)); err != nil || a.Body != "56789 <nil>" {
		t.Errorf("got %q, %v", raw, err)
	}
}

// Connections are kept if fastcgi_keep_conn says so, also over a unix socket.
func TestKeepConn(t *testing.T) {
	socket := t.TempDir() + "/socket"
	s := webtest.Start(t, begin+params+`
	upstream u { server unix:`+socket+`; keepalive 4; }
	server { listen 127.0.0.1:8080;
		location /kept { fastcgi_pass u; fastcgi_keep_conn on; }
		location /closed { fastcgi_pass u; }
	} }`, modules, nil)
	l := serve(t, "unix", socket, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 100_000))
	})
	var counts []int32
	for _, path := range []string{"/kept", "/kept", "/closed", "/closed"} {
		if a := s.Get(t, path); a.Status != 200 || len(a.Body) != 100_000 {
			t.Fatalf("%s: %d, %d bytes", path, a.Status, len(a.Body))
		}
		counts = append(counts, l.accepted.Load())
	}
	// The first request that closes goes over the connection that was kept.
	if want := []int32{1, 1, 1, 2}; !slices.Equal(counts, want) {
		t.Errorf("connections after each request: %v, want %v", counts, want)
	}
}

// What stands at one level only holds for those inside of it; a level without
// directives of its own is like the one around it.
func TestInheritance(t *testing.T) {
	s := webtest.Start(t, begin+params+`
	fastcgi_param LEVEL http;
	fastcgi_hide_header X-Hidden;
	server { listen 127.0.0.1:8080;
		add_header Script $fastcgi_script_name;
		fastcgi_index i.php;
		location / { fastcgi_pass 127.0.0.1:8081; limit_except GET { fastcgi_pass 127.0.0.1:8082; } }
		location /own { `+params+` fastcgi_param LEVEL location;
			location /own/nested { fastcgi_pass 127.0.0.1:8081; }
			location /own/if { fastcgi_pass 127.0.0.1:8081; if ($arg_a) { set $a 1; } if ($arg_b) { fastcgi_pass 127.0.0.1:8082; } }
		}
		location /static { return 200 static; }
	} }`, modules, nil)
	for _, port := range []string{"8081", "8082"} {
		serve(t, "tcp4", s.Addr(t, port), func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Hidden", port)
			w.Header().Set("X-Port", port)
			_, _ = io.WriteString(w, fcgi.ProcessEnv(r)["LEVEL"])
		})
	}
	for _, c := range []struct{ method, path, body, port, script string }{
		{"GET", "/", "http", "8081", "/i.php"},
		{"PUT", "/", "http", "8082", "/i.php"},
		{"GET", "/own/nested", "location", "8081", "/own/nested"},
		{"GET", "/own/if", "location", "8081", "/own/if"},
		{"GET", "/own/if?a=1", "location", "8081", "/own/if"},
		{"GET", "/own/if?b=1", "location", "8082", "/own/if"},
		{"GET", "/static/", "static", "", "/static/i.php"},
	} {
		a := s.Do(t, c.method, c.path)
		if a.Status != 200 || a.Body != c.body || a.Header.Get("X-Port") != c.port || a.Header.Get("X-Hidden") != "" || a.Header.Get("Script") != c.script {
			t.Errorf("%s %s: got %q, want %q, %q, %q", c.method, c.path, a.Raw, c.body, c.port, c.script)
		}
	}
}

// Mistakes are told in nginx's words.
func TestMistakes(t *testing.T) {
	for _, c := range []struct{ conf, want string }{
		{"fastcgi_pass 127.0.0.1:1; fastcgi_pass 127.0.0.1:1;", `"fastcgi_pass" directive is duplicate`},
		{"fastcgi_pass 127.0.0.1;", `no port in upstream "127.0.0.1"`},
		{"fastcgi_pass 127.0.0.1:1/x;", `invalid host in upstream "127.0.0.1:1/x"`},
		{"fastcgi_pass unix:;", `no path in the unix domain socket in upstream "unix:"`},
		{"fastcgi_pass $none:1;", `unknown "none" variable`},
		{"fastcgi_param A b c;", `invalid parameter "c"`},
		{"fastcgi_split_path_info ^(.+)$;", `pattern "^(.+)$" must have 2 captures`},
		{"fastcgi_next_upstream http_502;", `invalid value "http_502"`},
		{"fastcgi_buffers 1 4k;", `there must be at least 2 "fastcgi_buffers"`},
		{"fastcgi_cache zone;", `"fastcgi_cache" zone "zone" is unknown`},
		{"fastcgi_cache off; fastcgi_send_lowat 1k; fastcgi_temp_path /tmp/x 1 2; fastcgi_store off;", ""},
	} {
		_, _, errs := webtest.Load(t.TempDir(), begin+"server { listen 127.0.0.1:8080; location / { "+c.conf+" } } }", modules)
		if got := fmt.Sprint(errs); c.want == "" && len(errs) > 0 || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want %q", c.conf, got, c.want)
		}
	}
}
