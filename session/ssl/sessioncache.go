package ssl

import (
	"container/list"
	"sync"
	"time"
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
	byID  map[sessionID]*list.Element
	byAge list.List // of *cachedSession, the oldest in front
}

type cachedSession struct {
	id      sessionID
	context sessionContext
	begun   time.Time
	state   []byte
}

func newSessionCache(sessions int) *sessionCache {
	return &sessionCache{max: max(sessions, 1), byID: make(map[sessionID]*list.Element)}
}

// put remembers a session, in place of one of the same name.
func (c *sessionCache) put(s *cachedSession) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.byID[s.id]; old != nil {
		c.byAge.Remove(old)
	}
	c.byID[s.id] = c.byAge.PushBack(s)
	for c.byAge.Len() > c.max {
		delete(c.byID, c.byAge.Remove(c.byAge.Front()).(*cachedSession).id)
	}
}

// get returns a session of that name, nil when there is none.
func (c *sessionCache) get(id sessionID) *cachedSession {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byID[id]; e != nil {
		return e.Value.(*cachedSession)
	}
	return nil
}
