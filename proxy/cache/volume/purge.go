package volume

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"tandem/proxy/cache/entry"
)

// Purge removes an entry. It reports false if there was none.
func (v *Volume) Purge(k entry.Key) bool {
	name := v.Path(k)
	victim, known := v.Index.Purge(k)
	err := unix.Unlink(name)
	if known {
		v.Index.Removed(victim)
	}
	return err == nil
}

// PurgeKeys removes all entries whose key's text matches, whichever variants they
// are, and returns how many it removed. It knows of all once the files have been
// loaded, and waits for that.
func (v *Volume) PurgeKeys(ctx context.Context, matches func(text []byte) bool) int {
	v.Load(ctx)
	t := v.Manager.begin(time.Now())
	removed := 0
	var buf [4096]byte
	for k := range v.Index.Keys() {
		if text, ok := v.readKey(k, buf[:]); ok && matches(text) && v.Purge(k) {
			removed++
		}
		if !t.done(ctx) {
			break
		}
	}
	return removed
}

// readKey returns the text of an entry's key; buf is memory that it may use.
func (v *Volume) readKey(k entry.Key, buf []byte) (text []byte, ok bool) {
	f, err := os.OpenFile(v.Path(k), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, false
	}
	defer func() { _ = f.Close() }()
	n, _ := f.ReadAt(buf, 0)
	size := entry.KeySize(buf[:n])
	if size > n {
		buf = make([]byte, size)
		n, _ = f.ReadAt(buf, 0)
	}
	return entry.KeyText(buf[:n])
}
