package pki

import (
	"crypto/tls"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// LoadKeyPair reads a certificate with its chain, and its key, from PEM files
// or, behind "data:", from the names themselves. Errors are in nginx's words.
func LoadKeyPair(certName, keyName string, passwords [][]byte) (tls.Certificate, error) {
	certText, err := read(certName)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("cannot load certificate \"%s\": %w", certName, err)
	}
	keyText, err := read(keyName)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("cannot load certificate key \"%s\": %w", keyName, err)
	}
	pair, err := KeyPair(plainCertificates(certText), keyText, passwords)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("cannot load certificate key \"%s\": %w", keyName, err)
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
