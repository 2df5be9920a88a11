package acme

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Challenge is how an authority is shown that a name is ours (RFC 8555 section 8,
// RFC 8737).
type Challenge string

// The challenges.
const (
	HTTP01    Challenge = "http-01"
	TLSALPN01 Challenge = "tls-alpn-01"
	DNS01     Challenge = "dns-01"
)

// Records is where the TXT records are put that DNS-01 asks for.
type Records interface {
	// Add adds a record, and returns once whoever asks is to be told it.
	Add(ctx context.Context, name, value string) error
	// Remove takes a record away. It need not be there any more.
	Remove(ctx context.Context, name, value string) error
}

// Issuer is an authority, and the account that certificates are ordered with. It
// is never changed.
type Issuer struct {
	Name      string
	Directory string // its URL
	Challenge Challenge
	Records   Records  // for DNS01; nil: the server itself is asked
	Contact   []string // URLs
	AgreeTOS  bool

	AccountKey     KeyType       // of the key that is made
	OwnKey         crypto.Signer // the configured one, nil to have one made
	Binding        *Binding      // to an account that the authority knows otherwise, nil without
	PreferredChain string        // the common name that issued the chain's last certificate, "" for the default chain
	Profile        string        // "" for the authority's choice
	NeedsProfile   bool          // without the profile there is no certificate
	CommonName     bool          // whether requests have one
	RenewBefore    time.Duration // its end a certificate is renewed at the latest; 0: after a part of its life

	Folder string // of what outlives the process, "" for nothing
	Client *http.Client
}

// Binding is an external account binding (RFC 8555 section 7.3.4).
type Binding struct {
	KeyID string
	Key   []byte
}

// Certificate is a certificate that somebody wants.
type Certificate struct {
	Issuer *Issuer
	Names  []string // DNS names in lower case and addresses, in order, none twice
	Key    KeyType
}

// ID is what the certificate is known by in logs, files and on the other node: the
// first name, and a sum of what makes it different from others of the same name.
func (c *Certificate) ID() string {
	sum := sha256.Sum256([]byte(strings.Join(c.Names, " ") + " " + c.Key.String()))
	return strings.ReplaceAll(c.Title(), "*", "_") + "-" + hex.EncodeToString(sum[:4])
}

// Title is the first DNS name, or the first address if there is none.
func (c *Certificate) Title() string {
	for _, name := range c.Names {
		if _, err := netip.ParseAddr(name); err != nil {
			return name
		}
	}
	return c.Names[0]
}

// covers reports whether a certificate is for all the names.
func (c *Certificate) covers(leaf *x509.Certificate) bool {
	for _, name := range c.Names {
		if addr, err := netip.ParseAddr(name); err == nil {
			if !slices.ContainsFunc(leaf.IPAddresses, net.IP(addr.AsSlice()).Equal) {
				return false
			}
		} else if !slices.Contains(leaf.DNSNames, name) {
			return false
		}
	}
	return true
}

// KeyType says what keys are made. The zero value is ECDSA with P-256.
type KeyType struct {
	RSA  bool
	Bits int
}

// String writes the type as the configuration does.
func (t KeyType) String() string {
	kind := "ecdsa"
	if t.RSA {
		kind = "rsa"
	}
	return kind + ":" + strconv.Itoa(t.bits())
}

func (t KeyType) bits() int {
	switch {
	case t.Bits != 0:
		return t.Bits
	case t.RSA:
		return 2048
	}
	return 256
}

// The errors of ParseKeyType, in the words of nginx's ACME module.
var (
	errCurve = errors.New("unsupported curve")
	errBits  = errors.New("unsupported key size")
)

// ParseKeyType reads ecdsa[:256|384|521] or rsa[:2048|3072|4096]; not ok for
// anything else.
func ParseKeyType(text string) (t KeyType, ok bool, err error) {
	kind, size, sized := strings.Cut(text, ":")
	if sized {
		t.Bits, _ = strconv.Atoi(size)
	}
	switch kind {
	case "ecdsa":
		if t.bits() != 256 && t.Bits != 384 && t.Bits != 521 || sized && t.Bits == 0 {
			return t, true, errCurve
		}
	case "rsa":
		t.RSA = true
		if t.bits() != 2048 && t.Bits != 3072 && t.Bits != 4096 || sized && t.Bits == 0 {
			return t, true, errBits
		}
	default:
		return t, false, nil
	}
	t.Bits = t.bits()
	return t, true, nil
}

// generate makes a key, in PEM (PKCS #8).
func (t KeyType) generate() (string, error) {
	var key any
	var err error
	if t.RSA {
		key, err = rsa.GenerateKey(rand.Reader, t.bits())
	} else {
		curve := map[int]elliptic.Curve{256: elliptic.P256(), 384: elliptic.P384(), 521: elliptic.P521()}[t.bits()]
		key, err = ecdsa.GenerateKey(curve, rand.Reader)
	}
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}

// parseKey reads a key in PEM.
func parseKey(text string) (crypto.Signer, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("no private key in PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if ec, ecErr := x509.ParseECPrivateKey(block.Bytes); err != nil && ecErr == nil {
		return ec, nil
	}
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of type %T does not sign", key)
	}
	return signer, nil
}
