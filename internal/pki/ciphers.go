package pki

import (
	"crypto/tls"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// suite is a cipher suite of TLS 1.2 and before as OpenSSL knows it. The fields
// are in the words of `openssl ciphers -v`.
type suite struct {
	id        uint16
	name      string
	version   string // the lowest that has it
	exchange  string
	auth      string
	enc       string // without the number of bits
	bits      int    // of the key, 0 for no encryption
	mac       string
	isDefault bool // of the list DEFAULT
	isFIPS    bool
	inGo      bool
}

//go:embed ciphers.txt
var suiteTable string

// suites are all suites of OpenSSL, in its order, which puts the best first.
var suites = readSuites(suiteTable)

func readSuites(table string) []suite {
	inGo := make(map[uint16]bool)
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		inGo[s.ID] = true
	}
	var out []suite
	for line := range strings.Lines(table) {
		if line[0] == '#' {
			continue
		}
		f := strings.Fields(line)
		id, err := strconv.ParseUint(f[0], 16, 16)
		if err != nil || len(f) != 8 {
			panic("pki: cipher suite " + line)
		}
		s := suite{id: uint16(id), name: f[1], version: f[2], exchange: f[3], auth: f[4], mac: f[6], inGo: inGo[uint16(id)]}
		enc, bits, _ := strings.Cut(strings.TrimSuffix(f[5], ")"), "(")
		s.enc = enc
		s.bits, _ = strconv.Atoi(bits)
		s.isDefault, s.isFIPS = strings.Contains(f[7], "D"), strings.Contains(f[7], "F")
		out = append(out, s)
	}
	return out
}

// has reports whether a word of a cipher list stands for the suite: its name, or
// one of the aliases of ciphers(1), which tells upper from lower case. Words
// for what no OpenSSL has any more stand for nothing.
func (s *suite) has(word string) bool {
	switch word {
	case s.name:
		return true
	case "ALL", "HIGH": // what is not HIGH is not built in
		return s.enc != "None"
	case "COMPLEMENTOFALL", "eNULL", "NULL":
		return s.enc == "None"
	case "COMPLEMENTOFDEFAULT":
		return !s.isDefault && s.enc != "None"
	case "FIPS":
		return s.isFIPS
	case "TLSv1", "TLSv1.0":
		return s.version == "TLSv1"
	case "TLSv1.2", "SSLv3":
		return s.version == word
	}
	return s.hasExchange(word) || s.hasEncryption(word)
}

// hasExchange is has for the words about key exchange and authentication.
func (s *suite) hasExchange(word string) bool {
	switch word {
	case "kRSA":
		return s.exchange == "RSA"
	case "RSA":
		return s.exchange == "RSA" && s.auth == "RSA"
	case "kDHE", "kEDH", "DH":
		return s.exchange == "DH"
	case "DHE", "EDH":
		return s.exchange == "DH" && s.auth != "None"
	case "ADH":
		return s.exchange == "DH" && s.auth == "None"
	case "kECDHE", "kEECDH", "ECDH":
		return s.exchange == "ECDH"
	case "ECDHE", "EECDH":
		return s.exchange == "ECDH" && s.auth != "None"
	case "AECDH":
		return s.exchange == "ECDH" && s.auth == "None"
	case "PSK":
		return strings.HasSuffix(s.exchange, "PSK")
	case "kPSK", "kRSAPSK", "kDHEPSK", "kECDHEPSK":
		return s.exchange == word[1:]
	case "SRP", "kSRP":
		return s.exchange == "SRP"
	case "aRSA", "aPSK", "aSRP", "aECDSA":
		return s.auth == word[1:]
	case "ECDSA":
		return s.auth == "ECDSA"
	case "aDSS", "DSS":
		return s.auth == "DSS"
	case "aNULL":
		return s.auth == "None"
	}
	return false
}

// hasEncryption is has for the words about encryption and MAC.
func (s *suite) hasEncryption(word string) bool {
	aes := strings.HasPrefix(s.enc, "AES")
	switch word {
	case "AES":
		return aes
	case "AES128":
		return aes && s.bits == 128
	case "AES256":
		return aes && s.bits == 256
	case "AESGCM", "AESCCM8", "ARIAGCM":
		return s.enc == word
	case "AESCCM":
		return s.enc == "AESCCM" || s.enc == "AESCCM8"
	case "CAMELLIA":
		return s.enc == "Camellia"
	case "CAMELLIA128":
		return s.enc == "Camellia" && s.bits == 128
	case "CAMELLIA256":
		return s.enc == "Camellia" && s.bits == 256
	case "CHACHA20":
		return s.enc == "CHACHA20/POLY1305"
	case "ARIA":
		return s.enc == "ARIAGCM"
	case "ARIA128":
		return s.enc == "ARIAGCM" && s.bits == 128
	case "ARIA256":
		return s.enc == "ARIAGCM" && s.bits == 256
	case "CBC":
		return s.enc == "AES" || s.enc == "Camellia"
	case "SHA1", "SHA":
		return s.mac == "SHA1"
	case "MD5", "SHA256", "SHA384":
		return s.mac == word
	}
	return false
}

// Ciphers returns the cipher suites of TLS 1.2 and before that an OpenSSL
// cipher list stands for, of those that Go has; nil for Go's own choice, which
// is that of the list DEFAULT and of one that stands for nothing that Go has. It
// is an error when there are none for OpenSSL either.
func Ciphers(list string) ([]uint16, error) {
	chosen, err := parseCiphers(list)
	if err != nil {
		return nil, fmt.Errorf("SSL_CTX_set_cipher_list(\"%s\") failed (SSL: %w)", list, err)
	}
	if list == "DEFAULT" {
		return nil, nil
	}
	var ids []uint16
	for _, s := range chosen {
		if s.inGo {
			ids = append(ids, s.id)
		}
	}
	return ids, nil
}

// WarnOfCiphers returns what is to be said of a cipher list that OpenSSL knows
// suites for and Go none; "" for any other list.
func WarnOfCiphers(list string) string {
	if ids, err := Ciphers(list); ids != nil || err != nil || list == "DEFAULT" {
		return ""
	}
	return fmt.Sprintf("none of the ciphers \"%s\" is supported, those of Go's TLS are used", list)
}
