package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// Trust is what the certificates of others are held against. As with OpenSSL, a
// chain has to end in a trusted certificate that is self-signed; other trusted
// ones only help to get there.
type Trust struct {
	named *x509.CertPool      // all of them
	roots *x509.CertPool      // the self-signed ones
	inner []*x509.Certificate // the others
	outer []*x509.Certificate // the self-signed ones, as they are listed
	depth int                 // how many intermediate certificates there may be
	crls  []*revocationList   // nil: revocation does not matter
}

// Trust reads the trusted certificates of files and, unless crl is empty, the
// revocation lists. Without files nobody is trusted.
func (f *Files) Trust(crl string, depth int, files ...string) (*Trust, error) {
	t := &Trust{named: x509.NewCertPool(), roots: x509.NewCertPool(), depth: depth}
	for _, name := range files {
		b, err := f.Read(name)
		if err != nil {
			return nil, err
		}
		if !t.add(plainCertificates(b)) {
			return nil, fmt.Errorf("no certificates in \"%s\"", name)
		}
	}
	if crl == "" {
		return t, nil
	}
	var err error
	t.crls, err = f.revocationLists(crl)
	return t, err
}

// add trusts the certificates of a PEM file; false when it has none.
func (t *Trust) add(text []byte) (found bool) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue
		}
		found = true
		t.named.AddCert(c)
		if bytes.Equal(c.RawIssuer, c.RawSubject) {
			t.roots.AddCert(c)
			t.outer = append(t.outer, c)
		} else {
			t.inner = append(t.inner, c)
		}
	}
	return found
}

// Named returns all trusted certificates, as the client is told of them.
func (t *Trust) Named() *x509.CertPool { return t.named }

// VerifyError is why a certificate is not trusted, with OpenSSL's number and
// words.
type VerifyError struct {
	Code int
	Text string
}

func (e *VerifyError) Error() string { return fmt.Sprintf("(%d:%s)", e.Code, e.Text) }

// IsUntrusted reports whether only the issuer is in doubt: what verification
// passes over that asks for any certificate (ssl_verify_client
// optional_no_ca).
func (e *VerifyError) IsUntrusted() bool {
	switch e {
	case errSelfSigned, errSelfChain, errNoIssuer, errNoFirst:
		return true
	}
	return false
}

// The errors that are told apart.
var (
	errNoTrusted  = &VerifyError{2, "unable to get issuer certificate"}
	errNoCRL      = &VerifyError{3, "unable to get certificate CRL"}
	errCRLSign    = &VerifyError{8, "CRL signature failure"}
	errNotYet     = &VerifyError{9, "certificate is not yet valid"}
	errExpired    = &VerifyError{10, "certificate has expired"}
	errCRLExpired = &VerifyError{12, "CRL has expired"}
	errSelfSigned = &VerifyError{18, "self-signed certificate"}
	errSelfChain  = &VerifyError{19, "self-signed certificate in certificate chain"}
	errNoIssuer   = &VerifyError{20, "unable to get local issuer certificate"}
	errNoFirst    = &VerifyError{21, "unable to verify the first certificate"}
	errTooLong    = &VerifyError{22, "certificate chain too long"}
	errRevoked    = &VerifyError{23, "certificate revoked"}
	errPurpose    = &VerifyError{26, "unsuitable certificate purpose"}
	errOther      = &VerifyError{1, "unspecified certificate verification error"}
)

// IssuerOf returns the trusted certificate that has signed another, nil if there is
// none.
func (t *Trust) IssuerOf(c *x509.Certificate) *x509.Certificate {
	return IssuerAmong(c, slices.Concat(t.inner, t.outer))
}

// IssuerAmong returns the first of some certificates that has signed another, nil if
// none has.
func IssuerAmong(c *x509.Certificate, some []*x509.Certificate) *x509.Certificate {
	for _, issuer := range some {
		if bytes.Equal(c.RawIssuer, issuer.RawSubject) && issuer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil {
			return issuer
		}
	}
	return nil
}

// Verify checks a certificate and those that came with it, for a use; the
// error is a *VerifyError.
func (t *Trust) Verify(chain []*x509.Certificate, use x509.ExtKeyUsage, now time.Time) error {
	_, err := t.Chain(chain, use, now)
	return err
}

// Chain checks a certificate as Verify does, and returns the chain from it to a
// trusted one.
func (t *Trust) Chain(chain []*x509.Certificate, use x509.ExtKeyUsage, now time.Time) ([]*x509.Certificate, error) {
	if len(chain) == 0 {
		return nil, errOther
	}
	intermediates := x509.NewCertPool()
	for _, c := range slices.Concat(chain[1:], t.inner) {
		intermediates.AddCert(c)
	}
	found, err := chain[0].Verify(x509.VerifyOptions{
		Roots: t.roots, Intermediates: intermediates, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{use},
	})
	if err != nil {
		return nil, t.verifyError(chain, err, now)
	}
	var last error = errTooLong
	for _, c := range found {
		if len(c)-2 > t.depth {
			continue
		}
		if last = t.revoked(c, now); last == nil {
			return c, nil
		}
	}
	return nil, last
}

// verifyError puts an error of package x509 into OpenSSL's words.
func (t *Trust) verifyError(chain []*x509.Certificate, err error, now time.Time) error {
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) {
		switch invalid.Reason {
		case x509.Expired:
			if now.Before(chain[0].NotBefore) {
				return errNotYet
			}
			return errExpired
		case x509.TooManyIntermediates:
			return errTooLong
		case x509.IncompatibleUsage:
			return errPurpose
		}
		return errOther
	}
	for i, c := range chain {
		if bytes.Equal(c.RawIssuer, c.RawSubject) {
			if i == 0 {
				return errSelfSigned
			}
			return errSelfChain
		}
	}
	for _, c := range t.inner {
		if bytes.Equal(c.RawSubject, chain[len(chain)-1].RawIssuer) {
			return errNoTrusted
		}
	}
	if len(chain) == 1 {
		return errNoFirst
	}
	return errNoIssuer
}

// revoked looks every certificate of a chain up in the list of its issuer. Of
// several errors the last one counts: nginx lets OpenSSL go on after each.
func (t *Trust) revoked(chain []*x509.Certificate, now time.Time) error {
	if t.crls == nil {
		return nil
	}
	var last error
	for i, c := range chain {
		issuer := c
		if i+1 < len(chain) {
			issuer = chain[i+1]
		}
		if err := t.revokedBy(c, issuer, now); err != nil {
			last = err
		}
	}
	return last
}

func (t *Trust) revokedBy(c, issuer *x509.Certificate, now time.Time) error {
	var last error = errNoCRL
	for _, list := range t.crls {
		if !bytes.Equal(list.issuer, issuer.RawSubject) {
			continue
		}
		switch {
		case list.checkSignature(issuer) != nil:
			last = errCRLSign
			continue
		case !list.nextUpdate.IsZero() && now.After(list.nextUpdate):
			last = errCRLExpired
			continue
		case list.has(c.SerialNumber):
			return errRevoked
		}
		last = nil
	}
	return last
}

// MatchesHost reports whether a certificate is for a host: by its alternative
// names or, without any, by its common name, as X509_check_host does.
func MatchesHost(c *x509.Certificate, host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if ip := net.ParseIP(host); ip != nil && c.VerifyHostname(host) == nil {
		return true
	}
	if len(c.DNSNames) == 0 {
		return matchesName(strings.ToLower(c.Subject.CommonName), host)
	}
	for _, name := range c.DNSNames {
		if matchesName(strings.ToLower(name), host) {
			return true
		}
	}
	return false
}

// matchesName compares a name that may begin with "*." with a host.
func matchesName(pattern, host string) bool {
	if pattern == host {
		return host != ""
	}
	rest, ok := strings.CutPrefix(pattern, "*.")
	if !ok || !strings.Contains(rest, ".") {
		return false
	}
	label, tail, ok := strings.Cut(host, ".")
	return ok && label != "" && tail == rest
}
