package web_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/session/ssl"
	"tandem/web"
	"tandem/web/webtest"
)

// secureServer has TLS on port 8081, for two names.
func secureServer(t *testing.T, conf string) *webtest.Server {
	t.Helper()
	cert, key, _ := webtest.SelfSigned(t, "a.example", "b.example")
	return webtest.Start(t, header+`ssl_certificate a.crt; ssl_certificate_key a.key;
		server { listen 127.0.0.1:8080; listen 127.0.0.1:8081 ssl; server_name a.example; `+conf+`
			location / { say "$server_name $scheme $https $host"; } location /go/ { code 404; } }
		server { listen 127.0.0.1:8081 ssl; server_name b.example; say "$server_name"; } }`,
		append([]*web.Module{coded, web.Shared(ssl.Module)}, webtest.Say...), map[string]string{"a.crt": cert, "a.key": key})
}

// overTLS asks at port 8081 for a path, with the name of a handshake and a host.
func overTLS(t *testing.T, s *webtest.Server, name, host, path string) *webtest.Answer {
	t.Helper()
	conn, err := tls.Dial("tcp4", s.Addr(t, "8081"), &tls.Config{ServerName: name, InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, host)
	raw, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return webtest.ParseAnswer(t, "GET", string(raw))
}

// plain sends bytes to port 8081 as they are, and returns the answer.
func plain(t *testing.T, s *webtest.Server, port, sent string) string {
	t.Helper()
	conn, err := net.Dial("tcp4", s.Addr(t, port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, sent); err != nil {
		t.Fatal(err)
	}
	raw, _ := io.ReadAll(conn) // the server may reset what it does not read
	return string(raw)
}

// What a request over TLS knows of it. Its server is that of its host, whatever the
// handshake was for.
func TestOverTLS(t *testing.T) {
	s := secureServer(t, "")
	for _, c := range []struct{ name, host, want string }{
		{"a.example", "a.example", "a.example https on a.example"},
		{"b.example", "b.example", "b.example"},
		{"b.example", "a.example", "a.example https on a.example"},
		{"", "b.example", "b.example"},
		{"c.example", "c.example", "a.example https on c.example"},
	} {
		if a := overTLS(t, s, c.name, c.host, "/"); a.Body != c.want {
			t.Errorf("handshake for %q, host %s: %q, want %q", c.name, c.host, a.Body, c.want)
		}
	}
	if a := s.Get(t, "/"); a.Body != "a.example http  localhost" {
		t.Errorf("without TLS: %q", a.Body)
	}
	_, port, _ := net.SplitHostPort(s.Addr(t, "8081"))
	a := overTLS(t, s, "a.example", "a.example", "/go")
	if want := "https://a.example:" + port + "/go/"; a.Status != 301 || a.Header.Get("Location") != want {
		t.Errorf("%d, redirected to %q, want %s", a.Status, a.Header.Get("Location"), want)
	}
}

// Who speaks plain HTTP where TLS is expected is told so, through error_page too;
// who speaks neither gets nothing but a line in the log.
func TestWithoutTLS(t *testing.T) {
	const request = "GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n"
	for conf, want := range map[string]string{
		"": "HTTP/1.1 400 Bad Request\r\n|The plain HTTP request was sent to HTTPS port|Connection: close\r\n",
		"error_page 497 =301 https://$host$request_uri;": "HTTP/1.1 301 Moved Permanently\r\n|Location: https://a.example/x\r\n|Connection: close\r\n",
	} {
		s := secureServer(t, conf)
		raw := plain(t, s, "8081", request)
		for part := range strings.SplitSeq(want, "|") {
			if !strings.Contains(raw, part) {
				t.Errorf("%s: %q in %q", conf, part, raw)
			}
		}
		awaitLog(t, s, "[info]", "client sent plain HTTP request to HTTPS port while reading client request headers")
	}
	s := secureServer(t, "")
	_ = plain(t, s, "8081", "\x16\x03\x01\x00\x05nonsense that is no handshake")
	awaitLog(t, s, "[info]", "SSL_do_handshake() failed (", "while SSL handshaking, client: 127.0.0.1, server: 127.0.0.1:")
	// A client that does not trust the certificate says so.
	conn, err := tls.Dial("tcp4", s.Addr(t, "8081"), &tls.Config{ServerName: "a.example", RootCAs: x509.NewCertPool()})
	if err == nil {
		_ = conn.Close()
		t.Error("the client has trusted it")
	}
	awaitLog(t, s, "SSL_do_handshake() failed (", "bad certificate")
}

// A module may hear of handshakes: for whose server, and how they ended.
func TestOnHandshake(t *testing.T) {
	cert, key, _ := webtest.SelfSigned(t, "a.example", "b.example")
	told := make(chan string, 10)
	s := webtest.Start(t, header+`ssl_certificate a.crt; ssl_certificate_key a.key;
		server { listen 127.0.0.1:8081 ssl; server_name a.example; } server { listen 127.0.0.1:8081 ssl; server_name b.example; say b; } }`,
		append([]*web.Module{web.Shared(ssl.Module), {Name: "hears", Init: func(h *web.HTTP) error {
			h.OnHandshake(func(srv *web.Server, state *tls.ConnectionState, err error) {
				told <- fmt.Sprint(srv.Name(), " ", state.ServerName, " ", err == nil)
			})
			return nil
		}}}, webtest.Say...), map[string]string{"a.crt": cert, "a.key": key})
	overTLS(t, s, "b.example", "b.example", "/")
	_ = plain(t, s, "8081", "\x16\x03\x01\x00\x05nonsense")
	if got := []string{<-told, <-told}; !slices.Equal(got, []string{"b.example b.example true", "a.example  false"}) {
		t.Errorf("%q", got)
	}
}

// listen ... proxy_protocol: the header comes first, in pieces too; what is none
// ends the connection.
func TestProxyProtocol(t *testing.T) {
	s := webtest.Start(t, header+`client_header_timeout 20s; server { listen 127.0.0.1:8081 proxy_protocol;
		say "$proxy_protocol_addr $proxy_protocol_port $remote_addr"; } }`, webtest.Say, nil)
	const request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	for _, c := range []struct{ sent, want, log string }{
		{"PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n" + request, "192.0.2.1 1234 127.0.0.1", ""},
		{"PROXY UNKNOWN\r\n" + request, "  127.0.0.1", ""},
		{request, "", "broken header: \"GET / HTTP/1.1|while reading PROXY protocol, client: 127.0.0.1, server: 127.0.0.1:"},
		{"PROXY TCP4 nonsense\r\n" + request, "", "broken header: \"PROXY TCP4 nonsense|while reading PROXY protocol, client: 127.0.0.1, server: 127.0.0.1:"},
	} {
		raw := plain(t, s, "8081", c.sent)
		if _, body, _ := strings.Cut(raw, "\r\n\r\n"); body != c.want {
			t.Errorf("%q: %q", c.sent, raw)
		}
		if c.log != "" {
			awaitLog(t, s, append(strings.Split(c.log, "|"), "[error]")...)
		}
	}
	conn, err := net.Dial("tcp4", s.Addr(t, "8081"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for piece := range slices.Chunk([]byte("PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n"+request), 11) {
		if _, err := conn.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	if raw, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(raw), "\r\n\r\n192.0.2.1 1234 127.0.0.1") {
		t.Errorf("in pieces: %q, %v", raw, err)
	}
}
