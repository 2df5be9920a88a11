package pki

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hpke"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
)

// echVersion is that of the configurations of Encrypted Client Hello that are spoken
// (RFC 9849 section 4).
const echVersion = 0xfe0d

// ECHKeys reads the keys of Encrypted Client Hello from files, each with a private key and
// the configurations that clients find in the DNS. Those of the first file are sent to
// clients that have others.
func (f *Files) ECHKeys(names []string) ([]tls.EncryptedClientHelloKey, error) {
	var keys []tls.EncryptedClientHelloKey
	for i, name := range names {
		text, err := f.Read(name)
		if err != nil {
			return nil, err
		}
		found, err := parseECH(text, i == 0)
		if err != nil {
			return nil, fmt.Errorf("OSSL_ECHSTORE_read_pem(%s) failed (%w)", name, err)
		}
		keys = append(keys, found...)
	}
	return keys, nil
}

var (
	errNoECH     = errors.New("no ECHCONFIG")
	errBadECH    = errors.New("bad ECHCONFIG")
	errECHKey    = errors.New("no private key that a configuration is for")
	errECHMethod = errors.New("a kind of key that is not supported")
)

// parseECH reads a file; without a private key there is nothing to be done with it.
func parseECH(text []byte, retry bool) (keys []tls.EncryptedClientHelloKey, err error) {
	var private *ecdh.PrivateKey
	var list []byte
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "PRIVATE KEY":
			if private, err = parseECDH(block.Bytes); err != nil {
				return nil, err
			}
		case "ECHCONFIG":
			list = block.Bytes
		}
	}
	if list == nil {
		return nil, errNoECH
	}
	if private == nil {
		return nil, nil
	}
	all := cryptobyte.String(list)
	var configs cryptobyte.String
	if !all.ReadUint16LengthPrefixed(&configs) || !all.Empty() {
		return nil, errBadECH
	}
	for !configs.Empty() {
		one := []byte(configs)
		var version, kem uint16
		var content, public cryptobyte.String
		if !configs.ReadUint16(&version) || !configs.ReadUint16LengthPrefixed(&content) {
			return nil, errBadECH
		}
		one = one[:4+len(content)]
		if version != echVersion {
			continue
		}
		if !content.Skip(1) || !content.ReadUint16(&kem) || !content.ReadUint16LengthPrefixed(&public) {
			return nil, errBadECH
		}
		if !bytes.Equal(public, private.PublicKey().Bytes()) {
			continue
		}
		method, err := hpke.NewKEM(kem)
		if err != nil {
			return nil, errECHMethod
		}
		if _, err := method.NewPrivateKey(private.Bytes()); err != nil {
			return nil, errECHMethod
		}
		if err := checkECHContent(content); err != nil {
			return nil, err
		}
		keys = append(keys, tls.EncryptedClientHelloKey{Config: bytes.Clone(one), PrivateKey: private.Bytes(), SendAsRetry: retry})
	}
	if keys == nil {
		return nil, errECHKey
	}
	return keys, nil
}

// checkECHContent checks what stands behind the public key of a configuration: Go's TLS
// ends the handshakes of all clients if something is wrong there.
func checkECHContent(content cryptobyte.String) error {
	var suites, name, extensions cryptobyte.String
	if !content.ReadUint16LengthPrefixed(&suites) || len(suites) == 0 || len(suites)%4 != 0 || !content.Skip(1) ||
		!content.ReadUint8LengthPrefixed(&name) || len(name) == 0 || !content.ReadUint16LengthPrefixed(&extensions) || !content.Empty() {
		return errBadECH
	}
	for !extensions.Empty() {
		var kind uint16
		var value cryptobyte.String
		if !extensions.ReadUint16(&kind) || !extensions.ReadUint16LengthPrefixed(&value) || kind&0x8000 != 0 { // one that has to be understood
			return errBadECH
		}
	}
	return nil
}

func parseECDH(der []byte) (*ecdh.PrivateKey, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	switch key := key.(type) {
	case *ecdh.PrivateKey:
		return key, nil
	case *ecdsa.PrivateKey:
		return key.ECDH()
	}
	return nil, errECHMethod
}
