package limit

// bucket is the state of a key under limit_req: a bucket that leaks.
type bucket struct {
	last   int64 // when it was filled last, in milliseconds
	excess int64 // what has not leaked yet, in thousandths of a request
	pins   int   // requests that have looked it up and not filled it yet
}

// staleAfter is after how many milliseconds an empty bucket is forgotten.
const staleAfter = 60000

// after returns the bucket's excess with one more request at now; advance is
// whether that moment is later than the last.
func (b *bucket) after(rate, now int64) (excess int64, advance bool) {
	ms := now - b.last
	switch {
	case ms < -staleAfter:
		ms = 1
	case ms < 0:
		ms = 0
	}
	return max(b.excess-b.leaked(rate, ms)+1000, 0), ms != 0
}

// leaked returns how much has gone after ms milliseconds; at most what there
// was and one request more, which keeps the product in bounds.
func (b *bucket) leaked(rate, ms int64) int64 {
	all := b.excess + 1000
	if ms > all*1000/rate {
		return all
	}
	return rate * ms / 1000
}

// fill takes one request in.
func (b *bucket) fill(rate, now int64) (excess int64) {
	excess, advance := b.after(rate, now)
	b.excess = excess
	if advance {
		b.last = now
	}
	return excess
}

// stale reports whether the bucket has been empty for long.
func (b *bucket) stale(rate, now int64) bool {
	ms := now - b.last
	if ms < 0 {
		ms = -ms
	}
	return ms >= staleAfter && b.excess-b.leaked(rate, ms) <= 0
}

// bucketTable holds the buckets of a zone.
type bucketTable struct{ *table[bucket] }

// verdict is what a lookup came to.
type verdict uint8

const (
	pinned verdict = iota // within the burst; fill it later
	filled                // within the burst, and filled
	tooMany
	noRoom
)

// look finds the bucket of a key, or makes one. With account the request is
// taken in at once; otherwise the bucket waits, pinned, for the verdict of
// other zones.
func (t bucketTable) look(key []byte, rate, burst, now int64, account bool) (n *node[bucket], excess int64, v verdict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n = t.lookup(key); n != nil {
		excess, _ = n.value.after(rate, now)
		switch {
		case excess > burst:
			return n, excess, tooMany
		case account:
			return n, n.value.fill(rate, now), filled
		}
		n.value.pins++
		return n, excess, pinned
	}
	t.forget(rate, now, false)
	if n = t.insert(key); n == nil {
		t.forget(rate, now, true)
		if n = t.insert(key); n == nil {
			return nil, 0, noRoom
		}
	}
	if account {
		n.value.last = now
		return n, 0, filled
	}
	n.value.pins = 1
	return n, 0, pinned
}

// settle fills a pinned bucket.
func (t bucketTable) settle(n *node[bucket], rate, now int64) (excess int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n.value.pins--
	return n.value.fill(rate, now)
}

// release lets go of a pinned bucket, the request having been refused.
func (t bucketTable) release(n *node[bucket]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n.value.pins--
}

// forget removes up to two stale buckets and, with force, before these the one
// that has not been used for the longest time.
func (t bucketTable) forget(rate, now int64, force bool) {
	for i := 0; i < 3; i++ {
		if i == 0 && !force {
			continue
		}
		n := t.oldest()
		if n == nil || n.value.pins > 0 {
			return
		}
		if i > 0 && !n.value.stale(rate, now) {
			return
		}
		t.remove(n)
	}
}
