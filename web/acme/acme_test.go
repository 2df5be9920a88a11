package acme_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tandem/acme/acmetest"
	"tandem/session/resolver"
	"tandem/session/ssl"
	"tandem/web"
	"tandem/web/acme"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

var modules = []*web.Module{web.Shared(resolver.Module), rewrite.Module, web.Shared(ssl.Module), acme.Module}

// authority runs an authority on loopback.
func authority(t *testing.T) *acmetest.CA {
	t.Helper()
	ca := acmetest.New()
	s := httptest.NewTLSServer(ca)
	t.Cleanup(s.Close)
	ca.Site = s.URL
	return ca
}

const conf = `events {}
http {
	resolver 127.0.0.1:1;
	acme_issuer ca { uri %s/dir; ssl_verify off; state_path state; accept_terms_of_service; challenge %s; }
	server { listen 127.0.0.1:8080; server_name a.test; rewrite ^ https://elsewhere.test/ permanent; }
	server { listen 127.0.0.1:8081 ssl; server_name .a.test; acme_certificate ca; return 200 served;
		ssl_certificate $acme_certificate; ssl_certificate_key $acme_certificate_key; ssl_certificate_cache max=2; }
}`

// served waits until a server shows a certificate of the authority for a name, and
// returns what it serves.
func served(t *testing.T, s *webtest.Server, ca *acmetest.CA, name string) string {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(ca.Root())
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := tls.Dial("tcp", s.Addr(t, "8081"), &tls.Config{ServerName: name, RootCAs: roots})
		if err != nil {
			if time.Now().After(until) {
				t.Fatalf("no certificate: %v; the authority was asked %v", err, ca.Log())
			}
			continue
		}
		defer func() { _ = c.Close() }()
		_, _ = fmt.Fprintf(c, "GET / HTTP/1.0\r\nHost: %s\r\n\r\n", name)
		answer, _ := io.ReadAll(c)
		return string(answer)
	}
}

// The answer to HTTP-01 comes before what the configuration says of the path.
func TestHTTP01(t *testing.T) {
	ca := authority(t)
	var s *webtest.Server
	started := make(chan struct{})
	ca.Check = func(challenge, name, token, keyAuth string) error {
		<-started
		r, _ := http.NewRequest(http.MethodGet, "http://"+s.Addr(t, "8080")+"/.well-known/acme-challenge/"+token, nil)
		r.Host = name
		reply, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			return err
		}
		defer func() { _ = reply.Body.Close() }()
		text, _ := io.ReadAll(reply.Body)
		if challenge != "http-01" || reply.StatusCode != 200 || string(text) != keyAuth {
			t.Errorf("%s: %s, %q", challenge, reply.Status, text)
		}
		return nil
	}
	s = webtest.Start(t, fmt.Sprintf(conf, ca.Site, "http"), modules, nil)
	close(started)
	for _, name := range []string{"a.test", "www.a.test"} {
		if answer := served(t, s, ca, name); !strings.HasSuffix(answer, "served") {
			t.Errorf("%s: %q", name, answer)
		}
	}
	// Other tokens are the configuration's, and so are all when nothing is ordered.
	if a := s.Get(t, "/.well-known/acme-challenge/other"); a.Status != 301 {
		t.Errorf("another token: %d", a.Status)
	}
	old := s.Gen
	defer old.Retire(nil)
	if s.Reload(t, fmt.Sprintf(conf, ca.Site, "http"), modules); !strings.HasSuffix(served(t, s, ca, "a.test"), "served") || ca.Orders() != 1 {
		t.Errorf("after a reload: %d orders", ca.Orders())
	}
}

// The handshake of TLS-ALPN-01 shows a certificate with the answer, and nothing
// else is served on its connection.
func TestTLSALPN01(t *testing.T) {
	ca := authority(t)
	var s *webtest.Server
	started := make(chan struct{})
	ca.Check = func(challenge, name, _, keyAuth string) error {
		<-started
		c, err := tls.Dial("tcp", s.Addr(t, "8081"), &tls.Config{ServerName: name, NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true})
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		leaf := c.ConnectionState().PeerCertificates[0]
		sum := sha256.Sum256([]byte(keyAuth))
		want, _ := asn1.Marshal(sum[:])
		found := false
		for _, e := range leaf.Extensions {
			found = found || e.Id.String() == "1.3.6.1.5.5.7.1.31" && e.Critical && string(e.Value) == string(want)
		}
		if !found || leaf.DNSNames[0] != name || c.ConnectionState().NegotiatedProtocol != "acme-tls/1" || challenge != "tls-alpn-01" {
			t.Errorf("%s for %s: %v, answer found: %t", challenge, name, leaf.DNSNames, found)
		}
		return nil
	}
	s = webtest.Start(t, fmt.Sprintf(conf, ca.Site, "tls-alpn"), modules, nil)
	close(started)
	if answer := served(t, s, ca, "a.test"); !strings.HasSuffix(answer, "served") {
		t.Errorf("%q", answer)
	}
	// Without a question of the authority such a handshake is one like others.
	c, err := tls.Dial("tcp", s.Addr(t, "8081"), &tls.Config{ServerName: "a.test", NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true})
	if err == nil {
		_ = c.Close()
		t.Error("a handshake for an order that is over succeeds")
	}
}

func TestErrors(t *testing.T) {
	const issuer = "acme_issuer i { uri https://ca.test/dir; }"
	const tlsServer = "server { listen 127.0.0.1:8080 ssl; server_name a.test; ssl_certificate $acme_certificate; ssl_certificate_key $acme_certificate_key; "
	for text, want := range map[string]string{
		"acme_issuer i { }":                                                `"acme_issuer": "uri" is missing in`,
		"acme_issuer i { uri x; }":                                         `invalid value "x" in`,
		"acme_issuer i { uri https://a/; nonsense; }":                      `unknown directive "nonsense" in`,
		"acme_issuer i { uri https://a/; uri https://a/; }":                `"uri" directive is duplicate in`,
		"acme_issuer i { uri; }":                                           `invalid number of arguments in "uri" directive in`,
		"acme_issuer i { uri https://a/; account_key none.key; }":          `cannot load account key: BIO_new_file() failed`,
		"acme_issuer i { uri https://a/; account_key ecdsa:234; }":         `unsupported curve in`,
		"acme_issuer i { uri https://a/; account_key rsa:1024; }":          `unsupported key size in`,
		"acme_issuer i { uri https://a/; challenge pigeon; }":              `unsupported challenge: pigeon in`,
		"acme_issuer i { uri https://a/; profile short always; }":          `invalid value in`,
		"acme_issuer i { uri https://a/; external_account_key k data:#; }": `invalid base64url encoded value in`,
		issuer + tlsServer + "acme_certificate i; }":                       `acme_issuer: "resolver" is not configured in`,
		issuer + issuer: `"acme_issuer" directive is duplicate in`,
		"resolver 127.0.0.1;" + tlsServer + "acme_certificate i; }":                                              `issuer "i" is missing in`,
		"resolver 127.0.0.1;" + issuer + tlsServer + "acme_certificate i www.a.*; }":                             `invalid server name: unexpected character '*' at position 6 in`,
		"resolver 127.0.0.1;" + issuer + tlsServer + "acme_certificate i .a..b; }":                               `invalid server name: unexpected character '.' at position 3 in`,
		"resolver 127.0.0.1;" + issuer + tlsServer + "acme_certificate i key=ecdsa:1; }":                         `unsupported curve in`,
		"resolver 127.0.0.1;" + issuer + tlsServer + "acme_certificate i key=a.pem; }":                           `invalid "key" value in`,
		"resolver 127.0.0.1;" + issuer + "server { listen 127.0.0.1:8080; server_name ~x; acme_certificate i; }": `"acme_certificate": no identifiers found in "server_name" in`,
		"acme_shared_zone bad;":         `"acme_shared_zone" must have "zone" parameter in`,
		"acme_shared_zone zone=x:what;": `invalid zone size "what" in`,
	} {
		_, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp {\n"+text+"\n}\n", modules)
		found := false
		for _, err := range errs {
			found = found || strings.HasPrefix(err.Error(), want)
		}
		if !found {
			t.Errorf("%s:\ngot  %v\nwant %s", text, errs, want)
		}
	}
}
