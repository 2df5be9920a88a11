package acme

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"tandem/acme/acmetest"
)

// Requests are signed as the kind of the account's key wants it.
func TestSign(t *testing.T) {
	for text, want := range map[string]string{"ecdsa:256": "ES256", "ecdsa:384": "ES384", "ecdsa:521": "ES512", "rsa:2048": "RS256"} {
		kind, _, err := ParseKeyType(text)
		if err != nil {
			t.Fatal(err)
		}
		pem, err := kind.generate()
		if err != nil {
			t.Fatal(err)
		}
		key, err := parseKey(pem)
		if err != nil {
			t.Fatal(err)
		}
		body, err := sign(key, "account", "nonce", "https://ca.test/order", []byte(`{"a":1}`))
		if err != nil {
			t.Fatal(err)
		}
		var signed struct{ Protected, Payload, Signature string }
		if err := json.Unmarshal(body, &signed); err != nil {
			t.Fatal(err)
		}
		decode := func(s string) []byte {
			b, err := base64.RawURLEncoding.DecodeString(s)
			if err != nil {
				t.Error(err)
			}
			return b
		}
		var head map[string]string
		if err := json.Unmarshal(decode(signed.Protected), &head); err != nil || head["alg"] != want || head["kid"] != "account" || head["nonce"] != "nonce" || head["url"] != "https://ca.test/order" || string(decode(signed.Payload)) != `{"a":1}` {
			t.Errorf("%s: %v, %v", text, head, err)
		}
		hash := map[string]crypto.Hash{"ES256": crypto.SHA256, "RS256": crypto.SHA256, "ES384": crypto.SHA384, "ES512": crypto.SHA512}[want]
		h := hash.New()
		_, _ = h.Write([]byte(signed.Protected + "." + signed.Payload))
		signature := decode(signed.Signature)
		good := false
		switch k := key.Public().(type) {
		case *rsa.PublicKey:
			good = rsa.VerifyPKCS1v15(k, hash, h.Sum(nil), signature) == nil
		case *ecdsa.PublicKey:
			half := len(signature) / 2
			good = half == (k.Params().BitSize+7)/8 && ecdsa.Verify(k, h.Sum(nil), new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:]))
		}
		if !good {
			t.Errorf("%s: the signature is wrong", text)
		}
	}
}

// An order that renews a certificate says so, where the authority has renewal
// information; what it has against that does not keep the certificate from coming.
func TestReplaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := acmetest.New()
		ca.Window = func(leaf *x509.Certificate) (start, end time.Time) {
			return leaf.NotAfter.Add(-20 * 24 * time.Hour), leaf.NotAfter.Add(-10 * 24 * time.Hour)
		}
		b := newBox(t, ca, "a.test")
		ca.Check = b.asks
		b.start(nil)
		time.Sleep(time.Minute)
		if ca.Orders() != 1 || ca.Replaced() != 0 {
			t.Errorf("%d orders, %d say what they renew", ca.Orders(), ca.Replaced())
		}
		time.Sleep(85 * 24 * time.Hour)
		if ca.Orders() != 2 || ca.Replaced() != 1 {
			t.Errorf("%d orders, %d say what they renew", ca.Orders(), ca.Replaced())
		}
		ca.Forget()
		time.Sleep(80 * 24 * time.Hour)
		if ca.Orders() != 3 || ca.Replaced() != 1 || b.leaf() == nil {
			t.Errorf("%d orders, %d say what they renew", ca.Orders(), ca.Replaced())
		}
		b.stop()
	})
}
