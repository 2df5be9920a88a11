package cache

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"tandem/proxy/answer"
	"tandem/proxy/cache/entry"
	"tandem/session"
	"tandem/web/message"
	"tandem/web/openfile"
)

// Keep prepares for keeping the answer of the back end, whose head is h and as it
// was received head. createTemp makes a file for answers on their way. It returns
// nil if the answer is not to be kept; the request's part in the entry has ended
// then. An error is one of writing the beginning of the copy.
func (c *Request) Keep(h *answer.Head, head []byte, createTemp func() (*os.File, error)) (*answer.Copy, error) {
	c.closeFile()
	now := c.r.Now()
	start := entry.HeadStart(len(c.key))
	until := c.until(h.Status, now)
	switch {
	case c.noCache(), !c.Cacheable, until == 0, start+len(head) > c.limit:
		c.Release()
		return nil, nil
	case c.Status == Bypass:
		c.vol.Acquire(&c.hold, c.id, now, c.set.MinUses.V)
	}
	e := entry.Header{ValidUntil: until, Updating: c.terms.updating, OnError: c.terms.onError, LastModified: -1,
		Date: now.Unix(), BodyStart: start + len(head), Vary: c.terms.vary}
	if h.Status == 200 || h.Status == 206 {
		e.LastModified, e.ETag = validators(h)
	}
	if len(e.Vary) > 0 {
		e.Variant = c.variant(e.Vary)
	}
	if !c.place(&e, now) {
		c.Release()
		return nil, nil
	}
	c.Entry = e
	k := c.newCopy(createTemp)
	before := append(e.Append(c.r.Scratch(), c.key), head...)
	_, err := k.Write(before)
	c.r.Unscratch(before)
	if err != nil {
		c.Release()
		k.Close()
		return nil, err
	}
	return k, nil
}

// noCache reports whether the configuration says not to keep the answer.
func (c *Request) noCache() bool { return session.AnyTrue(&c.r.Session, c.set.NoCache.V) }

// newCopy returns what is to become the entry's file.
func (c *Request) newCopy(createTemp func() (*os.File, error)) *answer.Copy {
	k := &answer.Copy{To: c.vol.Path(c.id), Create: createTemp}
	if c.cache.TempBeside {
		k.Create = func() (*os.File, error) { return c.vol.CreateTemp(c.id) }
	}
	return k
}

// until returns until when an answer with that status is fresh, 0 if it is not to
// be kept.
func (c *Request) until(status int, now time.Time) int64 {
	if c.terms.validUntil != 0 {
		return c.terms.validUntil
	}
	if d := c.set.validFor(status); d > 0 {
		return now.Unix() + int64(d/time.Second)
	}
	return 0
}

// validators returns what a response can be asked for again by.
func validators(h *answer.Head) (lastModified int64, etag []byte) {
	lastModified = -1
	if f := h.Get(answer.FieldLastModified); f != nil {
		if t, ok := message.ParseTime(f.Value); ok {
			lastModified = t
		}
	}
	if f := h.Get(answer.FieldETag); f != nil {
		etag = f.Value
	}
	return lastModified, etag
}

// place settles which entry the answer becomes: that of the variant that was
// looked for only if it is such a one.
func (c *Request) place(e *entry.Header, now time.Time) bool {
	if c.id == c.main || len(e.Vary) > 0 && e.Variant == c.id {
		return c.hold.Held()
	}
	c.vol.Index.Release(&c.hold, c.vol.Rules(c.set.MinUses.V), c.failure)
	c.id = c.main
	c.vol.Acquire(&c.hold, c.id, now, c.set.MinUses.V)
	return c.hold.Held()
}

// Kept makes the entry of a copy that is complete.
func (c *Request) Kept(k *answer.Copy) error {
	var st unix.Stat_t
	err := unix.Fstat(int(k.File().Fd()), &st)
	if err != nil || !c.vol.Index.Wanted(&c.hold) {
		k.Drop()
		c.Release()
		return err
	}
	if err := k.Keep(openfile.Move{Access: 0o600, FolderAccess: 0o600, CreatePath: true}); err != nil {
		c.Release()
		return err
	}
	c.vol.Index.Store(&c.hold, c.Entry.BodyStart, c.vol.OnDisk(&st))
	c.Cacheable = false
	return nil
}

// Reports reports whether a failure to write an entry is to be told of.
func (c *Request) Reports(err error) bool { return c.vol.Reports(err, time.Now()) }
