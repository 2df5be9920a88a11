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

// IsProtocol reports whether ssl_protocols knows a word.
func IsProtocol(word string) bool {
	_, ok := protocols[word]
	return ok
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

// moreSuites are numbers that clients offer beside the suites of TLS 1.2.
var moreSuites = map[uint16]string{
	0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384", 0x1303: "TLS_CHACHA20_POLY1305_SHA256",
	0x1304: "TLS_AES_128_CCM_SHA256", 0x1305: "TLS_AES_128_CCM_8_SHA256",
	0x00ff: "TLS_EMPTY_RENEGOTIATION_INFO_SCSV", 0x5600: "TLS_FALLBACK_SCSV",
}

// SuiteName returns OpenSSL's name of a cipher suite, as $ssl_cipher and
// $ssl_ciphers have it; the number of one that OpenSSL does not have.
func SuiteName(id uint16) string {
	for i := range suites {
		if suites[i].id == id {
			return suites[i].name
		}
	}
	if name := moreSuites[id]; name != "" {
		return name
	}
	return fmt.Sprintf("0x%04x", id)
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

// curveNames are OpenSSL's names of the key exchanges that a client may offer.
var curveNames = map[tls.CurveID]string{
	19: "prime192v1", 21: "secp224r1", 22: "secp256k1", tls.CurveP256: "prime256v1", tls.CurveP384: "secp384r1", tls.CurveP521: "secp521r1",
	26: "brainpoolP256r1", 27: "brainpoolP384r1", 28: "brainpoolP512r1", tls.X25519: "X25519", 30: "X448",
	0x100: "ffdhe2048", 0x101: "ffdhe3072", 0x102: "ffdhe4096", 0x103: "ffdhe6144", 0x104: "ffdhe8192",
	tls.SecP256r1MLKEM768: "SecP256r1MLKEM768", tls.X25519MLKEM768: "X25519MLKEM768", tls.SecP384r1MLKEM1024: "SecP384r1MLKEM1024",
}

// CurveName returns OpenSSL's name of a key exchange, the number of one that
// has none, and "" for 0, where a connection has none.
func CurveName(id tls.CurveID) string {
	if name := curveNames[id]; name != "" || id == 0 {
		return name
	}
	return fmt.Sprintf("0x%04x", uint16(id))
}
