package ssl_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	nc "tandem/nginxconf"
	"tandem/session/ssl"
	"tandem/web"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

// authority signs certificates for a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func issue(t testing.TB, name string, by *authority) (certPEM, keyPEM string, a *authority) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name, "c"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: by == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(der)
	keyDER, _ := x509.MarshalECPrivateKey(key)
	certPEM = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return certPEM, string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})), &authority{cert, key, certPEM}
}

var modules = []*web.Module{rewrite.Module, web.Shared(ssl.Module)}

const conf = `events {}
http {
	ssl_certificate a.pem; ssl_certificate_key a.key;
	server { listen 127.0.0.1:8080 ssl; server_name a;
		return 200 "a $scheme $ssl_protocol $ssl_cipher $ssl_server_name $ssl_session_reused $ssl_client_verify";
	}
	server { listen 127.0.0.1:8080 ssl; server_name b; ssl_certificate b.pem; ssl_certificate_key b.key;
		ssl_verify_client optional; ssl_client_certificate ca.pem;
		return 200 "b $ssl_client_verify $ssl_client_s_dn";
	}
	server { listen 127.0.0.1:8080 ssl; server_name c; ssl_verify_client on; ssl_client_certificate ca.pem; return 200 c; }
	server { listen 127.0.0.1:8080 ssl; server_name v; ssl_certificate $ssl_server_name.pem; ssl_certificate_key ${ssl_server_name}.key; return 200 v; }
	server { listen 127.0.0.1:8080 ssl; server_name no; ssl_reject_handshake on; }
}`

func start(t *testing.T) (*webtest.Server, *authority) {
	files := map[string]string{}
	_, _, ca := issue(t, "ca", nil)
	files["ca.pem"] = ca.pem
	for _, name := range []string{"a", "b", "v"} {
		files[name+".pem"], files[name+".key"], _ = issue(t, name, ca)
	}
	return webtest.Start(t, conf, modules, files), ca
}

// get asks over TLS; it returns the whole answer.
func get(t *testing.T, s *webtest.Server, c *tls.Config) (string, error) {
	t.Helper()
	conn := tls.Client(s.Dial(t), c)
	if err := conn.Handshake(); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+c.ServerName+"\r\nConnection: close\r\n\r\n"); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

func TestServersByName(t *testing.T) {
	s, ca := start(t)
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	for name, want := range map[string]string{
		"a": "a https TLSv1.3 TLS_AES_128_GCM_SHA256 a . NONE",
		"b": "b NONE ",
		"v": "v",
	} {
		answer, err := get(t, s, &tls.Config{ServerName: name, RootCAs: pool})
		if err != nil || !strings.HasSuffix(answer, "\r\n\r\n"+want) {
			t.Errorf("%s: %q, %v", name, answer, err)
		}
	}
	if _, err := get(t, s, &tls.Config{ServerName: "no", RootCAs: pool}); err == nil {
		t.Error("a rejected handshake succeeds")
	}
	if plain := s.Raw(t, "GET / HTTP/1.0\r\n\r\n"); !strings.Contains(plain, "400 Bad Request") || !strings.Contains(plain, "plain HTTP request was sent to HTTPS port") {
		t.Errorf("plain HTTP: %q", plain)
	}
}

func TestSessionsAreResumed(t *testing.T) {
	s, ca := start(t)
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	c := &tls.Config{ServerName: "a", RootCAs: pool, ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	for i, want := range []string{" a . NONE", " a r NONE"} {
		answer, err := get(t, s, c)
		if err != nil || !strings.HasSuffix(answer, want) {
			t.Errorf("connection %d: %q, %v", i, answer, err)
		}
	}
}

func TestClientCertificates(t *testing.T) {
	s, ca := start(t)
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	pair := func(by *authority) []tls.Certificate {
		certPEM, keyPEM, _ := issue(t, "client", by)
		p, err := tls.X509KeyPair([]byte(certPEM), []byte(keyPEM))
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{p}
	}
	_, _, stranger := issue(t, "stranger", nil)
	for _, c := range []struct {
		server string
		certs  []tls.Certificate
		want   string
	}{
		{"b", pair(ca), "b SUCCESS CN=client"},
		{"b", pair(stranger), "The SSL certificate error"},
		{"c", nil, "No required SSL certificate was sent"},
		{"c", pair(ca), "\r\n\r\nc"},
	} {
		// A certificate is sent whether or not the server names its authority.
		send := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if c.certs == nil {
				return new(tls.Certificate), nil
			}
			return &c.certs[0], nil
		}
		answer, err := get(t, s, &tls.Config{ServerName: c.server, RootCAs: pool, GetClientCertificate: send})
		if err != nil || !strings.Contains(answer, c.want) {
			t.Errorf("%s: %q, %v; want %q", c.server, answer, err, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		`server { listen 127.0.0.1:8080 ssl; }`:                                                   `no "ssl_certificate" is defined for the "listen ... ssl" directive in`,
		`server { listen 127.0.0.1:8080 ssl; ssl_certificate x.pem; ssl_certificate_key x.key; }`: `cannot load certificate "`,
		`ssl_protocols TLSv1.4;`:                                                                  `invalid value "TLSv1.4" in`,
		`ssl_session_cache shared:a:1k;`:                                                          `session cache "shared:a:1k" is too small in`,
		`ssl_session_cache nonsense;`:                                                             `invalid session cache "nonsense" in`,
		`ssl_verify_client maybe;`:                                                                `invalid value "maybe" in`,
		`server { listen 127.0.0.1:8080 ssl; ssl_certificate x.pem; ssl_ciphers NONE; }`:          `SSL_CTX_set_cipher_list("NONE") failed (SSL: `,
	} {
		_, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp {\n"+text+"\n}\n", modules)
		if len(errs) == 0 || !strings.HasPrefix(errs[0].Error(), want) || errs[0].Severity != nc.Emerg {
			t.Errorf("%s: %v", text, errs)
		}
	}
}

// A list of ciphers that Go has none of is served with Go's, and that is said
// once, where it stands.
func TestCiphersNotInGo(t *testing.T) {
	_, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp {\nssl_ciphers DHE-RSA-AES256-SHA;\nserver { listen 127.0.0.1:8080; }\nserver { listen 127.0.0.1:8081; }\n}\n", modules)
	if len(errs) != 1 || errs[0].Severity != nc.Warn || !strings.HasPrefix(errs[0].Error(), `none of the ciphers "DHE-RSA-AES256-SHA" is supported, those of Go's TLS are used in `) || !strings.HasSuffix(errs[0].Error(), ":3") {
		t.Errorf("%v", errs)
	}
}
