package ssl

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/pki"
	nc "tandem/nginxconf"
)

// place is where a certificate and its key lie.
type place struct {
	t         *testing.T
	cert, key string
	log       bytes.Buffer
	now       time.Time
}

// issue makes a certificate for a name that begins so long from now.
func (p *place) issue(name string, from time.Duration) (cert, key []byte) {
	p.t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: p.now.Add(from), NotAfter: p.now.Add(from + 90*24*time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		p.t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		p.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
}

// put puts files there, changed at the test's time.
func (p *place) put(cert, key []byte) {
	p.t.Helper()
	for name, content := range map[string][]byte{p.cert: cert, p.key: key} {
		if content == nil {
			continue
		}
		if err := errors.Join(os.WriteFile(name+".new", content, 0o600), os.Chtimes(name+".new", time.Time{}, p.now), os.Rename(name+".new", name)); err != nil {
			p.t.Fatal(err)
		}
	}
}

// What is put in the place of a certificate is taken up, whole and only if it is
// good; otherwise the old one stays, and that is said once.
func TestLive(t *testing.T) {
	dir := t.TempDir()
	p := &place{t: t, cert: filepath.Join(dir, "a.pem"), key: filepath.Join(dir, "a.key"), now: time.Now()}
	log := errorlog.New(errorlog.Target{Level: errorlog.Debug, To: &p.log})
	p.put(p.issue("first.test", -time.Hour))
	s := new(store)
	l, err := s.open(new(pki.Files), nc.Pos{}, p.cert, p.key, nil)
	if err != nil {
		t.Fatal(err)
	}
	if same, _ := s.open(new(pki.Files), nc.Pos{}, p.cert, p.key, nil); same != l {
		t.Error("the same files are two certificates")
	}
	look := func(after time.Duration, want, said string) {
		t.Helper()
		p.now = p.now.Add(after)
		p.log.Reset()
		l.look(p.now, log)
		if got := l.now.Load().Leaf.DNSNames[0]; got != want || !strings.Contains(p.log.String(), said) || said == "" && p.log.Len() > 0 {
			t.Errorf("%s is in force, want %s; said %q, want %q", got, want, p.log.String(), said)
		}
	}
	look(time.Minute, "first.test", "")

	cert, key := p.issue("second.test", 0)
	p.put(cert, nil)
	look(time.Second, "first.test", "")
	look(time.Minute, "first.test", "has changed and is not taken up, the old one stays: SSL_CTX_use_PrivateKey(")
	look(time.Minute, "first.test", "")
	p.put(nil, key)
	look(time.Second, "first.test", "")
	look(2*time.Second, "second.test", "has changed and is taken up: second.test, until ")
	look(time.Minute, "second.test", "")

	p.put(p.issue("older.test", -24*time.Hour))
	look(time.Minute, "second.test", "it is older than the one in force")
	p.put([]byte("nonsense"), nil)
	look(time.Minute, "second.test", "PEM_read_bio_X509_AUX() failed")
	if err := os.Remove(p.key); err != nil {
		t.Fatal(err)
	}
	look(time.Minute, "second.test", "")
	p.put(p.issue("third.test", time.Second))
	look(time.Minute, "third.test", "is taken up")

	// Nobody waits for what can be read once only.
	if err := errors.Join(os.Remove(p.cert), syscall.Mkfifo(p.cert, 0o600)); err != nil {
		t.Skip(err)
	}
	look(time.Minute, "third.test", "")

	look(69*24*time.Hour, "third.test", "ends ")
	look(time.Hour, "third.test", "")
	look(24*time.Hour, "third.test", "ends ")
}
