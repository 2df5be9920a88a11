package openssl

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
)

// LoadPair reads a certificate with its chain, and its key, from PEM files or,
// with the prefix "data:", from the words themselves. passwords are tried in
// turn for an encrypted key.
func LoadPair(certName, keyName string, passwords [][]byte) (tls.Certificate, error) {
	certText, err := read(certName)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("cannot load certificate \"%s\": %w", certName, err)
	}
	keyText, err := read(keyName)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("cannot load certificate key \"%s\": %w", keyName, err)
	}
	if keyText, err = decrypt(keyText, passwords); err != nil {
		return tls.Certificate{}, fmt.Errorf("cannot load certificate key \"%s\": %w", keyName, err)
	}
	pair, err := tls.X509KeyPair(plainCertificates(certText), keyText)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("cannot use certificate \"%s\" and key \"%s\": %w", certName, keyName, err)
	}
	return pair, nil
}

// plainCertificates turns TRUSTED CERTIFICATE blocks, which carry OpenSSL's own
// notes behind the certificate, into plain ones.
func plainCertificates(text []byte) []byte {
	var out []byte
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "TRUSTED CERTIFICATE" {
			var cert asn1.RawValue
			if _, err := asn1.Unmarshal(block.Bytes, &cert); err == nil {
				block = &pem.Block{Type: "CERTIFICATE", Bytes: cert.FullBytes}
			}
		}
		out = append(out, pem.EncodeToMemory(block)...)
	}
	return out
}

func read(name string) ([]byte, error) {
	if data, ok := strings.CutPrefix(name, "data:"); ok {
		return []byte(data), nil
	}
	return readFile(name)
}

// readFile reads a file; its error is in OpenSSL's words.
func readFile(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return nil, fmt.Errorf("BIO_new_file() failed (SSL: error:%08X:system library::%s:calling fopen(%s, r))", 0x80000000|uint32(errno), errno, name)
	}
	return text, err
}

// decrypt returns a key without encryption. Only the older form, with a
// DEK-Info header, can be decrypted.
func decrypt(text []byte, passwords [][]byte) ([]byte, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return text, nil
	}
	if block.Type == "ENCRYPTED PRIVATE KEY" {
		return nil, errors.New("a key that is encrypted as PKCS#8 cannot be read; decrypt it with \"openssl pkey\"")
	}
	//nolint:staticcheck // nginx reads such keys, and so does this.
	if !x509.IsEncryptedPEMBlock(block) {
		return text, nil
	}
	for _, p := range passwords {
		//nolint:staticcheck // see above
		if der, err := x509.DecryptPEMBlock(block, p); err == nil {
			return pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: der}), nil
		}
	}
	return nil, errors.New("no password of ssl_password_file fits")
}

// LoadPasswords reads a file of passwords, one a line.
func LoadPasswords(name string) ([][]byte, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			out = append(out, []byte(line))
		}
	}
	return out, nil
}

// LoadPool reads the certificates of a PEM file.
func LoadPool(name string) (*x509.CertPool, []*x509.Certificate, error) {
	text, err := readFile(name)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot load certificates from \"%s\": %w", name, err)
	}
	pool := x509.NewCertPool()
	var all []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" && block.Type != "TRUSTED CERTIFICATE" && block.Type != "X509 CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, fmt.Errorf("cannot load certificates from \"%s\": %w", name, err)
		}
		pool.AddCert(cert)
		all = append(all, cert)
	}
	if all == nil {
		return nil, nil, fmt.Errorf("cannot load certificates from \"%s\": no certificate in it", name)
	}
	return pool, all, nil
}

// Revoked is the certificate revocation lists of a file.
type Revoked struct{ lists []*x509.RevocationList }

// LoadCRL reads revocation lists from a PEM file.
func LoadCRL(name string) (*Revoked, error) {
	text, err := readFile(name)
	if err != nil {
		return nil, fmt.Errorf("X509_LOOKUP_load_file(\"%s\") failed: %w", name, err)
	}
	r := &Revoked{}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		list, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("X509_LOOKUP_load_file(\"%s\") failed: %w", name, err)
		}
		r.lists = append(r.lists, list)
	}
	if r.lists == nil {
		return nil, fmt.Errorf("X509_LOOKUP_load_file(\"%s\") failed: no revocation list in it", name)
	}
	return r, nil
}

// Check reports a certificate of a verified chain that is revoked, or whose
// issuer has no list here.
func (r *Revoked) Check(chain []*x509.Certificate) error {
	for i, cert := range chain[:max(len(chain)-1, 0)] {
		issuer := chain[i+1]
		known := false
		for _, list := range r.lists {
			if string(list.RawIssuer) != string(issuer.RawSubject) || list.CheckSignatureFrom(issuer) != nil {
				continue
			}
			known = true
			if slices.ContainsFunc(list.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool {
				return e.SerialNumber.Cmp(cert.SerialNumber) == 0
			}) {
				return errors.New("certificate revoked")
			}
		}
		if !known {
			return errors.New("unable to get certificate CRL")
		}
	}
	return nil
}

// VerifyError returns OpenSSL's words for why a certificate is not trusted.
func VerifyError(err error) string {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &unknown):
		if unknown.Cert != nil && string(unknown.Cert.RawIssuer) == string(unknown.Cert.RawSubject) {
			return "self-signed certificate"
		}
		return "unable to get local issuer certificate"
	case errors.As(err, &invalid):
		switch invalid.Reason {
		case x509.Expired:
			return "certificate has expired"
		case x509.TooManyIntermediates:
			return "certificate chain too long"
		}
	}
	return err.Error()
}
