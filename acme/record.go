package acme

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"time"
)

// Record is all that is known of a certificate. It is a file, and goes to the other
// node of a pair: whoever has it can go on.
type Record struct {
	Chain string `json:"chain,omitempty"` // PEM, "" for none yet
	Key   string `json:"key,omitempty"`   // PEM

	// Pending is an order under way, nil for none.
	Pending *Pending `json:"pending,omitempty"`
	// Renew is when the certificate is to be renewed.
	Renew time.Time `json:"renew,omitzero"`
	// AskAgain is when the authority is to be asked when it wants the certificate
	// renewed (RFC 9773); zero: it does not say.
	AskAgain time.Time `json:"ask,omitzero"`

	Failures int       `json:"failures,omitempty"` // since the last success
	Retry    time.Time `json:"retry,omitzero"`     // not before
	Error    string    `json:"error,omitempty"`    // the last one

	// Revision counts the changes. Of two records of a certificate the one that
	// was changed more often is further on.
	Revision uint64 `json:"revision"`
}

// Pending is an order that an authority has, and the key that it will certify.
type Pending struct {
	URL   string    `json:"url"`
	Key   string    `json:"key"` // PEM
	Begun time.Time `json:"begun"`
}

// leaf returns the certificate, nil if there is none.
func (r *Record) leaf() *x509.Certificate {
	block, _ := pem.Decode([]byte(r.Chain))
	if block == nil {
		return nil
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	return leaf
}

var errForeignKey = errors.New("the private key is not that of the certificate")

// check returns what is wrong with the certificate and key of a record.
func (r *Record) check() error {
	leaf := r.leaf()
	if leaf == nil {
		return errors.New("no certificate")
	}
	key, err := parseKey(r.Key)
	if err != nil {
		return err
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(leaf.PublicKey) {
		return errForeignKey
	}
	return nil
}

// merge returns what two nodes know together: the newer certificate, and of the
// rest what is further on. It does not matter who asks.
func merge(a, b Record) Record {
	if b.Revision > a.Revision || b.Revision == a.Revision && bytes.Compare(b.bytes(), a.bytes()) > 0 {
		a, b = b, a
	}
	if older, newer := a.leaf(), b.leaf(); newer != nil && (older == nil || newer.NotBefore.After(older.NotBefore)) {
		a.Chain, a.Key, a.Renew, a.AskAgain = b.Chain, b.Key, b.Renew, b.AskAgain
		a.Pending, a.Failures, a.Error, a.Retry = nil, 0, "", time.Time{}
	}
	return a
}

// same reports whether two records say the same.
func (r *Record) same(o *Record) bool { return bytes.Equal(r.bytes(), o.bytes()) }

func (r *Record) bytes() []byte {
	b, err := json.Marshal(r)
	if err != nil {
		panic("acme: " + err.Error()) // only for a time that no calendar has
	}
	return b
}
