package tunnel_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"

	"tandem/proxy/exchange"
	"tandem/proxy/tunnel"
	"tandem/web"
	"tandem/web/access"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

var modules = []*web.Module{rewrite.Module, access.AuthBasic, exchange.Module, tunnel.Module}

// echo answers with what it gets.
func echo(t *testing.T, addr string) {
	t.Helper()
	webtest.Backend(t, addr, func(c net.Conn) { _, _ = io.Copy(c, c) })
}

func TestConnect(t *testing.T) {
	s := webtest.Start(t, `events {} http { upstream back { server 127.0.0.1:8081; }
	server { listen 127.0.0.1:8080; server_name anywhere;
		tunnel_pass;
		location /in/ { }
	}
	server { listen 127.0.0.1:8080; server_name fixed; tunnel_pass back; tunnel_read_timeout 100ms; }
	server { listen 127.0.0.1:8080; server_name none; }
	server { listen 127.0.0.1:8080; server_name broken; location / { tunnel_pass $host; } }
	server { listen 127.0.0.1:8080; server_name closed; tunnel_pass back; auth_basic closed; auth_basic_user_file users; }
	server { listen 127.0.0.1:8080; server_name refused; tunnel_pass 127.0.0.1:8082; }
	}`, modules, map[string]string{"users": "u:{PLAIN}p\n"})
	echo(t, s.Addr(t, "8081"))
	refused := s.Addr(t, "8082")
	for _, c := range []struct{ request, status, contains string }{
		{"CONNECT " + s.Addr(t, "8081") + " HTTP/1.1\r\nHost: x\r\n", "200 OK", ""},
		{"CONNECT fixed:1 HTTP/1.1\r\nHost: x\r\n", "200 OK", ""},
		{"CONNECT none:1 HTTP/1.1\r\nHost: x\r\n", "405 Not Allowed", ""},
		{"CONNECT anywhere:1 HTTP/1.0\r\nHost: x\r\n", "405 Not Allowed", ""},
		{"CONNECT fixed:1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n", "400 Bad Request", ""},
		{"CONNECT fixed HTTP/1.1\r\nHost: x\r\n", "400 Bad Request", ""},
		{"CONNECT broken:80 HTTP/1.1\r\nHost: x\r\n", "500 Internal Server Error", ""},
		{"CONNECT " + refused + " HTTP/1.1\r\nHost: x\r\n", "502 Bad Gateway", ""},
		{"CONNECT refused:1 HTTP/1.1\r\nHost: x\r\n", "502 Bad Gateway", ""},
		{"GET / HTTP/1.1\r\nHost: fixed\r\nConnection: close\r\n", "405 Not Allowed", ""},
		{"CONNECT closed:1 HTTP/1.1\r\nHost: x\r\n", "407 Proxy Authentication Required", "Proxy-Authenticate: Basic realm=\"closed\"\r\n"},
		{"CONNECT closed:1 HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpw\r\n", "407 Proxy Authentication Required", ""},
		{"CONNECT closed:1 HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic dTpw\r\n", "200 OK", ""},
	} {
		conn := s.Dial(t)
		// What follows the head goes into the tunnel.
		if _, err := io.WriteString(conn, c.request+"\r\nearly"); err != nil {
			t.Fatal(err)
		}
		br := bufio.NewReader(conn)
		head := ""
		for !strings.HasSuffix(head, "\r\n\r\n") {
			line, err := br.ReadString('\n')
			if err != nil {
				t.Fatalf("%q: %q, %v", c.request, head, err)
			}
			head += line
		}
		if !strings.HasPrefix(head, "HTTP/1.1 "+c.status+"\r\n") || !strings.Contains(head, c.contains) {
			t.Errorf("%q: got %q", c.request, head)
		}
		if c.status != "200 OK" {
			if rest, err := io.ReadAll(br); err != nil && len(rest) == 0 {
				t.Errorf("%q: %v", c.request, err)
			}
			continue
		}
		if strings.Contains(head, "Transfer-Encoding") || strings.Contains(head, "Content-Length") {
			t.Errorf("%q: got %q", c.request, head)
		}
		if _, err := io.WriteString(conn, " late"); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len("early late"))
		if _, err := io.ReadFull(br, got); err != nil || string(got) != "early late" {
			t.Errorf("%q: %q came back, %v", c.request, got, err)
		}
		if strings.Contains(c.request, "fixed") {
			// Nothing more comes: the time-out ends it.
			if rest, err := io.ReadAll(br); err != nil || len(rest) > 0 {
				t.Errorf("%q: %q, %v at the end", c.request, rest, err)
			}
			if !strings.Contains(s.Log(), "upstream timed out (110: Connection timed out) while proxying upgraded connection") {
				t.Errorf("log: %s", s.Log())
			}
		}
	}
}

func TestDirectives(t *testing.T) {
	for conf, want := range map[string]string{
		"tunnel_pass; tunnel_pass;":      `"tunnel_pass" directive is duplicate`,
		"tunnel_pass a:99999;":           `invalid port`,
		"tunnel_pass 127.0.0.1;":         `no port in upstream "127.0.0.1"`,
		"tunnel_next_upstream http_500;": `invalid value "http_500"`,
		"tunnel_buffer_size 64k;":        "",
	} {
		_, _, errs := webtest.Load(t.TempDir(), "events {} http { server { listen 127.0.0.1:1; "+conf+" } }", modules)
		got := ""
		if len(errs) > 0 {
			got = errs.Error()
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", conf, got, want)
		}
	}
}
