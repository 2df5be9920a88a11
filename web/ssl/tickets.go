package ssl

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// ticketRing is the secrets that session tickets are encrypted with: one for
// all servers, so that a session begun with one may be resumed with another
// that is as good, as with a shared session cache. A new one takes over each
// day; the one before still decrypts.
type ticketRing struct {
	mu   sync.Mutex
	keys [][32]byte
	made time.Time
	age  uint64 // counts the keys made
}

const ticketLife = 24 * time.Hour

var tickets ticketRing

// give sees to it that a server has the present keys.
func (t *ticketRing) give(c *settings) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := time.Now(); t.age == 0 || now.Sub(t.made) > ticketLife {
		var key [32]byte
		_, _ = rand.Read(key[:])
		t.keys = append([][32]byte{key}, t.keys[:min(len(t.keys), 1)]...)
		t.made = now
		t.age++
	}
	if c.ticketAge.Load() != t.age {
		c.config.SetSessionTicketKeys(c.context.keys(t.keys))
		c.ticketAge.Store(t.age)
	}
}

// sessionContext is what a session was agreed under, and what a server must
// have in common to resume it: the same certificates, and the same question to
// the client (OpenSSL's session id context, which nginx makes of these).
// Otherwise a client whom one server has not asked would pass by the other's
// question. How strict a server is about the answer does not matter here: the
// client's certificate is judged anew in every session.
type sessionContext [sha256.Size]byte

// newSessionContext makes a context of everything that counts, in order.
func newSessionContext(parts ...[]byte) (s sessionContext) {
	h := sha256.New()
	for _, p := range parts {
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		_, _ = h.Write(p)
	}
	h.Sum(s[:0])
	return s
}

// keys derives from secrets those with which tickets of the context are
// encrypted: tickets of another do not decrypt and are passed over.
func (s sessionContext) keys(secrets [][32]byte) [][32]byte {
	out := make([][32]byte, len(secrets))
	for i, secret := range secrets {
		h := hmac.New(sha256.New, secret[:])
		_, _ = h.Write(s[:])
		h.Sum(out[i][:0])
	}
	return out
}
