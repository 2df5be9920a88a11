package ssl

import (
	"sync"
	"time"

	"tandem/internal/lru"
)

// sessionID names a session of a cache: what its client has in place of a ticket.
type sessionID [32]byte

// A session takes about as much of a zone as with nginx, where 1 MB holds 4000.
const (
	sessionSize    = 256
	builtinDefault = 20480 // sessions, as OpenSSL's own cache has them
)

// sessionCache is the sessions that servers remember so that nothing but a name
// leaves the machine. When it is full the oldest goes.
type sessionCache struct {
	mu    sync.Mutex
	max   int
	known lru.Map[sessionID, *cachedSession]
}

type cachedSession struct {
	id      sessionID
	context sessionContext
	begun   time.Time
	state   []byte
}

func newSessionCache(sessions int) *sessionCache {
	return &sessionCache{max: max(sessions, 1)}
}

// put remembers a session, in place of one of the same name.
func (c *sessionCache) put(s *cachedSession) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known.Put(s.id, s)
	for c.known.Len() > c.max {
		oldest, _, _ := c.known.Oldest()
		c.known.Remove(oldest)
	}
}

// get returns a session of that name, nil when there is none.
func (c *sessionCache) get(id sessionID) *cachedSession {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, _ := c.known.Peek(id)
	return s
}
