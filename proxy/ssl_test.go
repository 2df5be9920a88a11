package proxy_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"tandem/web/webtest"
)

// serveTLS answers requests over TLS with what it knows of the connection.
func serveTLS(t testing.TB, addr string, config *tls.Config) {
	t.Helper()
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for n := 1; ; n++ {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			go func(n int) {
				c := tls.Server(raw, config)
				defer func() { _ = c.Close() }()
				br := bufio.NewReader(c)
				for {
					if _, _, err := readMessage(br); err != nil {
						return
					}
					cs := c.ConnectionState()
					client := "none"
					if len(cs.PeerCertificates) > 0 {
						client = cs.PeerCertificates[0].Subject.CommonName
					}
					_, _ = io.WriteString(c, ok(fmt.Sprintf("conn %d sni %q client %s version %x resumed %v",
						n, cs.ServerName, client, cs.Version, cs.DidResume)))
				}
			}(n)
		}
	}()
}

func TestSSL(t *testing.T) {
	cert, _, pair := webtest.SelfSigned(t, "back.example")
	clientCert, clientKey, _ := webtest.SelfSigned(t, "front.example")
	other, _, _ := webtest.SelfSigned(t, "other.example")
	s := webtest.Start(t, begin+`
	upstream kept { server 127.0.0.1:8081; keepalive 4; }
	server { listen 127.0.0.1:8080;
		proxy_ssl_trusted_certificate back.crt;
		location /plain { proxy_pass https://127.0.0.1:8081; proxy_ssl_session_reuse off; }
		location /resume { proxy_pass https://127.0.0.1:8081; proxy_ssl_protocols TLSv1.2; }
		location /sni { proxy_pass https://127.0.0.1:8081; proxy_ssl_server_name on; proxy_ssl_name $arg_name; }
		location /verify { proxy_pass https://127.0.0.1:8081; proxy_ssl_verify on; proxy_ssl_name $arg_name; }
		location /untrusted { proxy_pass https://127.0.0.1:8081; proxy_ssl_verify on; proxy_ssl_name back.example; proxy_ssl_trusted_certificate other.crt; }
		location /client { proxy_pass https://127.0.0.1:8081; proxy_ssl_certificate front.crt; proxy_ssl_certificate_key front.key; }
		location /variable { proxy_pass https://127.0.0.1:8081; proxy_ssl_certificate $arg_name.crt; proxy_ssl_certificate_key $arg_name.key;
			proxy_ssl_certificate_cache max=2; }
		location /kept { proxy_pass https://kept; proxy_ssl_session_reuse off; proxy_ssl_server_name on; proxy_ssl_name $arg_name; }
		location /timeout { proxy_pass https://127.0.0.1:8082; proxy_connect_timeout 200ms; }
		location /closed { proxy_pass https://127.0.0.1:8083; }
	} }`, modules, map[string]string{"back.crt": cert, "front.crt": clientCert, "front.key": clientKey, "other.crt": other})
	serveTLS(t, s.Addr(t, "8081"), &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12})
	silent, err := net.Listen("tcp4", s.Addr(t, "8082"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	closing, err := net.Listen("tcp4", s.Addr(t, "8083"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = closing.Close() }()
	go func() {
		for {
			c, err := closing.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 16<<10)) // all of the ClientHello, or closing resets
			_ = c.Close()
		}
	}()
	for _, c := range []struct {
		path   string
		status int
		want   string // in the body, or in the log when the status is not 200
	}{
		{"/plain", 200, `sni "" client none version 304 resumed false`},
		{"/plain", 200, `resumed false`},
		{"/resume", 200, `version 303 resumed false`},
		{"/resume", 200, `version 303 resumed true`},
		{"/sni?name=a.example:443", 200, `sni "a.example"`},
		{"/sni?name=127.0.0.1", 200, `sni ""`},
		{"/verify?name=back.example", 200, `client none`},
		{"/verify?name=else.example", 502, `upstream SSL certificate does not match "else.example" while SSL handshaking to upstream`},
		{"/untrusted", 502, `upstream SSL certificate verify error: (18:self-signed certificate)`},
		{"/client", 200, `client front.example`},
		{"/variable?name=front", 200, `client front.example`},
		{"/variable?name=missing", 500, `/missing.crt": BIO_new_file() failed (SSL: error:80000002:`},
		{"/timeout", 504, `upstream timed out (110: Connection timed out) while SSL handshaking to upstream`},
		{"/closed", 502, `peer closed connection in SSL handshake while SSL handshaking to upstream`},
	} {
		a := s.Get(t, c.path)
		text := a.Body
		if c.status != 200 {
			text = s.Log()
		}
		if a.Status != c.status || !strings.Contains(text, c.want) {
			t.Errorf("%s: status %d, want %d and %q in\n%s", c.path, a.Status, c.status, c.want, text)
		}
	}
	// A connection is kept for the name that it was made with, and for no
	// other.
	conn := func(name string) string {
		n, _, _ := strings.Cut(s.Get(t, "/kept?name="+name).Body, " sni")
		return n
	}
	a, b := conn("a"), conn("b")
	if a == b || conn("a") != a || conn("b") != b {
		t.Errorf("connections for a and b: %s and %s, then %s and %s", a, b, conn("a"), conn("b"))
	}
}

func TestSSLMistakes(t *testing.T) {
	for conf, want := range map[string]string{
		"proxy_ssl_verify on;":                                  "no proxy_ssl_trusted_certificate for proxy_ssl_verify",
		"proxy_ssl_certificate x.crt;":                          `no "proxy_ssl_certificate_key" is defined for certificate "x.crt"`,
		"proxy_ssl_ciphers NOSUCH;":                             "no cipher match",
		"proxy_ssl_protocols SSLv3;":                            "leaves no protocol",
		"proxy_ssl_protocols TLSv9;":                            `invalid value "TLSv9"`,
		"proxy_ssl_conf_command NoSuch x;":                      `SSL_CONF_cmd("NoSuch", "x") is not supported`,
		"proxy_ssl_certificate_cache inactive=1;":               `must have the "max" parameter`,
		"proxy_ssl_password_file nosuch;":                       "no such file",
		"proxy_ssl_trusted_certificate n; proxy_ssl_verify on;": "no such file",
	} {
		_, _, errs := webtest.Load(t.TempDir(), begin+"server { location / { proxy_pass https://127.0.0.1:1; "+conf+" } } }", modules)
		if !errs.Failed() || !strings.Contains(errs.Error(), want) {
			t.Errorf("%s: %v, want %q", conf, errs, want)
		}
	}
}
