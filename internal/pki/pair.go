package pki

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Chain is a certificate and what stands behind it in its file.
type Chain struct {
	DER  [][]byte
	Leaf *x509.Certificate
}

// Key is a private key.
type Key struct {
	crypto.Signer
	encrypted bool // where it was read
}

// The errors of files in which nothing is found, in OpenSSL's words.
var (
	errNoCertificate = errors.New("PEM_read_bio_X509_AUX() failed (SSL: error:0480006C:PEM routines::no start line:Expecting: TRUSTED CERTIFICATE)")
	errNoKey         = errors.New("PEM_read_bio_PrivateKey() failed (SSL: error:1E08010C:DECODER routines::unsupported)")
)

// errMismatch is why a key is not for its certificate.
var errMismatch = errors.New("SSL: error:05800074:x509 certificate routines::key values mismatch")

// parseChain reads the certificates of a PEM file.
func parseChain(text []byte) (*Chain, error) {
	c := new(Chain)
	text = plainCertificates(text)
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" || block.Type == "X509 CERTIFICATE" {
			c.DER = append(c.DER, block.Bytes)
		}
	}
	if c.DER == nil {
		return nil, errNoCertificate
	}
	var err error
	c.Leaf, err = x509.ParseCertificate(c.DER[0])
	return c, err
}

// parseKey reads the private key of a PEM file.
func parseKey(text []byte, passwords [][]byte) (*Key, error) {
	open, encrypted, err := openKey(text, passwords)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(open); block != nil; block, rest = pem.Decode(rest) {
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue
		}
		key, err := parsePrivateKey(block.Bytes)
		if err != nil {
			return nil, err
		}
		return &Key{key, encrypted}, nil
	}
	return nil, errNoKey
}

func parsePrivateKey(der []byte) (crypto.Signer, error) {
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	if signer, ok := key.(crypto.Signer); ok {
		return signer, nil
	}
	return nil, fmt.Errorf("a key of type %T does not sign", key)
}

// newPair puts a chain and a key together, with Leaf; keyName is for the error, which is an
// errMismatch.
func newPair(c *Chain, key *Key, keyName string) (tls.Certificate, error) {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(c.Leaf.PublicKey) {
		return tls.Certificate{}, fmt.Errorf("SSL_CTX_use_PrivateKey(\"%s\") failed (%w)", keyName, errMismatch)
	}
	return tls.Certificate{Certificate: c.DER, PrivateKey: key.Signer, Leaf: c.Leaf}, nil
}

// LoadKey reads a private key that is not encrypted.
func LoadKey(name string) (crypto.Signer, error) {
	text, err := readFile(name)
	if err != nil {
		return nil, err
	}
	key, err := parseKey(text, nil)
	if err != nil {
		return nil, err
	}
	return key.Signer, nil
}

// Names returns what a certificate is for, or its common name if that is not said.
func Names(leaf *x509.Certificate) []string {
	names := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	if names == nil {
		names = []string{leaf.Subject.CommonName}
	}
	return names
}

// Disorder returns what is wrong with the order of a chain, "" if nothing is: each
// certificate has to be followed by the one that has signed it (RFC 5246 section
// 7.4.2), and clients that hold a server to that fail.
func Disorder(chain [][]byte) string {
	var before *x509.Certificate
	for _, der := range chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return ""
		}
		if before != nil && !bytes.Equal(before.RawIssuer, c.RawSubject) {
			return fmt.Sprintf("\"%s\" is followed by \"%s\", which has not signed it", NameOneLine(before.RawSubject), NameOneLine(c.RawSubject))
		}
		before = c
	}
	return ""
}
