package acme

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.SHA256
	_ "crypto/sha512" // for crypto.SHA384 and crypto.SHA512
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"

	rfc8555 "golang.org/x/crypto/acme"
)

// successor places an order that says which certificate it takes the place of (RFC 9773
// section 5): authorities do not count it against their limits. The client's package
// cannot say that. What an authority has against it is for who asks again without.
func (c *conversation) successor(ctx context.Context, ids []rfc8555.AuthzID, profile string) (*rfc8555.Order, error) {
	var directory struct{ NewNonce, NewOrder, RenewalInfo string }
	i := c.cert.Issuer
	if _, err := i.fetch(ctx, i.Directory, &directory); err != nil {
		return nil, err
	}
	if directory.RenewalInfo == "" {
		return nil, errNoRenewalInfo
	}
	id, err := renewalID(c.old)
	if err != nil {
		return nil, err
	}
	type identifier struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	}
	order := struct {
		Identifiers []identifier `json:"identifiers"`
		Profile     string       `json:"profile,omitempty"`
		Replaces    string       `json:"replaces"`
	}{Profile: profile, Replaces: id}
	for _, id := range ids {
		order.Identifiers = append(order.Identifiers, identifier{id.Type, id.Value})
	}
	payload, err := json.Marshal(order)
	if err != nil {
		return nil, err
	}
	nonce, err := i.nonce(ctx, directory.NewNonce)
	if err != nil {
		return nil, err
	}
	body, err := sign(c.client.Key, string(c.client.KID), nonce, directory.NewOrder, payload)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, directory.NewOrder, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/jose+json")
	reply, err := i.Client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = reply.Body.Close() }()
	if reply.StatusCode != http.StatusCreated {
		text, _ := io.ReadAll(io.LimitReader(reply.Body, maxReply))
		return nil, fmt.Errorf("%s: %s", reply.Status, text)
	}
	url := reply.Header.Get("Location")
	o, err := c.client.GetOrder(ctx, url)
	if err == nil {
		o.URI = url
	}
	return o, err
}

func (i *Issuer) nonce(ctx context.Context, url string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return "", err
	}
	reply, err := i.Client.Do(r)
	if err != nil {
		return "", err
	}
	_ = reply.Body.Close()
	return reply.Header.Get("Replay-Nonce"), nil
}

// sign signs a request of an account (RFC 8555 section 6.2, RFC 7515).
func sign(key crypto.Signer, account, nonce, url string, payload []byte) ([]byte, error) {
	algorithm, hash := "RS256", crypto.SHA256
	size := 0 // of the numbers of a signature
	if k, ok := key.Public().(*ecdsa.PublicKey); ok {
		bits := k.Curve.Params().BitSize
		size = (bits + 7) / 8
		switch bits {
		case 256:
			algorithm = "ES256"
		case 384:
			algorithm, hash = "ES384", crypto.SHA384
		default:
			algorithm, hash = "ES512", crypto.SHA512
		}
	} else if _, ok := key.Public().(*rsa.PublicKey); !ok {
		return nil, fmt.Errorf("accounts with a key of type %T are not supported", key)
	}
	head, err := json.Marshal(map[string]string{"alg": algorithm, "kid": account, "nonce": nonce, "url": url})
	if err != nil {
		return nil, err
	}
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64(head) + "." + b64(payload)
	h := hash.New()
	_, _ = h.Write([]byte(text))
	signature, err := key.Sign(rand.Reader, h.Sum(nil), hash)
	if err != nil {
		return nil, err
	}
	if size > 0 {
		var numbers struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(signature, &numbers); err != nil {
			return nil, err
		}
		signature = append(numbers.R.FillBytes(make([]byte, size)), numbers.S.FillBytes(make([]byte, size))...)
	}
	return json.Marshal(map[string]string{"protected": b64(head), "payload": b64(payload), "signature": b64(signature)})
}
