package ssl

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"
)

// ticketNameSize is how many bytes of a ticket name the key that seals it (RFC
// 5077 section 4).
const ticketNameSize = 16

// ticketKey seals session tickets.
type ticketKey struct {
	name [ticketNameSize]byte
	aead cipher.AEAD
}

func newTicketKey(name, secret []byte) *ticketKey {
	k := new(ticketKey)
	copy(k.name[:], name)
	block, err := aes.NewCipher(secret)
	if err == nil {
		k.aead, err = cipher.NewGCM(block)
	}
	if err != nil {
		panic("ssl: " + err.Error()) // only for a secret of another length than 32
	}
	return k
}

// derive makes a key of a secret; what makes it different from others of the same
// secret stands in info.
func derive(secret []byte, info string) *ticketKey {
	b, err := hkdf.Key(sha256.New, secret, nil, "tandem session ticket "+info, ticketNameSize+32)
	if err != nil {
		panic("ssl: " + err.Error()) // only for a length that is too large
	}
	return newTicketKey(b[:ticketNameSize], b[ticketNameSize:])
}

// ticketBlock is what the content of a ticket is filled up to a multiple of: how
// long it is tells nothing.
const ticketBlock = 128

// seal makes a ticket of what only the servers of a context may open.
func (k *ticketKey) seal(plain []byte, context sessionContext) []byte {
	padded := binary.BigEndian.AppendUint32(nil, uint32(len(plain)))
	padded = append(padded, plain...)
	padded = append(padded, make([]byte, (ticketBlock-len(padded)%ticketBlock)%ticketBlock)...)
	out := make([]byte, ticketNameSize+k.aead.NonceSize(), ticketNameSize+k.aead.NonceSize()+len(padded)+k.aead.Overhead())
	copy(out, k.name[:])
	nonce := out[ticketNameSize:]
	_, _ = rand.Read(nonce)
	return k.aead.Seal(out, nonce, padded, context[:])
}

// open opens a ticket that has the key's name; false when it was sealed with
// another key or for another context.
func (k *ticketKey) open(ticket []byte, context sessionContext) ([]byte, bool) {
	if len(ticket) < ticketNameSize+k.aead.NonceSize() || [ticketNameSize]byte(ticket) != k.name {
		return nil, false
	}
	nonce, sealed := ticket[ticketNameSize:][:k.aead.NonceSize()], ticket[ticketNameSize+k.aead.NonceSize():]
	padded, err := k.aead.Open(nil, nonce, sealed, context[:])
	if err != nil || len(padded) < 4 {
		return nil, false
	}
	n := binary.BigEndian.Uint32(padded)
	if uint64(n) > uint64(len(padded)-4) {
		return nil, false
	}
	return padded[4:][:n], true
}

// ticketSecret is what the keys of tickets are derived from.
type ticketSecret struct {
	bytes [32]byte
	made  time.Time
}

// secretLife is how long a secret is used for new tickets; for as long again it
// opens old ones.
const secretLife = 24 * time.Hour

// ticketRing is the secrets of a process, the newest first: one for all servers,
// so that a session begun with one may be resumed with another of the same
// context, as with a shared session cache. They outlive a reload.
type ticketRing struct {
	mu      sync.Mutex
	secrets []ticketSecret
	others  map[string]ticketSecret          // of other nodes, by name; they open only
	share   func(name string, secret []byte) // with other nodes, nil without any
	changes atomic.Uint64                    // of others
}

var ring ticketRing

// at returns the secrets of a moment. The first one seals.
func (r *ticketRing) at(now time.Time) []ticketSecret {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.secrets) == 0 || now.Sub(r.secrets[0].made) >= secretLife {
		s := ticketSecret{made: now}
		_, _ = rand.Read(s.bytes[:])
		r.secrets = append([]ticketSecret{s}, r.secrets...)
		for len(r.secrets) > 2 {
			r.tell(r.secrets[2], false)
			r.secrets = r.secrets[:2]
		}
		r.tell(s, true)
	}
	return r.secrets
}

// ticketKeys are the keys of a moment: the first seals, all open.
type ticketKeys struct {
	keys  []*ticketKey
	until time.Time // zero: for good
	as    uint64    // of ticketRing.changes
}

// keysAt derives the keys of a moment. A key seals for a session's lifetime and opens
// for another one, as nginx's do.
func (r *ticketRing) keysAt(now time.Time, life time.Duration) *ticketKeys {
	life = max(life, time.Second)
	k := &ticketKeys{as: r.changes.Load()}
	for i, s := range r.at(now) {
		turn := int64(now.Sub(s.made) / life)
		if i == 0 {
			k.until = s.made.Add(time.Duration(turn+1) * life)
			if end := s.made.Add(secretLife); end.Before(k.until) {
				k.until = end
			}
		}
		for t := turn; t >= max(turn-1, 0); t-- {
			k.keys = append(k.keys, s.key(life, t))
		}
	}
	for _, s := range r.ofOthers(now) {
		// Their clocks may be a little ahead.
		turn := int64(now.Sub(s.made) / life)
		for t := turn + 1; t >= max(turn-1, 0); t-- {
			k.keys = append(k.keys, s.key(life, t))
		}
	}
	return k
}

// key derives the key of a turn.
func (s *ticketSecret) key(life time.Duration, turn int64) *ticketKey {
	return derive(s.bytes[:], life.String()+" "+time.Duration(turn).String())
}
