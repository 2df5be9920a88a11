// Package openssl understands what nginx's configurations say in OpenSSL's
// words: protocols, cipher lists, curves, and the files that keys and
// certificates are in.
package openssl

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// protocols are the versions by their names in ssl_protocols. SSLv2 and SSLv3
// are known and never spoken.
var protocols = map[string]uint16{
	"SSLv2": 0, "SSLv3": 0,
	"TLSv1": tls.VersionTLS10, "TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13,
}

// Protocols returns the lowest and highest version of a list. The error names
// the word that is none.
func Protocols(words []string) (low, high uint16, err error) {
	for _, w := range words {
		v, ok := protocols[w]
		if !ok {
			return 0, 0, fmt.Errorf("invalid value \"%s\"", w)
		}
		if v == 0 {
			continue
		}
		if low == 0 || v < low {
			low = v
		}
		high = max(high, v)
	}
	if low == 0 {
		return 0, 0, fmt.Errorf("none of the protocols is spoken: %s", strings.Join(words, " "))
	}
	return low, high, nil
}

// ProtocolName returns OpenSSL's name of a version, as $ssl_protocol has it.
func ProtocolName(version uint16) string {
	for name, v := range protocols {
		if v == version {
			return name
		}
	}
	return "unknown"
}

// suites are OpenSSL's names of the cipher suites that Go has.
var suites = map[string]uint16{
	"TLS_AES_128_GCM_SHA256":        tls.TLS_AES_128_GCM_SHA256,
	"TLS_AES_256_GCM_SHA384":        tls.TLS_AES_256_GCM_SHA384,
	"TLS_CHACHA20_POLY1305_SHA256":  tls.TLS_CHACHA20_POLY1305_SHA256,
	"ECDHE-ECDSA-AES128-GCM-SHA256": tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-RSA-AES128-GCM-SHA256":   tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-ECDSA-AES256-GCM-SHA384": tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-RSA-AES256-GCM-SHA384":   tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-ECDSA-CHACHA20-POLY1305": tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	"ECDHE-RSA-CHACHA20-POLY1305":   tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	"ECDHE-ECDSA-AES128-SHA":        tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
	"ECDHE-RSA-AES128-SHA":          tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	"ECDHE-ECDSA-AES256-SHA":        tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
	"ECDHE-RSA-AES256-SHA":          tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	"ECDHE-ECDSA-AES128-SHA256":     tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
	"ECDHE-RSA-AES128-SHA256":       tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
	"AES128-GCM-SHA256":             tls.TLS_RSA_WITH_AES_128_GCM_SHA256,
	"AES256-GCM-SHA384":             tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
	"AES128-SHA":                    tls.TLS_RSA_WITH_AES_128_CBC_SHA,
	"AES256-SHA":                    tls.TLS_RSA_WITH_AES_256_CBC_SHA,
	"AES128-SHA256":                 tls.TLS_RSA_WITH_AES_128_CBC_SHA256,
}

// SuiteName returns OpenSSL's name of a cipher suite, as $ssl_cipher has it.
func SuiteName(id uint16) string {
	for name, v := range suites {
		if v == id {
			return name
		}
	}
	return tls.CipherSuiteName(id)
}

// Ciphers returns the suites of a cipher list, for TLS 1.2 and below (TLS 1.3
// has its own, which cannot be chosen). nil means Go's default, which a list
// that names classes (HIGH, ECDHE, AESGCM ...) comes to as well, less what it
// excludes by name. The error is OpenSSL's for a list that leaves nothing.
func Ciphers(list string) ([]uint16, error) {
	var named []uint16
	excluded := map[uint16]bool{}
	classes := false
	for _, word := range strings.FieldsFunc(list, func(r rune) bool { return r == ':' || r == ',' || r == ' ' }) {
		switch id, known := suites[strings.TrimLeft(word, "!-+")]; {
		case word[0] == '!' || word[0] == '-':
			if known {
				excluded[id] = true
			}
		case word[0] == '@':
		case known:
			if !slices.Contains(named, id) {
				named = append(named, id)
			}
		case isClass(strings.TrimLeft(word, "+")):
			classes = true
		}
	}
	if classes {
		for _, s := range tls.CipherSuites() {
			if !slices.Contains(named, s.ID) {
				named = append(named, s.ID)
			}
		}
	}
	out := slices.DeleteFunc(named, func(id uint16) bool { return excluded[id] })
	if len(out) == 0 {
		return nil, fmt.Errorf("no cipher match")
	}
	return out, nil
}

// isClass reports whether a word of a cipher list stands for a set of suites
// that Go has some of.
func isClass(word string) bool {
	for part := range strings.SplitSeq(word, "+") {
		switch part {
		case "ALL", "DEFAULT", "COMPLEMENTOFDEFAULT", "HIGH", "TLSv1.2", "TLSv1.3", "ECDHE", "EECDH", "kECDHE", "kEECDH", "ECDH",
			"AES", "AES128", "AES256", "AESGCM", "CHACHA20", "aRSA", "RSA", "kRSA", "aECDSA", "ECDSA", "SHA", "SHA1", "SHA256", "SHA384", "FIPS":
		default:
			return false
		}
	}
	return true
}

// curves are OpenSSL's names of the key exchanges that Go has.
var curves = map[string]tls.CurveID{
	"X25519": tls.X25519, "x25519": tls.X25519,
	"prime256v1": tls.CurveP256, "P-256": tls.CurveP256, "secp256r1": tls.CurveP256,
	"secp384r1": tls.CurveP384, "P-384": tls.CurveP384,
	"secp521r1": tls.CurveP521, "P-521": tls.CurveP521,
	"X25519MLKEM768": tls.X25519MLKEM768,
}

// Curves returns the key exchanges of a list such as X25519:prime256v1; nil for
// "auto". What Go does not have is left out; a list of nothing else is an
// error.
func Curves(list string) ([]tls.CurveID, error) {
	if list == "auto" {
		return nil, nil
	}
	var out []tls.CurveID
	for name := range strings.SplitSeq(list, ":") {
		if id, ok := curves[strings.TrimPrefix(name, "?")]; ok && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	if out == nil {
		return nil, fmt.Errorf("no curve of \"%s\" is known", list)
	}
	return out, nil
}

// CurveName returns OpenSSL's name of a key exchange.
func CurveName(id tls.CurveID) string {
	switch id {
	case tls.X25519:
		return "X25519"
	case tls.CurveP256:
		return "prime256v1"
	case tls.CurveP384:
		return "secp384r1"
	case tls.CurveP521:
		return "secp521r1"
	case tls.X25519MLKEM768:
		return "X25519MLKEM768"
	}
	return fmt.Sprintf("0x%04x", uint16(id))
}
