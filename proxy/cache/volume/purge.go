package volume

import (
	"bytes"
	"context"
	"os"

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

// PurgeText removes the entries of a key's text, whichever variants they are. It
// returns how many it removed.
func (v *Volume) PurgeText(ctx context.Context, text []byte) int {
	varies := v.varies(text)
	removed := 0
	if v.Purge(entry.KeyOf(text)) {
		removed++
	}
	if varies {
		removed += v.PurgeKeys(ctx, func(t []byte) bool { return bytes.Equal(t, text) })
	}
	return removed
}

// varies reports whether there are variants of an entry.
func (v *Volume) varies(text []byte) bool {
	b := make([]byte, entry.HeadStart(len(text)))
	n, ok := v.read(entry.KeyOf(text), b)
	if !ok {
		return false
	}
	return entry.Varies(b[:n])
}

// PurgeKeys removes all entries whose key's text matches, whichever variants they
// are, and returns how many it removed. It knows of all once the files have been
// loaded, and waits for that.
func (v *Volume) PurgeKeys(ctx context.Context, matches func(text []byte) bool) int {
	return v.purgeKeys(ctx, matches, func() bool { return ctx.Err() == nil })
}

// purgeKeys is PurgeKeys until goesOn, which is asked for each entry and may wait,
// says no.
func (v *Volume) purgeKeys(ctx context.Context, matches func(text []byte) bool, goesOn func() bool) int {
	v.Load(ctx)
	removed := 0
	var buf [4096]byte
	for k := range v.Index.Keys() {
		if text, ok := v.readKey(k, buf[:]); ok && matches(text) && v.Purge(k) {
			removed++
		}
		if !goesOn() {
			break
		}
	}
	return removed
}

// readKey returns the text of an entry's key; buf is memory that it may use.
func (v *Volume) readKey(k entry.Key, buf []byte) (text []byte, ok bool) {
	n, ok := v.read(k, buf)
	if size := entry.KeySize(buf[:n]); ok && size > n {
		buf = make([]byte, size)
		n, ok = v.read(k, buf)
	}
	if !ok {
		return nil, false
	}
	return entry.KeyText(buf[:n])
}

// read reads the beginning of an entry's file into b.
func (v *Volume) read(k entry.Key, b []byte) (n int, ok bool) {
	f, err := os.OpenFile(v.Path(k), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return 0, false
	}
	defer func() { _ = f.Close() }()
	n, _ = f.ReadAt(b, 0)
	return n, true
}
