package ssl

import (
	"crypto/rand"
	"sync"
	"time"
)

// ticketRing is the keys that session tickets are encrypted with: one for all
// servers, so that a session begun with one may be resumed with another, as
// with a shared session cache. A new key takes over each day; the one before
// still decrypts.
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
		c.config.SetSessionTicketKeys(t.keys)
		c.ticketAge.Store(t.age)
	}
}
