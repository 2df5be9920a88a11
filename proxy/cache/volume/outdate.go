package volume

import (
	"context"
	"sync"
	"time"

	"tandem/internal/lru"
	"tandem/proxy/cache/entry"
)

// mostOutdated is how many keys are remembered whose variants are not what they
// were. Each takes some 200 bytes.
const mostOutdated = 10_000

// outdated are the keys whose variants must not be used, because an answer to
// another request has changed what they are of. Their files are found by reading
// all, which takes its time.
type outdated struct {
	mu    sync.Mutex
	since lru.Map[entry.Key, int64] // Unix seconds: what is as old as that is of no use
	texts map[string]struct{}       // whose files are to be removed
	wake  chan struct{}
}

// Outdate removes the entry of a key's text. Variants of it are not used any more,
// and removed soon.
func (v *Volume) Outdate(text []byte) {
	varies := v.varies(text)
	k := entry.KeyOf(text)
	if varies {
		o := &v.Memory.outdated
		o.mu.Lock()
		o.since.Put(k, time.Now().Unix())
		if o.since.Len() > mostOutdated {
			oldest, _, _ := o.since.Oldest()
			o.since.Remove(oldest)
		}
		if len(o.texts) < mostOutdated {
			o.texts[string(text)] = struct{}{}
		}
		o.mu.Unlock()
		select {
		case o.wake <- struct{}{}:
		default:
		}
	}
	v.Purge(k)
}

// Outdated reports whether a variant of a key that was stored at that time, in Unix
// seconds, is not what it was.
func (v *Volume) Outdated(main entry.Key, stored int64) bool {
	o := &v.Memory.outdated
	o.mu.Lock()
	defer o.mu.Unlock()
	since, ok := o.since.Peek(main)
	return ok && stored <= since
}

// RemoveOutdated removes the variants that are outdated, at the manager's pace,
// until ctx ends.
func (v *Volume) RemoveOutdated(ctx context.Context) {
	o := &v.Memory.outdated
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.wake:
		}
		o.mu.Lock()
		texts := o.texts
		o.texts = make(map[string]struct{})
		o.mu.Unlock()
		t := v.Manager.begin(time.Now())
		v.purgeKeys(ctx, func(text []byte) bool {
			_, ok := texts[string(text)]
			return ok
		}, func() bool { return t.done(ctx) })
	}
}
