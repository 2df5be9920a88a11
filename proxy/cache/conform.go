package cache

import (
	"tandem/internal/errorlog"
	"tandem/proxy/answer"
	"tandem/proxy/cache/entry"
	"tandem/proxy/cache/rfc9111"
	"tandem/web"
	"tandem/web/message"
)

// Conformance is what *_cache_rfc9111 says.
type Conformance int

// How far RFC 9111 is followed where nginx is laxer.
const (
	ConformNot       Conformance = iota // off
	ConformResponses                    // what back ends say; clients cannot have them asked
	ConformFully                        // on: what clients say, too
)

// Heads is who can read the head that an entry keeps.
type Heads interface {
	// KeptHead returns it, nil if it is none or not that of the body behind it.
	KeptHead() *answer.Head
}

// conformity is what a request knows where RFC 9111 is followed.
type conformity struct {
	heads  Heads
	ignore answer.Ignored
	wants  rfc9111.Control // of the client
	stored rfc9111.Terms   // of the entry
	// asked: the client wants the back end to be asked; unused: the entry is not to be
	// used without the back end's word.
	asked, unused bool
	variant       bool   // there were entries for other requests
	head          []byte // the entry's after a 304, in place of that in its file
	parsed        bool   // the entry's head has been read
}

// Conforms reports whether RFC 9111 is followed.
func (c *Request) Conforms() bool { return c.set.Conformance.V != ConformNot }

// HeadRead reports whether the entry's head has been read to decide.
func (c *Request) HeadRead() bool { return c.conf.parsed }

// begin reads what the client says of caches.
func (c *Request) beginConforming(heads Heads, ignore answer.Ignored) {
	c.conf = conformity{heads: heads, ignore: ignore, wants: rfc9111.NoControl()}
	if c.set.Conformance.V == ConformFully {
		c.conf.wants = rfc9111.Wants(c.r.Head)
	}
}

// onlyIfCached reports whether the client wants no answer but a stored one
// (RFC 9111, 5.2.1.7).
func (c *Request) onlyIfCached() bool { return c.conf.wants.Has&rfc9111.OnlyIfCached != 0 }

// useConforming decides about an entry that is there, as RFC 9111, 4, has it.
func (c *Request) useConforming() (Verdict, web.Code) {
	f := &c.conf
	h := f.heads.KeptHead()
	if h == nil {
		c.Reject()
		return c.make(), 0
	}
	f.parsed = true
	now := c.r.Now().Unix()
	f.stored = rfc9111.Read(h, f.ignore)
	age, left := c.age(now), c.Entry.ValidUntil-now
	fresh := left >= 0 && f.stored.Has&rfc9111.NoCache == 0
	f.asked = !f.wants.Takes(age, left)
	updating, _ := f.stored.StaleOn()
	f.unused = updating < 0 || f.wants.Has&rfc9111.NoCache != 0
	if fresh && !f.asked {
		c.Status = Hit
		return Serve, 0
	}
	if f.asked {
		c.Status = Expired
		c.vol.Index.Update(&c.hold)
		return Ask, 0
	}
	if !f.unused && f.wants.MaxStale >= -left {
		c.Status = Stale // 5.2.1.2
		return Serve, 0
	}
	return c.useStale(now, !f.unused)
}

// age returns how old the entry's response is (RFC 9111, 4.2.3), in seconds.
func (c *Request) age(now int64) int64 {
	return c.conf.stored.InitialAge(c.Entry.Date) + max(0, now-c.Entry.Date)
}

// MayBeStale reports whether the entry may be used in place of an answer of the
// back end (RFC 9111, 4.2.4).
func (c *Request) MayBeStale() bool { return !c.conf.unused }

// judgeConforming looks at what the back end's answer says of its being stored.
// X-Accel-Expires, *_cache_valid and what nginx never keeps count as before: a
// response with a cookie, for one, is not for others.
func (c *Request) judgeConforming(h *answer.Head) {
	now := c.r.Now().Unix()
	c.terms.read(h, c.conf.ignore|answer.IgnoreCacheControl|answer.IgnoreExpires, now, c.r.Keep)
	t := rfc9111.Read(h, c.conf.ignore)
	updating, failure := t.StaleOn()
	c.terms.updating, c.terms.onError = max(0, updating), max(0, failure)
	if c.terms.validUntil != 0 || c.terms.never || c.terms.uncached {
		return
	}
	life, told := t.Lifetime(now)
	age := t.InitialAge(now)
	if d := c.set.validFor(h.Status); !told && d > 0 {
		life, age, told = int64(d.Seconds()), 0, true
	}
	authorized := c.r.Header(message.Authorization) != nil
	if !told {
		life = t.Heuristic(now)
	}
	if !t.Storable(authorized, told) || c.conf.wants.Has&rfc9111.NoStore != 0 || life == 0 && !told && t.Has&rfc9111.NoCache == 0 {
		c.terms.never = true
		return
	}
	if life > age && t.Has&rfc9111.NoCache == 0 {
		c.terms.validUntil = add(now, life-age)
		return
	}
	// It is stale as it comes: it is kept if the back end can be asked whether it
	// still holds, or it may be used in spite of that.
	c.terms.validUntil = now - 1
	c.terms.never = !(c.set.Revalidate.V && t.Validates()) && updating <= 0 && failure <= 0
}

// Present makes the answer of an entry, whose head has been read into it, that of
// a cache.
func (c *Request) Present(a *answer.Answer) {
	if !c.Conforms() {
		return
	}
	now := c.r.Now().Unix()
	t := rfc9111.Read(&a.Head, c.conf.ignore)
	a.Aged, a.Age = true, t.InitialAge(c.Entry.Date)+max(0, now-c.Entry.Date)
	asked := c.Status == Revalidated
	if asked {
		a.Age = t.InitialAge(now)
	}
	drop := func(f *answer.Field) bool { return f.ID == answer.FieldAge }
	if t.Has&rfc9111.NoCacheFields != 0 && !asked {
		whole := a.Head.Clone()
		drop = func(f *answer.Field) bool {
			return f.ID == answer.FieldAge || rfc9111.Withheld(&whole, c.conf.ignore, f.Name)
		}
	}
	a.Head.Drop(drop)
}

// Strip appends the head of a response as it is stored: text, without what is not
// for others (RFC 9111, 3.1).
func (c *Request) Strip(dst, text []byte, h *answer.Head) []byte {
	return rfc9111.Strip(dst, text, func(name []byte) bool { return rfc9111.Unstorable(h, c.conf.ignore, name) })
}

// Freshen returns the head of the entry, which is text, as a 304 with the head h
// changes it (RFC 9111, 3.2).
func (c *Request) Freshen(text []byte, h *answer.Head) []byte {
	return rfc9111.Update(nil, text, h, c.conf.ignore)
}

// SetHead has a head take the place of that in the entry's file.
func (c *Request) SetHead(head []byte) { c.conf.head = head }

// largestRewrite is the longest body, in bytes, whose file is written anew because
// a 304 has changed its head. That of a longer one keeps its head.
const largestRewrite = 8 << 20

// refresh stores an entry that a 304 has confirmed, and whose head as it is now
// has been judged; k is to become its file if that changes.
func (c *Request) refresh(k *answer.Copy) {
	old, e := c.Entry, c.Entry
	now := c.r.Now()
	e.ValidUntil, e.Updating, e.OnError, e.Date = c.terms.validUntil, c.terms.updating, c.terms.onError, now.Unix()
	changed := c.conf.head != nil && string(c.conf.head) != string(c.fileHead())
	start := entry.HeadStart(len(c.key)) + len(c.conf.head)
	if !changed || c.BodyLen() > largestRewrite || start > c.limit || string(c.terms.vary) != string(e.Vary) {
		c.rewrite(&e)
		c.Release()
		return
	}
	e.BodyStart = start
	if err := c.writeAnew(k, &e); err != nil {
		if c.Reports(err) {
			c.r.Logf(errorlog.Crit, "%s", err)
		}
		c.Release()
	}
	c.Entry = old // the body that is sent is that of the file as it was opened
}

// writeAnew writes the entry's file with another header and head.
func (c *Request) writeAnew(k *answer.Copy, e *entry.Header) error {
	defer k.Close()
	if _, err := k.Write(append(e.Append(nil, c.key), c.conf.head...)); err != nil {
		return err
	}
	if c.wholeRead() {
		if _, err := k.Write(c.buf[c.Entry.BodyStart:]); err != nil {
			return err
		}
		c.Entry = *e
		return c.Kept(k)
	}
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	for off, end := int64(c.Entry.BodyStart), c.info.Size; off < end; {
		n, err := c.file.ReadAt(buf[:min(int64(len(buf)), end-off)], off)
		if n == 0 {
			return err
		}
		if _, err := k.Write(buf[:n]); err != nil {
			return err
		}
		off += int64(n)
	}
	c.Entry = *e
	return c.Kept(k)
}

// unsafe reports whether a method changes what others would get (RFC 9110, 9.2.1).
func unsafe(m web.Method) bool { return m&(web.GET|web.HEAD|web.OPTIONS|web.TRACE) == 0 }

// keyOf appends the key of the request, as it would be of another method.
func (set *Settings) keyOf(r *web.Request, dst []byte, m web.Method, name string, key func([]byte) []byte) []byte {
	t := set.Key.V
	if t == nil {
		return key(dst)
	}
	method, methodName := r.Method, r.MethodName
	r.Method, r.MethodName = m, []byte(name)
	dst = t.Append(&r.Session, dst)
	r.Method, r.MethodName = method, methodName
	return dst
}
