package cache

// Status is how the cache took part in an answer, as $upstream_cache_status tells
// it.
type Status uint8

// The states.
const (
	None        Status = iota // it did not: there is no value
	Miss                      // there was no entry
	Bypass                    // *_cache_bypass said so
	Expired                   // the entry was stale, the back end was asked
	Stale                     // the entry was stale, and used all the same
	Updating                  // the entry was stale, and used while it was updated
	Revalidated               // the back end said that the entry still holds
	Hit                       // the entry was used
)

var statusNames = [...]string{"", "MISS", "BYPASS", "EXPIRED", "STALE", "UPDATING", "REVALIDATED", "HIT"}

// String returns nginx's word.
func (s Status) String() string { return statusNames[s] }
