package ssl

import (
	"sync"
	"time"

	"tandem/internal/lru"
)

// cache is what servers remember by keys, as nginx does in shared memory. When it is
// full the oldest goes.
type cache[K comparable, V any] struct {
	mu    sync.Mutex
	max   int
	known lru.Map[K, V]
}

// put remembers a value, in place of one of the same key.
func (c *cache[K, V]) put(key K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known.Put(key, v)
	for c.known.Len() > c.max {
		oldest, _, _ := c.known.Oldest()
		c.known.Remove(oldest)
	}
}

// get returns the value of a key.
func (c *cache[K, V]) get(key K) (v V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known.Peek(key)
}

// sessionID names a session of a cache: what its client has in place of a ticket.
type sessionID [32]byte

// A session takes about as much of a zone as with nginx, where 1 MB holds 4000; so
// does what is known of a client's certificate.
const (
	sessionSize    = 256
	builtinDefault = 20480 // sessions, as OpenSSL's own cache has them
)

// sessionCache is the sessions that servers remember so that nothing but a name
// leaves the machine.
type sessionCache = cache[sessionID, *cachedSession]

type cachedSession struct {
	context sessionContext
	begun   time.Time
	state   []byte
}

func newSessionCache(sessions int) *sessionCache {
	return &sessionCache{max: max(sessions, 1)}
}
