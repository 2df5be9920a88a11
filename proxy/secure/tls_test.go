package secure_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"tandem/web/webtest"
)

// authority is a certificate that can sign others.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

var serial int64 = 1

// issue makes a certificate for name; a nil authority has it sign itself.
func (a *authority) issue(t testing.TB, name string, ca bool) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: ca, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if !ca {
		template.KeyUsage = x509.KeyUsageDigitalSignature
	}
	if a == nil {
		a = &authority{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

func (a *authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
}

func (a *authority) keyPEM(t testing.TB) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// revoke returns a list of what the authority takes back.
func (a *authority) revoke(t testing.TB, certs ...*authority) string {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)}
	for _, c := range certs {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: c.cert.SerialNumber, RevocationTime: time.Now().Add(-time.Minute)})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.cert, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
}

// serveTLS answers each connection's request with what it was made with.
func serveTLS(t testing.TB, low, high uint16, chain ...*authority) (addr string) {
	t.Helper()
	pair := tls.Certificate{PrivateKey: chain[0].key}
	for _, c := range chain {
		pair.Certificate = append(pair.Certificate, c.cert.Raw)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert, MinVersion: low, MaxVersion: high}
	return webtest.Backend(t, "127.0.0.1:0", func(raw net.Conn) {
		c := tls.Server(raw, config)
		if _, _, err := webtest.ReadHead(bufio.NewReader(c)); err != nil {
			return
		}
		cs := c.ConnectionState()
		client := "nobody"
		if len(cs.PeerCertificates) > 0 {
			client = cs.PeerCertificates[0].Subject.CommonName
		}
		text := fmt.Sprintf("%s from %s to %s with %s", tls.VersionName(cs.Version), client, cs.ServerName, tls.CipherSuiteName(cs.CipherSuite))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: "+fmt.Sprint(len(text))+"\r\n\r\n"+text)
		_ = c.Close()
	})
}

// What is accepted of a back end, by its chain of certificates and the settings.
func TestVerify(t *testing.T) {
	root := (*authority)(nil).issue(t, "root", true)
	middle := root.issue(t, "middle", true)
	leaf, deep := root.issue(t, "back.example", false), middle.issue(t, "back.example", false)
	stranger := (*authority)(nil).issue(t, "stranger", true).issue(t, "back.example", false)
	files := map[string]string{
		"root.crt": root.pem(), "both.crt": root.pem() + middle.pem(),
		"none.crl": root.revoke(t), "leaf.crl": root.revoke(t, leaf), "middle.crl": root.revoke(t, middle) + middle.revoke(t),
	}
	for _, c := range []struct {
		name, settings string
		chain          []*authority
		log            string // "": it is accepted
	}{
		{"not verified", "proxy_ssl_verify off;", []*authority{stranger}, ""},
		{"trusted", "", []*authority{leaf}, ""},
		{"a stranger", "", []*authority{stranger}, "upstream SSL certificate verify error: (21:unable to verify the first certificate)"},
		{"another name", "proxy_ssl_name front.example;", []*authority{leaf}, `upstream SSL certificate does not match "front.example"`},
		{"with a port", "proxy_ssl_name back.example:443;", []*authority{leaf}, ""},
		{"in between", "", []*authority{deep, middle}, ""},
		{"in between is missing", "", []*authority{deep}, "verify error: (21:unable to verify the first certificate)"},
		{"in between is trusted", "proxy_ssl_trusted_certificate both.crt;", []*authority{deep}, ""},
		{"too deep", "proxy_ssl_verify_depth 0;", []*authority{deep, middle}, "verify error: (22:certificate chain too long)"},
		{"deep enough", "proxy_ssl_verify_depth 2;", []*authority{deep, middle}, ""},
		{"nobody is revoked", "proxy_ssl_crl none.crl;", []*authority{leaf}, ""},
		{"revoked", "proxy_ssl_crl leaf.crl;", []*authority{leaf}, "verify error: (23:certificate revoked)"},
		{"no list of whom to ask", "proxy_ssl_crl none.crl;", []*authority{deep, middle}, "verify error: (3:unable to get certificate CRL)"},
		{"revoked in between", "proxy_ssl_crl middle.crl;", []*authority{deep, middle}, "verify error: (23:certificate revoked)"},
	} {
		level := "proxy_ssl_name back.example; proxy_ssl_verify on; proxy_ssl_trusted_certificate root.crt; "
		s := webtest.New(t, begin+level+"location / { "+c.settings+" proxy_pass https://"+serveTLS(t, 0, 0, c.chain...)+"; } } }", modules, files)
		x := s.Ask(t, "/")
		if c.log == "" {
			if x.Status != 200 {
				t.Errorf("%s: %d, log\n%s", c.name, x.Status, s.Log())
			}
		} else if x.Status != 502 || !strings.Contains(s.Log(), c.log+" while SSL handshaking to upstream") {
			t.Errorf("%s: %d, want %s in\n%s", c.name, x.Status, c.log, s.Log())
		}
	}
}

// What is spoken, by whom, to whom.
func TestConnections(t *testing.T) {
	back := (*authority)(nil).issue(t, "back.example", false)
	front, other := (*authority)(nil).issue(t, "front.example", false), (*authority)(nil).issue(t, "other.example", false)
	files := map[string]string{
		"front.crt": front.pem(), "front.key": front.keyPEM(t), "other.crt": other.pem(), "other.key": other.keyPEM(t),
	}
	const certificate = "proxy_ssl_certificate front.crt; proxy_ssl_certificate_key front.key; "
	addr := serveTLS(t, tls.VersionTLS10, 0, back)
	for _, c := range []struct{ settings, want string }{
		{"", "TLS 1.3 from nobody to  with TLS_"},
		{"proxy_ssl_protocols TLSv1.2;", "TLS 1.2 from nobody to  with"},
		{"proxy_ssl_protocols TLSv1 TLSv1.1;", "TLS 1.1 from nobody"},
		{"proxy_ssl_protocols TLSv1.2; proxy_ssl_ciphers ECDHE-ECDSA-CHACHA20-POLY1305;", "TLS 1.2 from nobody to  with TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"},
		{"proxy_ssl_conf_command MaxProtocol TLSv1.2;", "TLS 1.2 from nobody"},
		{"proxy_ssl_protocols TLSv1.2 TLSv1.3; proxy_ssl_conf_command MinProtocol TLSv1.3;", "TLS 1.3 from nobody"},
		{"proxy_ssl_conf_command MaxProtocol TLSv1.2; proxy_ssl_conf_command CipherString ECDHE-ECDSA-AES256-GCM-SHA384;", "TLS 1.2 from nobody to  with TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
		{"proxy_ssl_server_name on; proxy_ssl_name $arg_n;", "TLS 1.3 from nobody to n.example with"},
		{"proxy_ssl_server_name on; proxy_ssl_name [::1]:443;", "TLS 1.3 from nobody to  with"},
		{"proxy_ssl_name n.example;", "TLS 1.3 from nobody to  with"},
		{certificate, "TLS 1.3 from front.example"},
		{"proxy_ssl_conf_command Certificate front.crt; proxy_ssl_conf_command PrivateKey front.key;", "TLS 1.3 from front.example"},
		{"proxy_ssl_certificate $arg_c.crt; proxy_ssl_certificate_key $arg_c.key;", "TLS 1.3 from other.example"},
		{"proxy_ssl_certificate $arg_none; proxy_ssl_certificate_key $arg_none;", "TLS 1.3 from nobody"},
	} {
		s := webtest.New(t, begin+"location / { "+c.settings+" proxy_pass https://"+addr+"; } } }", modules, files)
		if x := s.Ask(t, "/?n=n.example&c=other"); !strings.HasPrefix(x.Content, c.want) {
			t.Errorf("%s: %d %q, want %q", c.settings, x.Status, x.Content, c.want)
		}
	}
	// What the outer level says holds inside, unless that says something else.
	s := webtest.New(t, begin+certificate+"location / { proxy_pass https://"+addr+"; } location /none { proxy_pass https://"+addr+
		`; proxy_ssl_certificate ""; } } }`, modules, files)
	for target, want := range map[string]string{"/": "TLS 1.3 from front.example", "/none": "TLS 1.3 from nobody"} {
		if x := s.Ask(t, target); !strings.HasPrefix(x.Content, want) {
			t.Errorf("%s: %d %q, want %q", target, x.Status, x.Content, want)
		}
	}
	// A back end that speaks nothing in common.
	old := serveTLS(t, tls.VersionTLS10, tls.VersionTLS11, back)
	s = webtest.New(t, begin+"location / { proxy_pass https://"+old+"; } } }", modules, nil)
	if x := s.Ask(t, "/"); x.Status != 502 || !strings.Contains(s.Log(), "while SSL handshaking to upstream") {
		t.Errorf("%d, log\n%s", x.Status, s.Log())
	}
}

// A certificate that a variable names is that of the file as it is now; the cache
// keeps it as it was.
func TestCertificateByVariable(t *testing.T) {
	back := (*authority)(nil).issue(t, "back.example", false)
	first, second := (*authority)(nil).issue(t, "first", false), (*authority)(nil).issue(t, "second", false)
	addr := serveTLS(t, 0, 0, back)
	const level = "proxy_ssl_certificate $arg_c.crt; proxy_ssl_certificate_key $arg_c.key; "
	s := webtest.New(t, begin+level+"location / { proxy_pass https://"+addr+"; } "+
		"location /cached { proxy_pass https://"+addr+"; proxy_ssl_certificate_cache max=2 valid=1h; } } }", modules, nil)
	for _, step := range []struct {
		file            *authority
		want, wantCache string
	}{{first, "from first", "from first"}, {second, "from second", "from first"}} {
		s.Write(t, "c.crt", step.file.pem())
		s.Write(t, "c.key", step.file.keyPEM(t))
		for target, want := range map[string]string{"/?c=c": step.want, "/cached?c=c": step.wantCache} {
			if x := s.Ask(t, target); !strings.Contains(x.Content, want) {
				t.Errorf("%s: %d %q, want %q", target, x.Status, x.Content, want)
			}
		}
	}
	if x := s.Ask(t, "/?c=missing"); x.Status != 500 || !strings.Contains(s.Log(), "missing.crt") {
		t.Errorf("without the file: %d", x.Status)
	}
}

func TestMistakes(t *testing.T) {
	cert, key, _ := webtest.SelfSigned(t, "front.example")
	for directives, want := range map[string]string{
		"proxy_ssl_verify maybe;":                                                           `invalid value "maybe" in "proxy_ssl_verify" directive, it must be "on" or "off"`,
		"proxy_ssl_verify_depth x;":                                                         `"proxy_ssl_verify_depth" directive invalid number`,
		"proxy_ssl_name a; proxy_ssl_name b;":                                               `"proxy_ssl_name" directive is duplicate`,
		"proxy_ssl_name $no_such;":                                                          `unknown "no_such" variable`,
		"proxy_ssl_password_file a.crt; proxy_ssl_password_file b;":                         `"proxy_ssl_password_file" directive is duplicate`,
		"proxy_ssl_protocols SSLv2;":                                                        `"proxy_ssl_protocols" leaves no protocol that can be spoken`,
		"proxy_ssl_certificate $arg_c;":                                                     `no "proxy_ssl_certificate_key" is defined for certificate "$arg_c"`,
		"proxy_ssl_certificate a.crt; proxy_ssl_certificate_key none.key;":                  "cannot load certificate key",
		"proxy_ssl_conf_command Certificate a.crt;":                                         `SSL_CONF_cmd() needs "Certificate" and "PrivateKey" together`,
		"proxy_ssl_conf_command MinProtocol SSLv2;":                                         `SSL_CONF_cmd() does not know the protocol "SSLv2"`,
		"proxy_ssl_conf_command MaxProtocol TLSv9;":                                         `SSL_CONF_cmd() does not know the protocol "TLSv9"`,
		"proxy_ssl_verify on; proxy_ssl_trusted_certificate a.crt; proxy_ssl_crl none.crl;": "none.crl",
	} {
		s := t.TempDir()
		write := &webtest.Server{Dir: s}
		write.Write(t, "a.crt", cert)
		write.Write(t, "a.key", key)
		_, _, errs := webtest.Load(s, begin+"location / { proxy_pass https://127.0.0.1:1; "+directives+" } } }", modules)
		if !errs.Failed() || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%s: %v, want %s", directives, errs, want)
		}
	}
	// A target without TLS needs none of it.
	if _, _, errs := webtest.Load(t.TempDir(), begin+"location / { proxy_pass http://127.0.0.1:1; proxy_ssl_verify on; } } }", modules); errs.Failed() {
		t.Error(errs)
	}
}
