package cache

import (
	"bytes"
	"context"

	"tandem/session"
	"tandem/web"
)

// Purges reports whether the request is to remove the entry that it asks for,
// instead of getting it.
func (c *Request) Purges() bool { return c.purges }

// Purge removes the entry of the request's key; one that ends with an asterisk
// stands for all that begin so. It returns what the request is answered with.
func (c *Request) Purge() web.Code {
	c.Cacheable = false
	if purge(context.Background(), c.cache, c.key) == 0 {
		return 404
	}
	return 204
}

// purge removes the entries of a key, or of all that begin so, from a cache. It
// returns how many it removed.
func purge(ctx context.Context, c *Cache, key []byte) int {
	if prefix, all := bytes.CutSuffix(key, []byte("*")); all {
		return c.Volume().PurgeKeys(ctx, func(text []byte) bool { return bytes.HasPrefix(text, prefix) })
	}
	return c.Volume().PurgeText(ctx, key)
}

// Purge removes the entries of a key, or of all that begin so if it ends with an
// asterisk, from all caches of a configuration. It returns how many it removed.
func Purge(ctx context.Context, h *web.HTTP, key string) int {
	removed := 0
	if h.Empty() {
		return 0
	}
	for _, c := range *cachesSlot.Of(&h.Realm) {
		removed += purge(ctx, c, []byte(key))
	}
	return removed
}

// asked reports whether the configuration has a request purge.
func (set *Settings) asked(r *web.Request) bool {
	return len(set.Purge.V) > 0 && session.AnyTrue(&r.Session, set.Purge.V)
}
