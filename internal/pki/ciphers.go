package pki

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// suite is a cipher suite of TLS 1.2 and before under OpenSSL's name, with the
// words that cipher lists know it by.
type suite struct {
	name  string
	id    uint16
	words []string
}

// suites are the suites that Go has, the best first, which is OpenSSL's order
// for them, too.
var suites = []suite{
	{"ECDHE-ECDSA-AES256-GCM-SHA384", tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, words("ECDHE ECDSA AESGCM AES256 SHA384")},
	{"ECDHE-RSA-AES256-GCM-SHA384", tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, words("ECDHE RSAAUTH AESGCM AES256 SHA384")},
	{"ECDHE-ECDSA-CHACHA20-POLY1305", tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, words("ECDHE ECDSA CHACHA20 SHA256")},
	{"ECDHE-RSA-CHACHA20-POLY1305", tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, words("ECDHE RSAAUTH CHACHA20 SHA256")},
	{"ECDHE-ECDSA-AES128-GCM-SHA256", tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, words("ECDHE ECDSA AESGCM AES128 SHA256")},
	{"ECDHE-RSA-AES128-GCM-SHA256", tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, words("ECDHE RSAAUTH AESGCM AES128 SHA256")},
	{"ECDHE-ECDSA-AES128-SHA256", tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, words("ECDHE ECDSA AES128 SHA256")},
	{"ECDHE-RSA-AES128-SHA256", tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, words("ECDHE RSAAUTH AES128 SHA256")},
	{"ECDHE-ECDSA-AES256-SHA", tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, words("ECDHE ECDSA AES256 SHA1")},
	{"ECDHE-RSA-AES256-SHA", tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, words("ECDHE RSAAUTH AES256 SHA1")},
	{"ECDHE-ECDSA-AES128-SHA", tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, words("ECDHE ECDSA AES128 SHA1")},
	{"ECDHE-RSA-AES128-SHA", tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, words("ECDHE RSAAUTH AES128 SHA1")},
	{"AES256-GCM-SHA384", tls.TLS_RSA_WITH_AES_256_GCM_SHA384, words("RSAKEY RSAAUTH AESGCM AES256 SHA384")},
	{"AES128-GCM-SHA256", tls.TLS_RSA_WITH_AES_128_GCM_SHA256, words("RSAKEY RSAAUTH AESGCM AES128 SHA256")},
	{"AES128-SHA256", tls.TLS_RSA_WITH_AES_128_CBC_SHA256, words("RSAKEY RSAAUTH AES128 SHA256")},
	{"AES256-SHA", tls.TLS_RSA_WITH_AES_256_CBC_SHA, words("RSAKEY RSAAUTH AES256 SHA1")},
	{"AES128-SHA", tls.TLS_RSA_WITH_AES_128_CBC_SHA, words("RSAKEY RSAAUTH AES128 SHA1")},
	{"ECDHE-RSA-DES-CBC3-SHA", tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA, words("ECDHE RSAAUTH 3DES SHA1")},
	{"DES-CBC3-SHA", tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, words("RSAKEY RSAAUTH 3DES SHA1")},
}

func words(s string) []string { return strings.Fields(s) }

// has reports whether a word of a cipher list names the suite.
func (s *suite) has(word string) bool {
	switch word {
	case s.name, "ALL", "COMPLEMENTOFALL":
		return true
	case "DEFAULT", "HIGH":
		return !slices.Contains(s.words, "3DES")
	case "MEDIUM", "LOW", "EXP", "EXPORT", "NULL", "ENULL", "ANULL", "ADH", "AECDH", "DES", "RC4", "MD5", "PSK", "SRP", "DSS",
		"ADSS", "KRB5", "IDEA", "SEED", "CAMELLIA", "ARIA", "DHE", "EDH", "KDHE", "KEDH", "DH", "KDH", "ECDH", "AECDSA":
		return word == "AECDSA" && slices.Contains(s.words, "ECDSA")
	case "KRSA", "RSA":
		return slices.Contains(s.words, "RSAKEY") || word == "RSA" && slices.Contains(s.words, "RSAAUTH")
	case "ARSA":
		return slices.Contains(s.words, "RSAAUTH")
	case "EECDH", "KECDHE", "KEECDH":
		return slices.Contains(s.words, "ECDHE")
	case "AES":
		return slices.Contains(s.words, "AES128") || slices.Contains(s.words, "AES256")
	case "SHA":
		return slices.Contains(s.words, "SHA1")
	case "TLSV1.2":
		return slices.Contains(s.words, "AESGCM") || slices.Contains(s.words, "CHACHA20") || strings.HasSuffix(s.name, "SHA256")
	}
	return slices.Contains(s.words, word)
}

// Ciphers returns the cipher suites of TLS 1.2 and before that an OpenSSL
// cipher list stands for, of those that Go has; nil for the default. It is an
// error when there are none, as for OpenSSL.
func Ciphers(list string) ([]uint16, error) {
	if list == "" || list == "DEFAULT" {
		return nil, nil
	}
	var chosen []*suite
	banned := make(map[uint16]bool)
	for _, token := range strings.FieldsFunc(list, func(r rune) bool { return r == ':' || r == ',' || r == ' ' || r == ';' }) {
		op := byte(0)
		if c := token[0]; c == '!' || c == '-' || c == '+' {
			op, token = c, token[1:]
		}
		if token == "" || token[0] == '@' {
			continue
		}
		parts := strings.Split(strings.ToUpper(token), "+")
		var named []*suite
		for i := range suites {
			s := &suites[i]
			if !slices.ContainsFunc(parts, func(p string) bool { return !s.has(p) }) {
				named = append(named, s)
			}
		}
		for _, s := range named {
			at := slices.Index(chosen, s)
			switch {
			case op == 0:
				if at < 0 && !banned[s.id] {
					chosen = append(chosen, s)
				}
			case at >= 0:
				chosen = slices.Delete(chosen, at, at+1)
				if op == '+' {
					chosen = append(chosen, s)
				}
			}
			banned[s.id] = banned[s.id] || op == '!'
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("SSL_CTX_set_cipher_list(\"%s\") failed (SSL: error:0A0000B9:SSL routines::no cipher match)", list)
	}
	ids := make([]uint16, len(chosen))
	for i, s := range chosen {
		ids[i] = s.id
	}
	return ids, nil
}
