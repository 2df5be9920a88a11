package pki

import (
	"crypto/tls"
	"errors"
	"sync"
	"time"

	"tandem/internal/lru"
)

// Cache keeps certificates and keys whose names hold variables, as nginx's
// *_ssl_certificate_cache does: each counts on its own, and keys that are
// encrypted are not kept.
type Cache struct {
	Max      int
	Valid    time.Duration // after which it is looked whether a file has changed
	Inactive time.Duration // after which what is not used is forgotten

	mu    sync.Mutex
	known lru.Map[cacheName, *cached]
}

type cacheName struct {
	name  string
	isKey bool
}

type cached struct {
	stamp      Stamp
	read, used time.Time
	chain      *Chain
	key        *Key
}

// Pair is that of Files, for files as they are, or were when they were read
// last; a nil Cache keeps nothing. A key that does not fit is read again together
// with its certificate: they may have changed between.
func (c *Cache) Pair(cert, key string, passwords [][]byte, now time.Time) (tls.Certificate, error) {
	if c == nil {
		return LoadPair(cert, key, passwords)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	pair, err := c.pair(cert, key, passwords, now)
	if errors.Is(err, errMismatch) {
		c.known.Remove(cacheName{cert, false})
		c.known.Remove(cacheName{key, true})
		pair, err = c.pair(cert, key, passwords, now)
	}
	return pair, err
}

func (c *Cache) pair(cert, key string, passwords [][]byte, now time.Time) (tls.Certificate, error) {
	chain, err := c.fetch(cacheName{cert, false}, nil, now)
	if err != nil {
		return tls.Certificate{}, certError(cert, err)
	}
	k, err := c.fetch(cacheName{key, true}, passwords, now)
	if err != nil {
		return tls.Certificate{}, keyError(key, err)
	}
	return newPair(chain.chain, k.key, key)
}

// fetch returns what a name stands for, read if need be.
func (c *Cache) fetch(n cacheName, passwords [][]byte, now time.Time) (*cached, error) {
	file, err := n.name, error(nil)
	if n.isKey {
		file, err = keyFile(n.name)
	}
	if err != nil {
		return nil, err
	}
	_, isInline := inline(file)
	if known, ok := c.known.Peek(n); ok {
		if !isInline && now.Sub(known.read) > c.Valid {
			known.read = now
			if StampOf(file) != known.stamp {
				c.known.Remove(n)
				return c.load(n, file, passwords, now)
			}
		}
		known.used = now
		c.known.Use(n)
		return known, nil
	}
	return c.load(n, file, passwords, now)
}

func (c *Cache) load(n cacheName, file string, passwords [][]byte, now time.Time) (*cached, error) {
	loaded := &cached{stamp: StampOf(file), read: now, used: now}
	text, ok := inline(file)
	var err error
	if !ok {
		text, err = readFile(file)
	}
	if err != nil {
		return nil, err
	}
	if n.isKey {
		loaded.key, err = parseKey(text, passwords)
	} else {
		loaded.chain, err = parseChain(text)
	}
	if err != nil || loaded.key != nil && loaded.key.encrypted {
		return loaded, err
	}
	for name, oldest, ok := c.known.Oldest(); ok; name, oldest, ok = c.known.Oldest() {
		if c.known.Len() < c.Max && now.Sub(oldest.used) < c.Inactive {
			break
		}
		c.known.Remove(name)
	}
	c.known.Put(n, loaded)
	return loaded, nil
}
