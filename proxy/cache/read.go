package cache

import (
	"bytes"
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/errorlog"
	"tandem/proxy/cache/entry"
	"tandem/web"
	"tandem/web/openfile"
	"tandem/web/smallfile"
)

// finding is what a file has turned out to be.
type finding uint8

const (
	unusable     finding = iota // none, or not the entry
	same                        // the entry
	otherVariant                // a variant for other requests: c.id is where the right one is
)

// bufferSize is how much of a file is read at once: a small one as a whole.
const bufferSize = smallfile.Largest

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// read reads what stands before the body in the entry's file, or takes a small
// file from memory, if it is still what it was.
func (c *Request) read() finding {
	c.closeFile()
	c.name = append(c.vol.Levels.AppendPath(c.name[:0], c.vol.Folder, c.id), 0)
	if c.remembered() {
		return c.check()
	}
	fd, failed := openfile.OpenItself(c.name)
	if !failed.OK() {
		if failed.Errno != unix.ENOENT && failed.Errno != unix.ENOTDIR {
			c.logFile(errorlog.Crit, failed)
		}
		return unusable
	}
	c.file, c.open = openfile.NewFile(fd), true
	found := unusable
	if c.load() {
		found = c.check()
	}
	if found == same {
		c.remember()
	} else {
		c.closeFile()
	}
	return found
}

// remembered takes the entry's file from memory. One that the index does not know
// is looked at itself.
func (c *Request) remembered() bool {
	m := smallfile.Of(c.r.Realm())
	e := m.Lookup(c.name)
	if e == nil || !c.known {
		return false
	}
	var now openfile.Info
	if failed := e.Look(c.r, openfile.Links{}, c.name, &now); !failed.OK() || now != e.Info {
		m.Forget(c.name)
		return false
	}
	c.putBuffer()
	c.info, c.buf, c.kept = now, e.Data, true
	return true
}

// remember keeps the entry's file in memory, if it is small, there is room, and it is
// not asked for only once.
func (c *Request) remember() {
	if !c.wholeRead() || !smallfile.IsSettled(&c.info, c.opened) {
		return
	}
	m := smallfile.Of(c.r.Realm())
	if !m.AskedAgain(c.name) || !m.Admits(c.name, len(c.buf)) {
		return
	}
	var now openfile.Info
	if failed := openfile.Fstat(int(c.file.Fd()), &now); failed.OK() && now == c.info {
		m.Store(c.name, &c.info, bytes.Clone(c.buf))
	}
}

// wholeRead reports whether all of the file is in c.buf.
func (c *Request) wholeRead() bool { return int64(len(c.buf)) == c.info.Size }

// load reads the beginning of the file.
func (c *Request) load() bool {
	c.opened = time.Now()
	if failed := openfile.Fstat(int(c.file.Fd()), &c.info); !failed.OK() {
		c.logFile(errorlog.Crit, failed)
		return false
	}
	if !c.info.IsRegular() {
		c.damaged(errorlog.Crit, "is no regular file")
		return false
	}
	n, failed := openfile.ReadFull(int(c.file.Fd()), c.room())
	if !failed.OK() {
		c.logFile(errorlog.Crit, failed)
		return false
	}
	c.buf = c.buf[:n]
	return true
}

// check looks at the beginning of the file, which has been read.
func (c *Request) check() finding {
	h, err := entry.Parse(c.buf, c.key, c.limit)
	switch {
	case errors.Is(err, entry.ErrVersion):
		c.damaged(errorlog.Info, err.Error())
		return unusable
	case err != nil:
		c.damaged(errorlog.Crit, err.Error())
		return unusable
	case h.BodyStart == entry.HeadStart(len(c.key)):
		c.damaged(errorlog.Crit, "has no header")
		return unusable
	}
	if c.id != c.main && c.vol.Outdated(c.main, h.Date) {
		return unusable
	}
	if len(h.Vary) > 0 {
		if id := c.variant(h.Vary); id != h.Variant {
			return c.turnTo(id)
		}
	}
	c.Entry = h
	if !c.known {
		var st unix.Stat_t
		if unix.Fstat(int(c.file.Fd()), &st) == nil {
			c.vol.Index.Found(&c.hold, h.BodyStart, c.vol.OnDisk(&st))
		}
	}
	return same
}

// turnTo goes on to the file of another variant.
func (c *Request) turnTo(id entry.Key) finding {
	if c.id != c.main {
		c.damaged(errorlog.Crit, "has incorrect vary hash")
		return unusable
	}
	c.vol.Index.Release(&c.hold, c.vol.Rules(c.set.MinUses.V), c.failure)
	c.id = id
	c.conf.variant = true
	return otherVariant
}

// room returns the memory for what is read of the file: for all of it, if it is
// small, or else for what may stand before the body.
func (c *Request) room() []byte {
	size := c.limit
	if c.info.Size <= bufferSize {
		size = int(c.info.Size)
	}
	if c.kept {
		c.buf, c.kept = nil, false
	}
	if cap(c.buf) < size {
		c.putBuffer()
		if size <= bufferSize {
			c.buf = buffers.Get().(*[bufferSize]byte)[:]
		} else {
			c.buf = make([]byte, size)
		}
	}
	c.buf = c.buf[:size]
	return c.buf
}

// logFile says why the entry's file could not be read.
func (c *Request) logFile(level errorlog.Level, failed openfile.Failure) {
	c.r.Logf(level, "%s \"%s\" failed (%s)", failed.Call, c.name[:len(c.name)-1], errorlog.Errno(failed.Errno))
}

// damaged says what is wrong with the entry's file.
func (c *Request) damaged(level errorlog.Level, what string) {
	c.r.Logf(level, "cache file \"%s\" %s", c.name[:len(c.name)-1], what)
}

// Head returns the head of the response that the entry keeps.
func (c *Request) Head() []byte {
	if c.conf.head != nil {
		return c.conf.head
	}
	return c.fileHead()
}

func (c *Request) fileHead() []byte { return c.buf[entry.HeadStart(len(c.key)):c.Entry.BodyStart] }

// BodyLen returns the length of the body that the entry keeps, in bytes.
func (c *Request) BodyLen() int64 { return c.info.Size - int64(c.Entry.BodyStart) }

// Body returns the body that the entry keeps, as the last piece of the answer's.
func (c *Request) Body() web.Chunk {
	if c.wholeRead() {
		return web.Chunk{Data: c.buf[c.Entry.BodyStart:], Last: true}
	}
	return web.Chunk{File: web.FileSegment{File: &c.file, Off: int64(c.Entry.BodyStart), Len: c.BodyLen()}, Last: true}
}

// Reject takes back that the entry answers the request: what it keeps is no
// response.
func (c *Request) Reject() {
	c.damaged(errorlog.Crit, "contains invalid header")
	c.Status, c.later, c.conf.parsed = Miss, false, false
	c.closeFile()
}
