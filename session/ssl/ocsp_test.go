package ssl_test

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"tandem/internal/ocsp/ocsptest"
	"tandem/session/resolver"
	"tandem/session/ssl"
	"tandem/web"
	"tandem/web/headers"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

var ocspModules = []*web.Module{web.Shared(ssl.Module), web.Shared(resolver.Module), headers.Module, rewrite.Module}

// stapled returns what a server staples to its certificate.
func stapled(t *testing.T, s *webtest.Server) []byte {
	t.Helper()
	conn := tls.Client(s.Dial(t), &tls.Config{InsecureSkipVerify: true})
	defer func() { _ = conn.Close() }()
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	return conn.ConnectionState().OCSPResponse
}

// until waits for something to be so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for range 1000 {
		if so() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s is not so after 10 s", what)
}

// What the responder says is stapled before anybody asks for it, and after a reload,
// without another question; what is not good is not.
func TestStapling(t *testing.T) {
	a := ocsptest.New(t)
	cert, key := ocsptest.PEM(a.Issue("a.test"), a.Root)
	files := map[string]string{"a.pem": cert, "a.key": key, "root.pem": a.RootPEM()}
	const conf = `http { server { listen 127.0.0.1:8080 ssl; ssl_certificate %[1]s.pem; ssl_certificate_key %[1]s.key; ssl_stapling on; ssl_stapling_verify on; %[2]s } }`
	s := webtest.Start(t, fmt.Sprintf(conf, "a", ""), ocspModules, files)
	until(t, "the certificate is stapled", func() bool { return stapled(t, s) != nil })
	if r, err := ocsp.ParseResponse(stapled(t, s), a.Root); err != nil || r.Status != ocsp.Good {
		t.Errorf("stapled: %v, %v", r, err)
	}
	s.Reload(t, fmt.Sprintf(conf, "a", "return 200 x;"), ocspModules)
	if stapled(t, s) == nil || len(a.Asked()) != 1 {
		t.Errorf("after a reload: %d bytes are stapled, the responder was asked %d times", len(stapled(t, s)), len(a.Asked()))
	}

	a.Says(ocsp.Revoked, time.Hour)
	cert, key = ocsptest.PEM(a.Issue("a.test"), a.Root)
	s = webtest.Start(t, fmt.Sprintf(conf, "b", ""), ocspModules, map[string]string{"b.pem": cert, "b.key": key})
	until(t, "it is logged", func() bool {
		return strings.Contains(s.Log(), "certificate status \"revoked\" in the OCSP response while requesting certificate status, responder: 127.0.0.1, certificate: \"")
	})
	if got := stapled(t, s); got != nil {
		t.Errorf("%d bytes are stapled to a certificate that is revoked", len(got))
	}
}

// A certificate that nobody can be asked about is a warning, and served.
func TestStaplingIgnored(t *testing.T) {
	a := ocsptest.New(t)
	for _, c := range []struct{ conf, behind, want string }{
		{"", "", "\"ssl_stapling\" ignored, issuer certificate not found for certificate \""},
		{"ssl_stapling_responder https://a.test/;", "root", "\"ssl_stapling\" ignored, invalid URL prefix in OCSP responder \"https://a.test/\" in the certificate \""},
		{"ssl_trusted_certificate root.pem;", "", ""},
		{"ssl_stapling_file a.pem;", "root", "d2i_OCSP_RESPONSE_bio(\""},
		{"ssl_stapling_file no.der;", "root", "BIO_new_file(\""},
	} {
		cert, key := ocsptest.PEM(a.Issue("a.test"))
		if c.behind != "" {
			cert += a.RootPEM()
		}
		s := webtest.New(t, "http { }", ocspModules, map[string]string{"a.pem": cert, "a.key": key, "root.pem": a.RootPEM()})
		_, _, errs := webtest.Load(s.Dir, "http { server { listen 127.0.0.1:8080 ssl; ssl_certificate a.pem; ssl_certificate_key a.key; ssl_stapling on; "+c.conf+" } }", ocspModules)
		if (len(errs) == 0) != (c.want == "") || len(errs) > 0 && !strings.Contains(errs.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.conf, errs, c.want)
		}
	}
}

// Clients are asked about, each as the server that they name says.
func TestClientStatus(t *testing.T) {
	a := ocsptest.New(t)
	cert, key, _ := webtest.SelfSigned(t, "s.test")
	s := webtest.Start(t, `http {
		ssl_certificate s.pem; ssl_certificate_key s.key; ssl_verify_client optional; ssl_client_certificate root.pem; ssl_ocsp leaf;
		add_header X-Verify $ssl_client_verify always;
		server { listen 127.0.0.1:8080 ssl; return 200 ""; }
		server { listen 127.0.0.1:8080 ssl; server_name cached; ssl_ocsp on; ssl_ocsp_cache shared:c:1m; return 200 ""; }
		server { listen 127.0.0.1:8080 ssl; server_name off; ssl_ocsp off; return 200 ""; }
	}`, ocspModules, map[string]string{"s.pem": cert, "s.key": key, "root.pem": a.RootPEM()})
	client, stranger := a.Issue("client"), ocsptest.New(t).Issue("client")
	ask := func(name string, cert ...tls.Certificate) string {
		t.Helper()
		conn := tls.Client(s.Dial(t), &tls.Config{InsecureSkipVerify: true, ServerName: name, Certificates: cert})
		defer func() { _ = conn.Close() }()
		_, _ = conn.Write([]byte("GET / HTTP/1.0\r\nHost: " + name + "\r\n\r\n"))
		b := make([]byte, 4096)
		n, err := conn.Read(b)
		head := string(b[:n])
		_, verify, ok := strings.Cut(head, "X-Verify: ")
		if !ok {
			t.Fatalf("%q, %v", head, err)
		}
		verify, _, _ = strings.Cut(verify, "\r\n")
		return head[len("HTTP/1.1 "):][:3] + " " + verify
	}
	expect := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	expect("good", ask("s.test", client), "200 SUCCESS")
	expect("without a certificate", ask("s.test"), "200 NONE")
	expect("not trusted", ask("s.test", stranger), "400 FAILED:unable to verify the first certificate")
	expect("good, kept", ask("cached", client), "200 SUCCESS")
	a.Says(ocsp.Revoked, time.Hour)
	expect("revoked", ask("s.test", client), "400 FAILED:certificate revoked")
	expect("revoked, where nobody asks", ask("off", client), "200 SUCCESS")
	expect("revoked, where it is kept that it is good", ask("cached", client), "200 SUCCESS")
	a.Says(ocsp.Unknown, time.Hour)
	expect("unknown", ask("s.test", client), "400 FAILED:certificate status unknown")
	a.Says(-1, time.Hour)
	expect("without an answer", ask("s.test", client), "400 FAILED:certificate status request failed")
	if want := "OCSP responder sent status 503 while requesting certificate status, responder: 127.0.0.1, client certificate: \"CN=client\""; !strings.Contains(s.Log(), want) {
		t.Errorf("log %s; want %s", s.Log(), want)
	}
	if n := len(a.Asked()); n != 5 {
		t.Errorf("the responder was asked %d times, want 5", n)
	}
}

// What is wrong with the directives is said in nginx's words.
func TestOCSPDirectives(t *testing.T) {
	cert, key, _ := webtest.SelfSigned(t, "s.test")
	s := webtest.New(t, "http { }", ocspModules, map[string]string{"s.pem": cert, "s.key": key})
	for conf, want := range map[string]string{
		"ssl_ocsp maybe;":                                            "invalid value \"maybe\"",
		"ssl_ocsp_cache c:1m;":                                       "invalid OCSP cache \"c:1m\"",
		"ssl_ocsp_cache shared:1m;":                                  "invalid OCSP cache \"shared:1m\"",
		"ssl_ocsp_cache shared:c:1k;":                                "OCSP cache \"shared:c:1k\" is too small",
		"ssl_ocsp on; ssl_ocsp_responder ftp://a.test;":              "invalid URL prefix in OCSP responder \"ftp://a.test\" in \"ssl_ocsp_responder\"",
		"ssl_ocsp on; ssl_verify_client optional_no_ca;":             "\"ssl_ocsp\" is incompatible with \"ssl_verify_client optional_no_ca\"",
		"ssl_session_cache shared:c:1m; ssl_ocsp_cache shared:c:1m;": "the shared memory zone \"c\" is already declared for a different use",
		"ssl_ocsp on; ssl_ocsp_cache off;":                           "",
	} {
		_, _, errs := webtest.Load(s.Dir, "http { server { listen 127.0.0.1:8080 ssl; ssl_certificate s.pem; ssl_certificate_key s.key; "+conf+" } }", ocspModules)
		if (len(errs) == 0) != (want == "") || len(errs) > 0 && !strings.Contains(errs.Error(), want) {
			t.Errorf("%s: %v, want %q", conf, errs, want)
		}
	}
}
