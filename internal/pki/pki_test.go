package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Keys that openssl encrypts in its ways are opened with the right password
// only.
func TestEncryptedKeys(t *testing.T) {
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command("openssl", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v\n%s", args, err, out)
		}
	}
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl")
	}
	run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "plain.key", "-out", "cert.pem", "-subj", "/CN=x", "-days", "2")
	run("pkcs8", "-topk8", "-in", "plain.key", "-out", "default.key", "-passout", "pass:secret")
	run("pkcs8", "-topk8", "-in", "plain.key", "-out", "aes128.key", "-passout", "pass:secret", "-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1")
	run("pkcs8", "-topk8", "-in", "plain.key", "-out", "3des.key", "-passout", "pass:secret", "-v2", "des3", "-v2prf", "hmacWithSHA512")
	run("ec", "-in", "plain.key", "-out", "traditional.key", "-aes128", "-passout", "pass:secret")
	passwords := filepath.Join(dir, "passwords")
	if err := os.WriteFile(passwords, []byte("wrong\nsecret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	good, err := ReadPasswords(passwords)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"plain", "default", "aes128", "3des", "traditional"} {
		cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, name+".key")
		if _, err := LoadPair(cert, key, good); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		_, err = LoadPair(cert, key, [][]byte{[]byte("wrong")})
		if encrypted := name != "plain"; (err != nil) != encrypted {
			t.Errorf("%s with a wrong password: %v", name, err)
		}
	}
}

func FuzzOpenKey(f *testing.F) {
	f.Add([]byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n"))
	f.Fuzz(func(_ *testing.T, file []byte) {
		_, _, _ = openKey(file, [][]byte{[]byte("x")})
		_, _ = decryptPKCS8(file, []byte("x"))
	})
}

// authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

var serial int64

func (a *authority) issue(t *testing.T, change func(*x509.Certificate)) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "c" + big.NewInt(serial).String()},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature, BasicConstraintsValid: true, IsCA: true,
	}
	if change != nil {
		change(template)
	}
	parent, signer := template, key
	if a != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

func (a *authority) revoke(t *testing.T, until time.Time, certs ...*x509.Certificate) []byte {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now.Add(-time.Hour), NextUpdate: until}
	for _, c := range certs {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: now})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.cert, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

// revoke1 makes a list of version 1.
func (a *authority) revoke1(t *testing.T, until time.Time, certs ...*x509.Certificate) []byte {
	t.Helper()
	algorithm := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}} // ecdsa-with-SHA256
	tbs := struct {
		Signature              pkix.AlgorithmIdentifier
		Issuer                 asn1.RawValue
		ThisUpdate, NextUpdate time.Time
		Revoked                []pkix.RevokedCertificate `asn1:"optional"`
	}{Signature: algorithm, Issuer: asn1.RawValue{FullBytes: a.cert.RawSubject}, ThisUpdate: now.UTC(), NextUpdate: until.UTC()}
	for _, c := range certs {
		tbs.Revoked = append(tbs.Revoked, pkix.RevokedCertificate{SerialNumber: c.SerialNumber, RevocationTime: now.UTC()})
	}
	raw, err := asn1.Marshal(tbs)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(raw)
	signature, err := a.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	der, err := asn1.Marshal(struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: raw}, algorithm, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}})
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

var now = time.Now()

func write(t *testing.T, name string, b []byte) string {
	t.Helper()
	full := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(full, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return full
}

func encoded(certs ...*x509.Certificate) (b []byte) {
	for _, c := range certs {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return b
}

func TestVerify(t *testing.T) {
	root := (*authority)(nil).issue(t, nil)
	middle := root.issue(t, nil)
	lower := middle.issue(t, nil)
	leaf := middle.issue(t, func(c *x509.Certificate) { c.IsCA = false })
	deep := lower.issue(t, nil)
	old := root.issue(t, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Minute) })
	alone := (*authority)(nil).issue(t, nil)
	roots := write(t, "roots.pem", encoded(root.cert))
	both := write(t, "both.pem", encoded(middle.cert, root.cert))
	inner := write(t, "inner.pem", encoded(middle.cert))
	chain := func(as ...*authority) (certs []*x509.Certificate) {
		for _, a := range as {
			certs = append(certs, a.cert)
		}
		return certs
	}
	rootList := root.revoke(t, now.Add(time.Hour))
	for _, c := range []struct {
		name  string
		crl   []byte
		depth int
		chain []*x509.Certificate
		want  error
	}{
		{"good", nil, 1, chain(leaf, middle), nil},
		{"too deep", nil, 1, chain(deep, lower, middle), errTooLong},
		{"deep enough", nil, 2, chain(deep, lower, middle), nil},
		{"expired", nil, 1, chain(old), errExpired},
		{"self-signed", nil, 1, chain(alone), errSelfSigned},
		{"without its issuer", nil, 1, chain(leaf), errNoFirst},
		{"the trusted one itself", nil, 1, chain(root), nil},
		{"no list of the issuer", rootList, 1, chain(leaf, middle), errNoCRL},
		{"not revoked", append(rootList, middle.revoke(t, now.Add(time.Hour))...), 1, chain(leaf, middle), nil},
		{"revoked", append(rootList, middle.revoke(t, now.Add(time.Hour), leaf.cert)...), 1, chain(leaf, middle), errRevoked},
		{"issuer revoked", append(root.revoke(t, now.Add(time.Hour), middle.cert), middle.revoke(t, now.Add(time.Hour))...), 1, chain(leaf, middle), errRevoked},
		{"old list", append(rootList, middle.revoke(t, now.Add(-time.Minute))...), 1, chain(leaf, middle), errCRLExpired},
		{"version 1", append(rootList, middle.revoke1(t, now.Add(time.Hour))...), 1, chain(leaf, middle), nil},
		{"version 1, revoked", append(rootList, middle.revoke1(t, now.Add(time.Hour), leaf.cert)...), 1, chain(leaf, middle), errRevoked},
		{"version 1, old", append(rootList, middle.revoke1(t, now.Add(-time.Minute))...), 1, chain(leaf, middle), errCRLExpired},
		{"version 1, forged", append(rootList, (&authority{middle.cert, alone.key}).revoke1(t, now.Add(time.Hour))...), 1, chain(leaf, middle), errCRLSign},
	} {
		crl := ""
		if c.crl != nil {
			crl = write(t, "crl.pem", c.crl)
		}
		trust, err := new(Files).Trust(crl, c.depth, roots)
		if err != nil {
			t.Fatal(err)
		}
		if err := trust.Verify(c.chain, x509.ExtKeyUsageServerAuth, now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	for _, c := range []struct {
		name  string
		file  string
		crl   []byte
		depth int
		want  error
	}{
		{"trusted below the root", both, nil, 1, nil},
		{"trusted below the root, too deep", both, nil, 0, errTooLong},
		{"nothing trusted is self-signed", inner, nil, 1, errNoTrusted},
		{"its list missing, its issuer revoked", both, root.revoke(t, now.Add(time.Hour), middle.cert), 1, errRevoked},
	} {
		crl := ""
		if c.crl != nil {
			crl = write(t, "crl.pem", c.crl)
		}
		trust, err := new(Files).Trust(crl, c.depth, c.file)
		if err != nil {
			t.Fatal(err)
		}
		if err := trust.Verify(chain(leaf), x509.ExtKeyUsageServerAuth, now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if _, err := new(Files).Trust("", 1, write(t, "empty", nil)); err == nil {
		t.Error("a file without certificates: no error")
	}
}

func TestMatchesHost(t *testing.T) {
	named := &x509.Certificate{Subject: pkix.Name{CommonName: "cn.example.com"}}
	listed := &x509.Certificate{Subject: pkix.Name{CommonName: "cn.example.com"}, DNSNames: []string{"a.example.com", "*.b.example.com", "*.com"}}
	for host, want := range map[string][2]bool{
		"cn.example.com":    {true, false},
		"CN.example.com.":   {true, false},
		"a.example.com":     {false, true},
		"x.b.example.com":   {false, true},
		"x.y.b.example.com": {false, false},
		"b.example.com":     {false, false},
		"x.com":             {false, false},
		"":                  {false, false},
	} {
		if got := [2]bool{MatchesHost(named, host), MatchesHost(listed, host)}; got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
}
