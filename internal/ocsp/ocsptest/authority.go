// Package ocsptest is an authority with a responder (RFC 6960) for tests, over
// loopback.
package ocsptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// Authority issues certificates, and answers for them.
type Authority struct {
	Root *x509.Certificate
	URL  string // of its responder

	t    testing.TB
	key  *ecdsa.PrivateKey
	mu   sync.Mutex
	last int64
	says func(serial int64) ocsp.Response
	asks []int64
}

// New starts an authority. Its responder says that certificates are good, for an hour.
func New(t testing.TB) *Authority {
	a := &Authority{t: t, last: 1, key: newKey(t)}
	a.Root = a.sign(&x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true}, &a.key.PublicKey)
	a.Says(ocsp.Good, time.Hour)
	server := httptest.NewServer(http.HandlerFunc(a.answer))
	t.Cleanup(server.Close)
	a.URL = server.URL
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *Authority) sign(template *x509.Certificate, key *ecdsa.PublicKey) *x509.Certificate {
	a.t.Helper()
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(1000*time.Hour)
	issuer := a.Root
	if issuer == nil {
		issuer = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

// Issue makes a certificate for a name, with the authority's responder in it, and
// usages beside.
func (a *Authority) Issue(name string, usages ...x509.ExtKeyUsage) tls.Certificate {
	a.t.Helper()
	a.mu.Lock()
	a.last++
	serial := a.last
	a.mu.Unlock()
	key := newKey(a.t)
	leaf := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, OCSPServer: []string{a.URL}, ExtKeyUsage: usages,
	}, &key.PublicKey)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

// PEM returns a certificate, what stands behind it, and its key as files have them.
func PEM(c tls.Certificate, behind ...*x509.Certificate) (cert, key string) {
	for _, der := range c.Certificate {
		cert += block("CERTIFICATE", der)
	}
	for _, b := range behind {
		cert += block("CERTIFICATE", b.Raw)
	}
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		panic("ocsptest: " + err.Error()) // of keys that Issue did not make
	}
	return cert, block("PRIVATE KEY", der)
}

// RootPEM returns the authority's own certificate.
func (a *Authority) RootPEM() string { return block("CERTIFICATE", a.Root.Raw) }

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// Says has the responder give a status (of x/crypto/ocsp) from now on, with an end so
// long from now; 0: without an end.
func (a *Authority) Says(status int, life time.Duration) {
	a.SaysOf(func(int64) ocsp.Response {
		r := ocsp.Response{Status: status, ThisUpdate: time.Now().Add(-time.Minute)}
		if life != 0 {
			r.NextUpdate = time.Now().Add(life)
		}
		return r
	})
}

// SaysOf has the responder give what says returns for a serial number; a negative
// status is no answer.
func (a *Authority) SaysOf(says func(serial int64) ocsp.Response) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.says = says
}

// Asked returns the serial numbers that the responder was asked about.
func (a *Authority) Asked() []int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]int64(nil), a.asks...)
}

// Response makes a response as a responder would that has the key of by; nil: the
// authority itself. The certificate of by goes with it.
func (a *Authority) Response(template ocsp.Response, by *tls.Certificate) []byte {
	a.t.Helper()
	signer, key := a.Root, a.key
	if by != nil {
		signer, key, template.Certificate = by.Leaf, by.PrivateKey.(*ecdsa.PrivateKey), by.Leaf
	}
	der, err := ocsp.CreateResponse(a.Root, signer, template, key)
	if err != nil {
		a.t.Error(err)
	}
	return der
}

func (a *Authority) answer(w http.ResponseWriter, r *http.Request) {
	path, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), "/"))
	var der []byte
	if err == nil {
		der, err = base64.StdEncoding.DecodeString(path)
	}
	var asked *ocsp.Request
	if err == nil {
		asked, err = ocsp.ParseRequest(der)
	}
	if err != nil {
		a.t.Errorf("%s %s: %v", r.Method, r.URL, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	serial := asked.SerialNumber.Int64()
	a.mu.Lock()
	a.asks = append(a.asks, serial)
	says := a.says
	a.mu.Unlock()
	template := says(serial)
	if template.Status < 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	template.SerialNumber = asked.SerialNumber
	w.Header().Set("Content-Type", "application/ocsp-response")
	_, _ = w.Write(a.Response(template, nil))
}
