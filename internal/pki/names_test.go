package pki

import (
	"crypto/tls"
	"testing"
)

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
