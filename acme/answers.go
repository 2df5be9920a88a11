package acme

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Answer is what an authority is to be answered that looks whether a name is ours.
// Every node of a pair can give it.
type Answer struct {
	Challenge Challenge `json:"challenge"`
	Name      string    `json:"name"`
	Token     string    `json:"token"`
	KeyAuth   string    `json:"key_auth"` // RFC 8555 section 8.1
	Until     time.Time `json:"until"`
}

// answers are those that may be asked for now.
type answers struct {
	some  atomic.Bool // whether there are any: most requests need not look further
	mu    sync.RWMutex
	known map[string]Answer // by token
}

// put adds an answer; those whose time is over go.
func (a *answers) put(answer Answer, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for token, old := range a.known {
		if old.Until.Before(now) {
			delete(a.known, token)
		}
	}
	if a.known == nil {
		a.known = make(map[string]Answer)
	}
	a.known[answer.Token] = answer
	a.some.Store(true)
}

func (a *answers) remove(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.known, token)
	a.some.Store(len(a.known) > 0)
}

// byToken returns the answer to HTTP-01 for a token.
func (a *answers) byToken(token string) (keyAuth string, ok bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	answer, ok := a.known[token]
	return answer.KeyAuth, ok && answer.Challenge == HTTP01
}

// byName returns the answer to TLS-ALPN-01 for a name.
func (a *answers) byName(name string) (answer Answer, ok bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, answer := range a.known {
		if answer.Challenge == TLSALPN01 && sni(answer.Name) == name {
			return answer, true
		}
	}
	return Answer{}, false
}

// byRecord returns the answers to DNS-01 for the name of a record (RFC 8555 section
// 8.4), nil for none.
func (a *answers) byRecord(record string) (values []string) {
	name, ok := strings.CutPrefix(record, "_acme-challenge.")
	if !ok {
		return nil
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, answer := range a.known {
		if answer.Challenge == DNS01 && strings.EqualFold(answer.Name, name) {
			sum := sha256.Sum256([]byte(answer.KeyAuth))
			values = append(values, base64.RawURLEncoding.EncodeToString(sum[:]))
		}
	}
	return values
}

// ALPN is the protocol by which an authority asks for TLS-ALPN-01 (RFC 8737
// section 6.2).
const ALPN = "acme-tls/1"

// idPeACMEIdentifier marks the certificate that answers (RFC 8737 section 6.1).
var idPeACMEIdentifier = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 31}

// certificate makes the certificate that answers TLS-ALPN-01.
func (a *Answer) certificate() (*tls.Certificate, error) {
	sum := sha256.Sum256([]byte(a.KeyAuth))
	value, err := asn1.Marshal(sum[:])
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ACME challenge"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		ExtraExtensions: []pkix.Extension{{Id: idPeACMEIdentifier, Critical: true, Value: value}},
	}
	if addr, err := netip.ParseAddr(a.Name); err == nil {
		template.IPAddresses = []net.IP{addr.AsSlice()}
	} else {
		template.DNSNames = []string{a.Name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// sni is the name that an authority asks for in the handshake: for an address its
// name in the DNS that is looked up backwards (RFC 8738 section 6).
func sni(name string) string {
	addr, err := netip.ParseAddr(name)
	if err != nil {
		return name
	}
	b := addr.AsSlice()
	var out []byte
	if addr.Is4() {
		for i := len(b) - 1; i >= 0; i-- {
			out = append(append(out, strconv.Itoa(int(b[i]))...), '.')
		}
		return string(out) + "in-addr.arpa"
	}
	const digits = "0123456789abcdef"
	for i := len(b) - 1; i >= 0; i-- {
		out = append(out, digits[b[i]&15], '.', digits[b[i]>>4], '.')
	}
	return string(out) + "ip6.arpa"
}
