package pki

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

// SuiteName returns OpenSSL's name of a cipher suite, as $ssl_cipher has it;
// those of TLS 1.3 are named as in the standard.
func SuiteName(id uint16) string {
	for i := range suites {
		if suites[i].id == id {
			return suites[i].name
		}
	}
	return tls.CipherSuiteName(id)
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
