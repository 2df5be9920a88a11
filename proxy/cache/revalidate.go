package cache

import (
	"os"

	"golang.org/x/sys/unix"

	"tandem/internal/errorlog"
	"tandem/proxy/answer"
	"tandem/proxy/cache/entry"
	"tandem/web/openfile"
)

// Revalidates reports whether a 304 of the back end says that the entry still
// holds.
func (c *Request) Revalidates() bool { return c.Status == Expired && c.set.Revalidate.V }

// Validators returns what the back end is to be asked by whether the entry still
// holds: the time of its last change, -1 for none, and its tag.
func (c *Request) Validators() (lastModified int64, etag []byte) {
	if !c.Revalidates() {
		return -1, nil
	}
	return c.Entry.LastModified, c.Entry.ETag
}

// Revalidated notes that the entry still holds. The back end's 304 has been
// judged; h is the head that the entry keeps. createTemp is as for Keep.
func (c *Request) Revalidated(h *answer.Head, ignore answer.Ignored, createTemp func() (*os.File, error)) {
	c.Status = Revalidated
	now := c.r.Now()
	if c.Conforms() {
		if c.judgeConforming(h); c.terms.allow() && c.terms.validUntil != 0 {
			c.refresh(c.newCopy(createTemp))
		}
		c.Release()
		return
	}
	if c.terms.validUntil == 0 {
		c.terms.read(h, ignore, now.Unix(), c.r.Keep)
	}
	until := c.until(h.Status, now)
	if until != 0 {
		e := c.Entry
		e.ValidUntil, e.Updating, e.OnError, e.Date = until, c.terms.updating, c.terms.onError, now.Unix()
		c.rewrite(&e)
	}
	c.Release()
}

// rewrite writes a new header over that of the entry's file, if it is the same
// file still.
func (c *Request) rewrite(e *entry.Header) {
	name := string(c.name[:len(c.name)-1])
	fd, err := unix.Open(name, unix.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		if err != unix.ENOENT {
			c.r.Logf(errorlog.Crit, "open() \"%s\" failed (%s)", name, errorlog.Reason(err))
		}
		return
	}
	defer openfile.Close(fd)
	var info openfile.Info
	if failed := openfile.Fstat(fd, &info); !failed.OK() || info.Ino != c.info.Ino || info.Dev != c.info.Dev || info.Size != c.info.Size {
		return
	}
	buf := c.r.Scratch()
	defer c.r.Unscratch(buf)
	before := append(buf, make([]byte, e.BodyStart)...)
	n, failed := openfile.ReadFull(fd, before)
	old, err := entry.Parse(before[:n], c.key, c.limit)
	if !failed.OK() || err != nil || old.BodyStart != e.BodyStart || old.LastModified != e.LastModified {
		return
	}
	if _, err := unix.Pwrite(fd, e.AppendFixed(nil, c.key), 0); err != nil {
		c.r.Logf(errorlog.Crit, "pwrite() \"%s\" failed (%s)", name, errorlog.Reason(err))
	}
}
