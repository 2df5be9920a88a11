package exchange

import (
	"errors"

	nc "tandem/nginxconf"
	"tandem/proxy/answer"
	"tandem/proxy/cache"
	"tandem/web"
)

// cacheCommands are the directives of the cache.
func (f *Family) cacheCommands(get func(*nc.Scope) *Settings) []nc.Command {
	commands := cache.Commands(f.Prefix, func(s *nc.Scope) *cache.Settings { return &get(s).Cache })
	for i := range commands {
		if c := &commands[i]; c.Name == f.Prefix+"_cache" {
			c.Set = exclusive(c.Set, f.Prefix+"_store", func(s *nc.Scope) bool { return get(s).Store.V != nil })
		}
	}
	const in = nc.HTTP | nc.Server | nc.Location
	return append(commands, nc.Command{Name: f.Prefix + "_cache_use_stale", In: in, Arity: nc.OneMore,
		Set: nc.SetBitmask(of(get, func(c *Settings) *nc.Value[Condition] { return &c.UseStale }), f.NextUpstream...)})
}

// exclusive is a setter for what cannot be on beside another directive of the same
// level.
func exclusive(set nc.Setter, other string, isOn func(*nc.Scope) bool) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		if isOn(s) && d.Args[0] != "off" {
			return errors.New("is incompatible with \"" + other + "\"")
		}
		return set(s, d)
	}
}

// Keeper is a Protocol whose responses can be kept without a key of the
// configuration.
type Keeper interface {
	// AppendKey appends the text of the key.
	AppendKey(dst []byte) []byte
}

// HeadKeeper is a Protocol whose heads are not kept as they were received.
type HeadKeeper interface {
	// AppendKept appends the head of the response, which has been parsed, as it is
	// kept.
	AppendKept(dst []byte) []byte
	// ParseKept is ParseHead for such a head, which is complete.
	ParseKept(b []byte) (n int, err error)
}

// HeadFramer is a HeadKeeper that keeps heads inside of a frame of its protocol's.
type HeadFramer interface {
	// Unframe returns the text of a head as it is kept, nil if that is not of one
	// piece.
	Unframe(kept []byte) []byte
	// AppendFramed appends a head of that text as it is kept.
	AppendFramed(dst, text []byte) []byte
}

// Caches reports whether the back end's response may be kept: then it is to be
// whole, and what the client has already does not count.
func (x *Exchange) Caches() bool { return x.kept != nil && x.kept.Cacheable }

// ConvertsHead reports whether the back end is to be asked for the whole response
// although the client wants only the head.
func (x *Exchange) ConvertsHead() bool { return x.kept != nil && x.kept.ConvertsHead() }

// Validators returns what the back end is to be asked by whether the entry of the
// cache still holds: the time of its last change, -1 for none, and its tag.
func (x *Exchange) Validators() (lastModified int64, etag []byte) {
	if x.kept == nil {
		return -1, nil
	}
	return x.kept.Validators()
}

// askCache answers the request from the cache, if that can be done.
func (x *Exchange) askCache() (code web.Code, done bool) {
	var key func([]byte) []byte
	if k, ok := x.proto.(Keeper); ok {
		key = k.AppendKey
	} else if x.Settings.Cache.Key.V == nil {
		return 0, false
	}
	k, ok := cache.Begin(x.Request, &x.Settings.Cache, x.Settings.BufferSize.V, key)
	if k == nil {
		return 500, !ok
	}
	x.kept = k
	if k.Purges() {
		return k.Purge(), true
	}
	switch verdict, code := k.Find(x.left, x, x.Settings.Answers.IgnoreHeaders.V); verdict {
	case cache.Serve:
		if k.HeadRead() || x.parseKept() {
			if k.UpdatesLater() {
				x.Request.Afterwards(x.Request.Again)
			}
			return x.sendKept(), true
		}
		k.Reject()
	case cache.Refuse:
		return code, true
	}
	x.Cacheable = k.Cacheable
	return 0, false
}

// KeptHead implements cache.Heads.
func (x *Exchange) KeptHead() *answer.Head {
	if !x.parseKept() {
		return nil
	}
	return &x.Head
}

// parseKept reads the head that the entry keeps. It reports false if it is none,
// or not that of the body behind it.
func (x *Exchange) parseKept() bool {
	x.Head.Reset()
	head := x.kept.Head()
	var n int
	var err error
	if k, ok := x.proto.(HeadKeeper); ok {
		n, err = k.ParseKept(head)
	} else {
		n, err = x.bytes.ParseHead(head)
	}
	if err != nil || n != len(head) || x.Head.Status < 200 {
		return false
	}
	// An entry may have been cut off, or be that of a HEAD, which has no body.
	told, there := x.Head.ContentLength, x.kept.BodyLen()
	return told < 0 || told == there || there == 0 && x.Request.Method == web.HEAD || web.NoContent(x.Head.Status)
}

// sendKept answers with the entry, whose head has been parsed.
func (x *Exchange) sendKept() web.Code {
	x.Cached, x.Buffering = true, true
	x.kept.Present(&x.Answer)
	if code, done := x.sendHead(); done {
		return code
	}
	if x.Request.HeaderOnly {
		return web.OK
	}
	return x.Request.SendBody(x.kept.Body())
}

// staleAfter answers with a stale entry in place of another try after a failure,
// if that is allowed.
func (x *Exchange) staleAfter(why Condition) (outcome, bool) {
	if x.kept == nil || x.Settings.UseStale.V&why == 0 && !x.kept.StaleOnError() {
		return outcome{}, false
	}
	return x.useStale()
}

// useStale answers with the stale entry in place of the back end's failure, if
// there is one.
func (x *Exchange) useStale() (outcome, bool) {
	k := x.kept
	if k == nil || k.Status != cache.Expired || !k.MayBeStale() {
		return outcome{}, false
	}
	x.finish(false)
	k.Status = cache.Stale
	if !x.parseKept() {
		return outcome{code: 500}, true
	}
	return outcome{code: x.sendKept()}, true
}

// revalidated answers with the entry if the back end says that it still holds.
func (x *Exchange) revalidated() (outcome, bool) {
	k := x.kept
	if k == nil || x.Head.Status != 304 || !k.Revalidates() {
		return outcome{}, false
	}
	given := x.Head
	if k.Conforms() {
		given = x.Head.Clone()
	}
	x.finish(x.Done && len(x.rest) == 0)
	if !x.freshen(&given) {
		return outcome{code: 500}, true
	}
	k.Revalidated(&x.Head, x.Settings.Answers.IgnoreHeaders.V, x.createTemp)
	return outcome{code: x.sendKept()}, true
}

// freshen reads the head that the entry keeps, as the back end's 304 changes it.
func (x *Exchange) freshen(given *answer.Head) bool {
	k := x.kept
	if k.Conforms() {
		if text, frame := x.keptText(k.Head()); text != nil {
			k.SetHead(frame(k.Freshen(text, given)))
			if x.parseKept() {
				return true
			}
			k.SetHead(nil)
		}
	}
	return x.parseKept()
}

// keptText returns the text of a head as it is kept, nil if there is none, and what
// makes such a head of another text.
func (x *Exchange) keptText(kept []byte) (text []byte, frame func([]byte) []byte) {
	if f, ok := x.proto.(HeadFramer); ok {
		return f.Unframe(kept), func(text []byte) []byte { return f.AppendFramed(nil, text) }
	}
	return kept, func(text []byte) []byte { return text }
}

// judge looks at what the head that has been read says of being kept.
func (x *Exchange) judge() {
	if x.kept != nil {
		x.kept.Judge(&x.Head, x.Settings.Answers.IgnoreHeaders.V)
		x.Cacheable = x.kept.Cacheable
	}
}

// notKept ends the request's part in the entry, if it has one: the answer is not
// for others.
func (x *Exchange) notKept() {
	if x.kept != nil {
		x.kept.Release()
	}
}

// beginKeeping prepares to keep the response.
func (x *Exchange) beginKeeping() {
	k := x.kept
	if !x.Buffering {
		k.Release()
		return
	}
	var err error
	if x.copy, err = k.Keep(&x.Head, x.receivedHead(), x.createTemp); err != nil {
		x.reportCopy(err)
	}
}

// receivedHead returns the head of the response as it is kept.
func (x *Exchange) receivedHead() []byte {
	head := x.wholeHead()
	if x.kept.Conforms() {
		if text, frame := x.keptText(head); text != nil {
			return frame(x.kept.Strip(nil, text, &x.Head))
		}
	}
	return head
}

func (x *Exchange) wholeHead() []byte {
	if k, ok := x.proto.(HeadKeeper); ok {
		return k.AppendKept(nil)
	}
	return x.buf[x.headStart:x.headEnd]
}

// keep makes the entry of the copy, which is complete.
func (x *Exchange) keep() {
	k := x.kept
	n := x.copy.Size() - int64(k.Entry.BodyStart)
	if told := x.Head.ContentLength; told >= 0 && told != n && !x.withoutBody() {
		x.copy.Drop()
		k.Release()
		return
	}
	if err := k.Kept(x.copy); err != nil {
		x.reportCopy(err)
	}
}

// withoutBody reports whether the response has no body whatever its length is said
// to be.
func (x *Exchange) withoutBody() bool {
	return web.NoContent(x.Head.Status) || x.Request.Method == web.HEAD && !x.ConvertsHead()
}

// tellStatus adds Cache-Status to the response.
func (x *Exchange) tellStatus() {
	name := x.Settings.Cache.StatusName.V
	if name == "" || x.Settings.Cache.Use.V == nil {
		return
	}
	r, status, stores := x.Request, 0, false
	if n := len(x.record.states); n > 0 {
		status = x.record.states[n-1].status
		stores = x.kept != nil && !x.Cached && x.Buffering && x.kept.Keeps(x.Head.Status)
	}
	value := cache.AppendCacheStatus(r.Scratch(), name, x.kept, status, stores)
	r.Response.Add("Cache-Status", r.Keep(value))
	r.Unscratch(value)
}

// outdate removes from the cache what the request, whose method is none that only
// reads, has changed.
func (x *Exchange) outdate() {
	set := &x.Settings.Cache
	if x.kept != nil || set.Use.V == nil {
		return
	}
	var key func([]byte) []byte
	if k, ok := x.proto.(Keeper); ok {
		key = k.AppendKey
	}
	cache.Outdate(x.Request, set, &x.Head, x.URI, key)
}
