package cache

import (
	"math"
	"time"

	"tandem/internal/errorlog"
	"tandem/proxy/answer"
	"tandem/proxy/cache/index"
	"tandem/session"
	"tandem/web"
	"tandem/web/message"
)

// Verdict is what is to be done for a request.
type Verdict uint8

// The verdicts.
const (
	Ask    Verdict = iota // the back end is to be asked
	Serve                 // the entry answers the request
	Refuse                // the request is answered with a status
	look                  // again, for a variant
	await                 // another request is making the entry
)

// Find looks for the entry that answers the request, and may wait for one that
// another request is making, until gone is closed. The status is that of Refuse.
// heads and ignore are how heads are read and what of them does not count.
func (c *Request) Find(gone <-chan struct{}, heads Heads, ignore answer.Ignored) (Verdict, web.Code) {
	if c.Conforms() {
		c.beginConforming(heads, ignore)
	}
	if session.AnyTrue(&c.r.Session, c.set.Bypass.V) {
		c.Status = Bypass
		c.checkRange()
		return Ask, 0
	}
	c.Status = Miss
	began := time.Time{}
	for {
		v, code := c.lookUp()
		if v == look {
			continue
		}
		if (v == await || v == Ask) && c.Conforms() && c.onlyIfCached() {
			c.Release()
			return Refuse, 504
		}
		if v == await {
			if began.IsZero() {
				began = time.Now()
			}
			if !c.wait(began, gone) {
				return Refuse, web.StatusClientClosed
			}
			continue
		}
		if v == Ask {
			c.checkRange()
		}
		return v, code
	}
}

// lookUp looks for the entry once.
func (c *Request) lookUp() (Verdict, web.Code) {
	found, state := c.vol.Acquire(&c.hold, c.id, c.r.Now(), c.set.MinUses.V)
	c.known = state.Exists
	there, scarce := state.Exists, false
	switch {
	case found == index.Full:
		return Refuse, 500
	case found == index.Scarce:
		c.Cacheable = false
		return Ask, 0
	case state.Failure != 0:
		c.Status = Hit
		return Refuse, web.Code(state.Failure)
	case found == index.Absent:
		// As long as not all files are known there may be one.
		there = !c.vol.Index.Warm()
		scarce = c.set.MinUses.V > 1
	}
	if there {
		switch v := c.read(); v {
		case same:
			return c.use()
		case otherVariant:
			return look, 0
		}
	}
	if scarce {
		c.Cacheable = false
		return Ask, 0
	}
	return c.make(), 0
}

// use decides about an entry that is there.
func (c *Request) use() (Verdict, web.Code) {
	if c.Conforms() {
		return c.useConforming()
	}
	now := c.r.Now().Unix()
	if c.Entry.ValidUntil >= now {
		c.Status = Hit
		return Serve, 0
	}
	return c.useStale(now, true)
}

// useStale decides about an entry that is stale; allowed: it may be used all the
// same if the configuration or the response says so.
func (c *Request) useStale(now int64, allowed bool) (Verdict, web.Code) {
	told := add(c.Entry.ValidUntil, c.Entry.Updating) >= now
	stale := allowed && (c.set.WhileUpdating || told)
	switch {
	case c.vol.Index.Update(&c.hold):
		if stale && (c.set.BackgroundUpdate.V || told && c.Conforms()) && !c.r.Background {
			c.Status, c.later = Stale, true
			return Serve, 0
		}
	case stale && !c.r.Background:
		c.Status = Updating
		return Serve, 0
	}
	c.Status = Expired
	return Ask, 0
}

// StaleOnError reports whether the entry says that it may be used although it is
// stale, because the back end fails.
func (c *Request) StaleOnError() bool {
	return c.Status == Expired && c.MayBeStale() && add(c.Entry.ValidUntil, c.Entry.OnError) >= c.r.Now().Unix()
}

// UpdatesLater reports whether the entry is to be updated when the client has got
// it.
func (c *Request) UpdatesLater() bool { return c.later }

// make has the request make the entry, unless it is to wait for another one that
// does.
func (c *Request) make() Verdict {
	switch {
	case !c.set.Lock.V, c.vol.Index.Lock(&c.hold, time.Now(), c.set.LockAge.V):
		return Ask
	case c.timeout || c.set.LockTimeout.V == 0:
		c.Cacheable = false
		return Ask
	}
	return await
}

// wait waits until the entry that another request is making may be there. It
// returns false when the client has left.
func (c *Request) wait(began time.Time, gone <-chan struct{}) bool {
	defer c.r.Waited()
	done, until := c.vol.Index.Awaited(&c.hold)
	if done == nil {
		return true
	}
	now := time.Now()
	end := began.Add(c.set.LockTimeout.V)
	if until.Before(end) {
		end = until
	}
	timer := time.NewTimer(end.Sub(now))
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		if time.Since(began) >= c.set.LockTimeout.V {
			c.r.Logf(errorlog.Info, "cache lock timeout")
			c.timeout = true
		}
	case <-gone:
		return false
	}
	return true
}

// checkRange settles that a request for a range far behind is not answered with
// what could be kept: the whole.
func (c *Request) checkRange() {
	limit := c.set.MaxRangeOffset.V
	v := c.r.Header(message.Range)
	if v == nil || !c.Cacheable || limit == math.MaxInt64 {
		return
	}
	if limit == 0 {
		c.Cacheable = false
		return
	}
	if len(v) < 7 || !message.EqualLower(v[:6], "bytes=") {
		return
	}
	for v = v[6:]; len(v) > 0 && v[0] == ' '; {
		v = v[1:]
	}
	if len(v) == 0 {
		return
	}
	if v[0] == '-' {
		c.Cacheable = false
		return
	}
	end := 0
	for end < len(v) && v[end] >= '0' && v[end] <= '9' {
		end++
	}
	if first, ok := number(v[:end]); ok && first >= limit {
		c.Cacheable = false
	}
}
