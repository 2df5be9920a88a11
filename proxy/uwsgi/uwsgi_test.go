package uwsgi_test

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"tandem/proxy/exchange"
	"tandem/proxy/uwsgi"
	"tandem/web"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

var modules = []*web.Module{rewrite.Module, exchange.Module, uwsgi.Module}

const begin = "events {}\nhttp {\n"

// readRequest reads the packet of a request: its modifiers, its parameters, one
// a line, and what is behind them if it is no parameter.
func readRequest(c net.Conn) (string, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(c, head); err != nil {
		return "", err
	}
	packet := make([]byte, binary.LittleEndian.Uint16(head[1:]))
	if _, err := io.ReadFull(c, packet); err != nil {
		return "", err
	}
	text := func() (string, bool) {
		if len(packet) < 2 {
			return "", false
		}
		n := int(binary.LittleEndian.Uint16(packet))
		if len(packet) < 2+n {
			return "", false
		}
		s := string(packet[2 : 2+n])
		packet = packet[2+n:]
		return s, true
	}
	out := fmt.Sprintf("%d %d\n", head[0], head[3])
	for {
		name, ok := text()
		if !ok {
			return out + string(packet), nil
		}
		value, ok := text()
		if !ok {
			return "", fmt.Errorf("%q has no value", name)
		}
		out += name + "=" + value + "\n"
	}
}

func answer(c net.Conn) {
	got, err := readRequest(c)
	_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n%s%v", got, err)
}

func TestPass(t *testing.T) {
	webtest.OnHTTP1(t, "Connection is passed on")
	s := webtest.Start(t, begin+`
	upstream u { server 127.0.0.1:8081; }
	uwsgi_param A a;
	server { listen 127.0.0.1:8080;
		location / { uwsgi_pass 127.0.0.1:8081; }
		location /own { uwsgi_pass uwsgi://u; uwsgi_param B $arg_b if_not_empty; uwsgi_param LONG $arg_long;
			uwsgi_modifier1 5; uwsgi_modifier2 255; uwsgi_string ":"; }
		location /var { uwsgi_pass $arg_to; uwsgi_pass_request_headers off; }
	} }`, modules, nil)
	addr := s.Addr(t, "8081")
	webtest.Backend(t, addr, answer)
	long := strings.Repeat("x", 1000)
	for _, c := range []struct{ path, want string }{
		{"/", "0 0\nA=a\nHTTP_HOST=localhost\nHTTP_CONNECTION=close\nHTTP_X_A=1, 2\n<nil>"},
		{"/own?long=" + long, "5 255\nLONG=" + long + "\nHTTP_HOST=localhost\nHTTP_CONNECTION=close\nHTTP_X_A=1, 2\n:<nil>"},
		{"/var?to=u", "0 0\nA=a\nHTTP_HOST=localhost\n<nil>"},
		{"/var?to=uwsgi://" + addr, "0 0\nA=a\nHTTP_HOST=localhost\n<nil>"},
	} {
		if a := s.Get(t, c.path, "X-A: 1", "x-a: 2"); a.Status != 200 || a.Body != c.want {
			t.Errorf("%s: got %d %q, want %q", c.path, a.Status, a.Body, c.want)
		}
	}
}

// What is too long for a packet is not sent in part.
func TestTooBig(t *testing.T) {
	s := webtest.Start(t, begin+`large_client_header_buffers 4 80k;
	server { listen 127.0.0.1:8080; location / { uwsgi_pass 127.0.0.1:8081; uwsgi_param A $args; } } }`, modules, nil)
	webtest.Backend(t, s.Addr(t, "8081"), answer)
	if a := s.Get(t, "/?"+strings.Repeat("x", 70_000)); a.Status != 500 || !strings.Contains(s.Log(), "uwsgi request is too big: 70") {
		t.Errorf("got %q", a.Raw)
	}
}

// suwsgi is uwsgi over TLS.
func TestTLS(t *testing.T) {
	webtest.OnHTTP1(t, "Connection is passed on")
	s := webtest.Start(t, begin+`
	server { listen 127.0.0.1:8080;
		location / { uwsgi_pass suwsgi://127.0.0.1:8081; uwsgi_ssl_server_name on; uwsgi_ssl_name name.example; }
		location /var { uwsgi_pass $arg_to; }
	} }`, modules, nil)
	addr := s.Addr(t, "8081")
	_, _, pair := webtest.SelfSigned(t, "name.example")
	config := &tls.Config{Certificates: []tls.Certificate{pair}}
	webtest.Backend(t, addr, func(c net.Conn) {
		secure := tls.Server(c, config)
		if secure.Handshake() != nil {
			return
		}
		answer(secure)
		_ = secure.Close()
	})
	for _, path := range []string{"/", "/var?to=suwsgi://" + addr} {
		if a := s.Get(t, path); a.Status != 200 || !strings.HasSuffix(a.Body, "\nHTTP_CONNECTION=close\n<nil>") {
			t.Errorf("%s: got %q", path, a.Raw)
		}
	}
}

// Mistakes are told in nginx's words.
func TestMistakes(t *testing.T) {
	for _, c := range []struct{ conf, want string }{
		{"uwsgi_modifier1 256;", "value must be between 0 and 255"},
		{"uwsgi_pass suwsgi://127.0.0.1:1; uwsgi_ssl_verify on;", "no uwsgi_ssl_trusted_certificate for uwsgi_ssl_verify"},
		{"uwsgi_pass http://127.0.0.1:1;", `invalid host in upstream "http://127.0.0.1:1"`},
		{"uwsgi_cache zone;", "\"uwsgi_cache\" zone \"zone\" is unknown"},
		{"uwsgi_cache off; uwsgi_temp_path /tmp/x;", ""},
	} {
		_, _, errs := webtest.Load(t.TempDir(), begin+"server { listen 127.0.0.1:8080; location / { "+c.conf+" } } }", modules)
		if got := fmt.Sprint(errs); c.want == "" && len(errs) > 0 || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want %q", c.conf, got, c.want)
		}
	}
}
