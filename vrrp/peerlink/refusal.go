package peerlink

import (
	"maps"
	"net/netip"
	"sync"
	"time"
)

// refusal is why a connection was refused or cut short.
type refusal string

// The refusals.
const (
	strangers refusal = "stranger" // not heard in VRRP
	tooMany   refusal = "limit"
	tooFar    refusal = "ttl"
	tooLoud   refusal = "flood"
	mistaken  refusal = "protocol"
	old       refusal = "version"
	withoutID refusal = "instance"
	keyless   refusal = "key"
)

var refusalTexts = map[refusal]string{
	strangers: "it does not speak VRRP here",
	tooMany:   "there are too many connections from it, or from all nodes together",
	tooFar:    "its TTL is outside the bounds of unicast_peer",
	tooLoud:   "it sends too much",
	mistaken:  "it does not keep to the protocol",
	old:       "it speaks another version of the peer link",
	withoutID: "it names an instance that is not configured here",
	keyless:   "it has another peer_key, or none, or this node has none",
}

// refusedError is a refusal with what led to it.
type refusedError struct {
	reason refusal
	err    error
}

// Error implements error.
func (e *refusedError) Error() string { return e.err.Error() }

// Unwrap returns what led to it.
func (e *refusedError) Unwrap() error { return e.err }

// sayEvery is the least time between two lines about the same sort of refusal,
// and firstStrangers how many strangers are not worth one: a backup is one until
// it has introduced itself.
const (
	sayEvery       = time.Minute
	firstStrangers = 10
)

// refusals counts, and tells now and then: nobody can fill the log from outside.
type refusals struct {
	mu   sync.Mutex
	n    map[string]uint64
	said map[refusal]time.Time
}

func (r *refusals) count(l *Link, why refusal, addr netip.Addr) {
	r.mu.Lock()
	if r.n == nil {
		r.n, r.said = map[string]uint64{}, map[refusal]time.Time{}
	}
	r.n[string(why)]++
	n, now := r.n[string(why)], time.Now()
	say := now.Sub(r.said[why]) >= sayEvery && (why != strangers || n > firstStrangers)
	if say {
		r.said[why] = now
	}
	r.mu.Unlock()
	if say {
		l.logf("", "peer link: %v is refused: %s (%d refused for that so far)", addr, refusalTexts[why], n)
	}
}

func (r *refusals) counts() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.n)
}
