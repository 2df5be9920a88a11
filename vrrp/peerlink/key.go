package peerlink

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// SecretLen is the length of a link's secret in bytes. It is random: what is
// seen of the link gives no better way to find it than to try all of them.
const SecretLen = 32

// Key is the secret of a link, in the form that TLS can prove: both nodes derive
// the same Ed25519 key from it.
type Key struct {
	secret      [SecretLen]byte
	public      ed25519.PublicKey
	certificate tls.Certificate
}

// NewKey makes a link's key of its secret.
func NewKey(secret [SecretLen]byte) *Key {
	seed, err := hkdf.Key(sha256.New, secret[:], nil, "tandem peer link, Ed25519", ed25519.SeedSize)
	if err != nil {
		panic("peerlink: " + err.Error()) // only for lengths that cannot be
	}
	private := ed25519.NewKeyFromSeed(seed)
	k := &Key{secret: secret, public: private.Public().(ed25519.PublicKey)}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, k.public, private)
	if err != nil {
		panic("peerlink: " + err.Error())
	}
	k.certificate = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
	return k
}

// Equal reports whether two keys are of the same secret, or both nil.
func (k *Key) Equal(o *Key) bool {
	if k == nil || o == nil {
		return k == o
	}
	return subtle.ConstantTimeCompare(k.secret[:], o.secret[:]) == 1
}

var errKey = errors.New("its peer_key differs from ours")

// config is TLS 1.3 between two nodes that have the key, and nobody else. It is
// no certificate that counts, but which key it was signed with.
func (k *Key) config() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{k.certificate},
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true, // VerifyConnection does it, on both sides
		SessionTicketsDisabled: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) != 1 || !k.public.Equal(s.PeerCertificates[0].PublicKey) {
				return errKey
			}
			return nil
		},
	}
}

// protect goes over to TLS if there is a key, and returns when both sides have
// proven that they have it.
func (s *session) protect(ctx context.Context) error {
	k := s.instance.Key
	if k == nil {
		s.lines = &lines{s.r, s.conn, maxOpening}
		return nil
	}
	if s.r.Buffered() > 0 {
		return errNotHello // nobody begins before the verdict, or before the hello
	}
	conn := tls.Server(s.raw, k.config())
	if s.client {
		conn = tls.Client(s.raw, k.config())
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("peer_key: %w", err)
	}
	s.conn, s.r, s.secure = conn, bufio.NewReader(conn), true
	s.lines = newLines(conn)
	s.lines.r = s.r
	return nil
}
