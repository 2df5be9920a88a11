package pki

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"os"
	"strings"
)

// ReadPasswords reads a file of passwords, one a line.
func ReadPasswords(name string) ([][]byte, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var passwords [][]byte
	for _, line := range strings.Split(string(b), "\n") {
		if line = strings.TrimSuffix(line, "\r"); line != "" {
			passwords = append(passwords, []byte(line))
		}
	}
	return passwords, nil
}

var errPassword = errors.New("the password of the private key is missing or wrong")

// openKey returns a PEM file with its private key decrypted, by the first of the
// passwords that fits.
func openKey(file []byte, passwords [][]byte) (open []byte, encrypted bool, err error) {
	for rest := file; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return file, false, nil
		}
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY":
			for _, p := range passwords {
				if der, err := decryptPKCS8(block.Bytes, p); err == nil {
					return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), true, nil
				}
			}
			return nil, true, errPassword
		case block.Headers["DEK-Info"] != "":
			for _, p := range passwords {
				//lint:ignore SA1019 it is weak; that is for whoever keeps keys so to decide
				if der, err := x509.DecryptPEMBlock(block, p); err == nil && isKey(der) {
					return pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: der}), true, nil
				}
			}
			return nil, true, errPassword
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return file, false, nil
		}
	}
}

// isKey reports whether der is a private key, and no rubbish that a wrong
// password has made.
func isKey(der []byte) bool {
	_, err := parsePrivateKey(der)
	return err == nil
}

// The structures of an encrypted key (RFC 5958 section 3, RFC 8018 appendix
// A).
type encryptedKey struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2 struct{ KDF, Encryption pkix.AlgorithmIdentifier }

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
)

// prf are the hashes of PBKDF2; the first is the default.
var prf = map[string]func() hash.Hash{
	"":                    sha1.New,
	"1.2.840.113549.2.7":  sha1.New,
	"1.2.840.113549.2.8":  sha256.New224,
	"1.2.840.113549.2.9":  sha256.New,
	"1.2.840.113549.2.10": sha512.New384,
	"1.2.840.113549.2.11": sha512.New,
}

// cbc are the ciphers of encrypted keys, with the lengths of their keys.
var cbc = map[string]struct {
	key int
	new func([]byte) (cipher.Block, error)
}{
	"2.16.840.1.101.3.4.1.2":  {16, aes.NewCipher},
	"2.16.840.1.101.3.4.1.22": {24, aes.NewCipher},
	"2.16.840.1.101.3.4.1.42": {32, aes.NewCipher},
	"1.2.840.113549.3.7":      {24, des.NewTripleDESCipher},
}

func unmarshal(der []byte, into any) error {
	if _, err := asn1.Unmarshal(der, into); err != nil {
		return fmt.Errorf("encrypted private key: %w", err)
	}
	return nil
}

// maxIterations bounds the work that a key file may ask for.
const maxIterations = 10_000_000

var errEncryption = errors.New("unsupported encryption of a private key")

// decryptPKCS8 opens an encrypted key (PBES2 with PBKDF2).
func decryptPKCS8(der, password []byte) ([]byte, error) {
	var key encryptedKey
	var scheme pbes2
	var kdf pbkdf2Params
	var iv []byte
	if err := unmarshal(der, &key); err != nil {
		return nil, err
	}
	if !key.Algorithm.Algorithm.Equal(oidPBES2) {
		return nil, errEncryption
	}
	if err := unmarshal(key.Algorithm.Parameters.FullBytes, &scheme); err != nil {
		return nil, err
	}
	if !scheme.KDF.Algorithm.Equal(oidPBKDF2) {
		return nil, errEncryption
	}
	if err := unmarshal(scheme.KDF.Parameters.FullBytes, &kdf); err != nil {
		return nil, err
	}
	if err := unmarshal(scheme.Encryption.Parameters.FullBytes, &iv); err != nil {
		return nil, err
	}
	c, ok := cbc[scheme.Encryption.Algorithm.String()]
	newHash := prf[kdf.PRF.Algorithm.String()]
	if !ok || newHash == nil || kdf.Iterations < 1 || kdf.Iterations > maxIterations {
		return nil, errEncryption
	}
	secret, err := pbkdf2.Key(newHash, string(password), kdf.Salt, kdf.Iterations, c.key)
	if err != nil {
		return nil, err
	}
	block, err := c.new(secret)
	if err != nil {
		return nil, err
	}
	n := block.BlockSize()
	if len(iv) != n || len(key.Data) == 0 || len(key.Data)%n != 0 {
		return nil, errEncryption
	}
	plain := make([]byte, len(key.Data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, key.Data)
	pad := int(plain[len(plain)-1])
	if pad < 1 || pad > n || !bytes.Equal(plain[len(plain)-pad:], bytes.Repeat([]byte{byte(pad)}, pad)) {
		return nil, errPassword
	}
	plain = plain[:len(plain)-pad]
	if _, err := x509.ParsePKCS8PrivateKey(plain); err != nil {
		return nil, errPassword
	}
	return plain, nil
}
