package ssl_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"time"

	"tandem/internal/ocsp/ocsptest"
	"tandem/web/webtest"
)

// What clients will not like about certificates is told when the configuration is
// read.
func TestWarnings(t *testing.T) {
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	issue := func(url string, names ...string) (tls.Certificate, *x509.Certificate) {
		template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "leaf"}, DNSNames: names, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
		if url != "" {
			template.IssuingCertificateURL = []string{url}
		}
		der, err := x509.CreateCertificate(rand.Reader, template, root, &rootKey.PublicKey, rootKey)
		if err != nil {
			t.Fatal(err)
		}
		rootDER, err := x509.CreateCertificate(rand.Reader, root, root, &rootKey.PublicKey, rootKey)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := x509.ParseCertificate(rootDER)
		if err != nil {
			t.Fatal(err)
		}
		return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: rootKey}, parsed
	}
	const incomplete = "is incomplete: it lacks the certificate of \"/CN=root\", of which clients do not know"
	const uncovered = "no certificate of the server is for server name "
	for _, c := range []struct {
		url, names string
		behind     bool
		want       string
	}{
		{"http://a.test/root.crt", "a.test", false, incomplete},
		{"http://a.test/root.crt", "a.test", true, ""},
		{"", "a.test", false, ""},
		{"", ".a.test x.w.test *.w.test localhost _ \"\" ~^b mail.*", false, ""},
		{"", "a.test b.test x.y.w.test *.b.test", false, uncovered + "\"b.test\", \"x.y.w.test\", \"*.b.test\""},
	} {
		pair, parent := issue(c.url, "a.test", "*.w.test")
		cert, key := ocsptest.PEM(pair)
		if c.behind {
			cert, key = ocsptest.PEM(pair, parent)
		}
		s := webtest.New(t, "http { }", ocspModules, map[string]string{"a.pem": cert, "a.key": key})
		_, _, errs := webtest.Load(s.Dir, "http { server { listen 127.0.0.1:8080 ssl; server_name "+c.names+"; ssl_certificate a.pem; ssl_certificate_key a.key; } }", ocspModules)
		if errs.Failed() || (len(errs) == 0) != (c.want == "") || len(errs) > 0 && !strings.Contains(errs.Error(), c.want) {
			t.Errorf("%s %s: %v, want %q", c.url, c.names, errs, c.want)
		}
	}
}
