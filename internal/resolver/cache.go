package resolver

import "time"

// cache holds answers by question. It has no clock: the caller tells the time.
type cache struct {
	entries map[question]answer
	swept   time.Time
}

// question is what is looked up: the addresses of a name, its services, or
// the name of an address.
type question struct {
	name string // lower case
	kind kind
}

type kind uint8

const (
	kindAddrs kind = iota
	kindSRV
	kindPTR
)

// answer is what is known of a question.
type answer struct {
	addrs []Addr
	name  string // of kindPTR
	valid time.Time
}

// unusedSweep is how often answers that are no longer valid are dropped.
const unusedSweep = 30 * time.Second

// get returns the answer that is valid now.
func (c *cache) get(q question, now time.Time) (answer, bool) {
	a, ok := c.entries[q]
	if !ok || !now.Before(a.valid) {
		return answer{}, false
	}
	return a, true
}

// put keeps an answer.
func (c *cache) put(q question, a answer, now time.Time) {
	if c.entries == nil {
		c.entries = make(map[question]answer)
	}
	if now.Sub(c.swept) > unusedSweep {
		c.swept = now
		for old, a := range c.entries {
			if !now.Before(a.valid) {
				delete(c.entries, old)
			}
		}
	}
	c.entries[q] = a
}
