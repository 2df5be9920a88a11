package cache

import (
	"bytes"
	"iter"
	"sync"
	"time"

	"tandem/internal/errorlog"
	"tandem/proxy/answer"
	"tandem/proxy/cache/entry"
	"tandem/proxy/cache/index"
	"tandem/proxy/cache/volume"
	"tandem/web"
	"tandem/web/message"
	"tandem/web/openfile"
)

// Request is a request's dealings with a cache: it looks for an entry, sees what
// the back end answers if there is none, and may keep that.
type Request struct {
	Status Status
	// Cacheable: what the back end answers may be kept, as far as is known.
	Cacheable bool
	// Entry is what the file that was found says, if one was.
	Entry entry.Header

	r     *web.Request
	set   *Settings
	cache *Cache
	vol   *volume.Volume
	limit int // where a body must begin in a file at the latest

	key     []byte    // its text
	main    entry.Key // of the text
	id      entry.Key // of the entry: main, or that of a variant
	hold    index.Hold
	known   bool          // the index knew of the file when it was asked
	failure index.Failure // what is to be remembered in place of an entry
	later   bool          // the entry is to be updated when it has been sent
	purges  bool          // the entry is to be removed
	timeout bool          // the time to wait for another request is over

	name []byte        // of the entry's file, with a NUL byte
	file openfile.File // where open
	open bool
	info openfile.Info
	buf  []byte // the beginning of the file, or all of it
	kept bool   // buf is not the request's own: it is kept in memory
	// opened is when the file was looked at.
	opened time.Time

	terms terms // what the back end's answer says
	// disallowed: it is because of them alone that it is not Cacheable.
	disallowed bool
	conf       conformity
}

var requests = sync.Pool{New: func() any { return new(Request) }}

// Begin returns a request's dealings with the cache of its location; nil if it has
// none. Key appends the text of the key, unless the configuration gives one.
// ok is false for a configuration that cannot be followed, which has been logged.
func Begin(r *web.Request, set *Settings, bufferSize int64, key func(dst []byte) []byte) (c *Request, ok bool) {
	purges := set.asked(r)
	if !purges && methods(r.Method)&set.Methods.V == 0 {
		return nil, true
	}
	cache, ok := set.Use.V.find(r)
	if cache == nil {
		return nil, ok
	}
	text := r.Scratch()
	if t := set.Key.V; t != nil {
		text = t.Append(&r.Session, text)
	} else {
		text = key(text)
	}
	if int64(entry.HeadStart(len(text))+shortestHead) > bufferSize {
		need := (entry.HeadStart(len(text)) + shortestHead + 1023) &^ 1023
		r.Logf(errorlog.Error, "%s_buffer_size %d is not enough for cache key, it should be increased to at least %d",
			cache.prefix, bufferSize, need)
		r.Unscratch(text)
		return nil, true
	}
	c = requests.Get().(*Request)
	c.r, c.set, c.cache, c.vol = r, set, cache, cache.Volume()
	c.limit = int(min(bufferSize, entry.MaxHead))
	c.key = append(c.key[:0], text...)
	r.Unscratch(text)
	c.main = entry.KeyOf(c.key)
	c.id = c.main
	c.Cacheable, c.purges = true, purges
	return c, true
}

// shortestHead is how much room a buffer is to have for the head of a response
// behind the key.
const shortestHead = 256

// find returns the cache that a request uses, nil for none.
func (u *Use) find(r *web.Request) (c *Cache, ok bool) {
	if u.template == nil {
		return u.cache, true
	}
	name := u.template.Append(&r.Session, r.Scratch())
	defer r.Unscratch(name)
	if len(name) == 0 || string(name) == "off" {
		return nil, true
	}
	if c = u.caches.find(u.prefix, string(name)); c == nil {
		r.Logf(errorlog.Error, "cache \"%s\" not found", name)
	}
	return c, c != nil
}

// End gives everything back when the request has ended.
func (c *Request) End() {
	c.Release()
	if c.Status != None {
		uses := &c.vol.Memory.Uses[c.Status]
		uses.Responses.Add(1)
		uses.Bytes.Add(uint64(max(c.r.BodyBytesSent(), 0)))
	}
	c.closeFile()
	c.putBuffer()
	key, name := c.key, c.name
	*c = Request{key: key[:0], name: name[:0]}
	requests.Put(c)
}

// putBuffer gives the memory back that a file was read into.
func (c *Request) putBuffer() {
	if cap(c.buf) == bufferSize && !c.kept {
		buffers.Put((*[bufferSize]byte)(c.buf[:bufferSize]))
	}
	c.buf, c.kept = nil, false
}

// Release ends the request's part in the entry: its answer is not kept.
func (c *Request) Release() {
	c.Cacheable, c.disallowed = false, false
	c.vol.Index.Release(&c.hold, c.vol.Rules(c.set.MinUses.V), c.failure)
}

func (c *Request) closeFile() {
	if c.open {
		c.file.Close()
		c.open = false
	}
}

// Fail has a status remembered in place of an entry, if it is one that is kept for
// a while, and ends the request's part in the entry.
func (c *Request) Fail(status int) {
	if !c.Cacheable {
		return
	}
	now := c.r.Now().Unix()
	until := c.terms.validUntil
	if d := c.set.validFor(status); until == 0 && d > 0 {
		until = now + int64(d.Seconds())
	}
	if until != 0 {
		c.failure = index.Failure{Status: status, ValidUntil: until}
	}
	c.Release()
}

// Key returns the text of the key.
func (c *Request) Key() []byte { return c.key }

// Judge looks at what the back end's answer says of its being kept. What an answer
// said that another try follows does not count.
func (c *Request) Judge(h *answer.Head, ignore answer.Ignored) {
	c.Cacheable = c.Cacheable || c.disallowed
	if c.Conforms() {
		c.judgeConforming(h)
	} else {
		c.terms.read(h, ignore, c.r.Now().Unix(), c.r.Keep)
	}
	c.disallowed = c.Cacheable && !c.terms.allow()
	c.Cacheable = c.Cacheable && !c.disallowed
}

// ConvertsHead reports whether the back end is to be asked for the whole response
// although the client wants only the head.
func (c *Request) ConvertsHead() bool { return c.set.ConvertHead.V && c.r.Method == web.HEAD }

// variant returns the key of the variant that answers the request.
func (c *Request) variant(vary []byte) entry.Key {
	buf := c.r.Scratch()
	defer c.r.Unscratch(buf)
	return entry.Variant(buf, c.main, vary, requestFields{c.r})
}

// requestFields are the headers of a request.
type requestFields struct{ r *web.Request }

// Each returns the values of the headers of a name.
func (f requestFields) Each(name []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		fields := f.r.Head.Fields
		for i := range fields {
			if sameName(fields[i].Name, name) && !yield(fields[i].Value) {
				return
			}
		}
	}
}

// sameName compares a name with one in lower case.
func sameName(name, lower []byte) bool {
	return len(name) == len(lower) && (bytes.Equal(name, lower) || message.EqualLower(name, string(lower)))
}
