package openssl

import (
	"crypto/tls"
	"slices"
	"testing"
)

func TestCiphers(t *testing.T) {
	has := func(list string, id uint16) bool {
		ids, err := Ciphers(list)
		return err == nil && slices.Contains(ids, id)
	}
	for _, c := range []struct {
		list string
		id   uint16
		want bool
	}{
		{"ECDHE-RSA-AES128-GCM-SHA256", tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, true},
		{"ECDHE-RSA-AES128-GCM-SHA256", tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, false},
		{"HIGH:!aNULL:!MD5", tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, true},
		{"EECDH+AESGCM:EDH+AESGCM", tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, true},
		{"HIGH:!ECDHE-RSA-AES256-GCM-SHA384", tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, false},
		{"ECDHE-ECDSA-AES128-SHA256:AES256-SHA", tls.TLS_RSA_WITH_AES_256_CBC_SHA, true},
	} {
		if got := has(c.list, c.id); got != c.want {
			t.Errorf("%s, %s: %v", c.list, SuiteName(c.id), got)
		}
	}
	if _, err := Ciphers("RC4:!HIGH"); err == nil {
		t.Error("a list of nothing is accepted")
	}
}

func TestProtocols(t *testing.T) {
	low, high, err := Protocols([]string{"SSLv3", "TLSv1.1", "TLSv1.2"})
	if err != nil || low != tls.VersionTLS11 || high != tls.VersionTLS12 {
		t.Errorf("%x to %x, %v", low, high, err)
	}
	for _, words := range [][]string{{"SSLv2"}, {"TLSv2"}} {
		if _, _, err := Protocols(words); err == nil {
			t.Errorf("%v is accepted", words)
		}
	}
}
