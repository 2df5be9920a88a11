package openfile

import (
	"container/list"
	"runtime"
	"sync"
	"time"
)

// Cache keeps files open, by name: what open_file_cache asks for. Whoever takes
// a file from it looks first whether the name still means that file.
type Cache struct {
	max      int           // files
	inactive time.Duration // after which a file that nobody asked for goes

	mu      sync.Mutex
	entries map[string]*list.Element // of *Kept
	recent  list.List                // the one asked for last in front
}

// Kept is a file that a Cache keeps.
type Kept struct {
	File
	Info Info // when it was opened

	cache   *Cache
	name    string
	uses    int
	asked   time.Time
	holders int // who has taken it and not released it
	open    bool
	gone    bool // out of the cache: to be closed with the last holder
	cleanup runtime.Cleanup
}

// NewCache makes a cache of at most max files, which go when they have not been
// asked for that long.
func NewCache(max int, inactive time.Duration) *Cache {
	return &Cache{max: max, inactive: inactive, entries: make(map[string]*list.Element)}
}

// Take returns the file of that name if it is kept open, nil otherwise. It is
// to be given back with Release.
func (c *Cache) Take(name []byte, now time.Time) *Kept {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[string(name)]
	if e == nil {
		return nil
	}
	k := e.Value.(*Kept)
	k.uses++
	k.asked = now
	c.recent.MoveToFront(e)
	if !k.open {
		return nil
	}
	k.holders++
	return k
}

// Add keeps a file that has just been opened, if it has been asked for minUses
// times; then the cache owns fd, and the Kept is to be given back with Release.
// Otherwise it returns nil.
func (c *Cache) Add(name []byte, i *Info, fd, minUses int, now time.Time) *Kept {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire(now)
	e := c.entries[string(name)]
	if e == nil {
		for len(c.entries) >= c.max && len(c.entries) > 0 {
			c.remove(c.recent.Back())
		}
		k := &Kept{cache: c, name: string(name), uses: 1, asked: now}
		e = c.recent.PushFront(k)
		c.entries[k.name] = e
	}
	k := e.Value.(*Kept)
	if k.open || k.uses < minUses {
		return nil
	}
	k.File, k.Info, k.open, k.holders = NewFile(fd), *i, true, 1
	// Caches of configurations that are no longer in use are left to the
	// garbage collector.
	k.cleanup = runtime.AddCleanup(k, Close, fd)
	return k
}

// Release gives back what Take or Add returned.
func (k *Kept) Release() {
	k.cache.mu.Lock()
	k.holders--
	k.closeUnused()
	k.cache.mu.Unlock()
}

// Forget takes k out of the cache, because its name means another file now.
func (k *Kept) Forget() {
	c := k.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[k.name]; e != nil && e.Value.(*Kept) == k {
		c.remove(e)
	}
}

// Len returns how many files are kept, open or not.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries)
}

// expire removes files that nobody has asked for lately: a few at a time.
func (c *Cache) expire(now time.Time) {
	for range 2 {
		e := c.recent.Back()
		if e == nil || now.Sub(e.Value.(*Kept).asked) < c.inactive {
			return
		}
		c.remove(e)
	}
}

func (c *Cache) remove(e *list.Element) {
	k := c.recent.Remove(e).(*Kept)
	delete(c.entries, k.name)
	k.gone = true
	k.closeUnused()
}

func (k *Kept) closeUnused() {
	if k.gone && k.open && k.holders == 0 {
		k.open = false
		k.cleanup.Stop()
		k.Close()
	}
}
