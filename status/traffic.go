package status

// Zone is what has been counted of requests under a name (status_zone).
type Zone struct {
	Name       string         `json:"name"` // "": servers without status_zone
	Requests   uint64         `json:"requests"`
	Processing int64          `json:"processing,omitempty"` // being answered; of a server's zone only
	Discarded  uint64         `json:"discarded,omitempty"`  // of Requests, without a response
	Responses  map[int]uint64 `json:"responses"`            // by status
	Received   uint64         `json:"received"`             // bytes
	Sent       uint64         `json:"sent"`                 // bytes
	Durations  Durations      `json:"durations"`
	TLS        *Handshakes    `json:"tls,omitempty"` // of a server's zone; nil: there were none
}

// Durations is how long something took: how often it took how long, in the buckets
// of internal/histogram, and in all.
type Durations struct {
	Buckets []uint64 `json:"buckets"`
	Sum     float64  `json:"sum"` // seconds
}

// Handshakes counts those of TLS with clients.
type Handshakes struct {
	Done     uint64            `json:"done"`
	Reused   uint64            `json:"reused"` // of Done, that resumed a session
	TimedOut uint64            `json:"timed_out"`
	Failed   uint64            `json:"failed"`
	Versions map[string]uint64 `json:"versions"` // of Done
}

// Class returns how many responses had a status that begins with a digit.
func (z *Zone) Class(digit int) uint64 {
	var n uint64
	for status, count := range z.Responses {
		if status/100 == digit {
			n += count
		}
	}
	return n
}

// Cache is a response cache (proxy_cache_path and the like).
type Cache struct {
	Name    string `json:"name"` // of its keys_zone
	Entries int    `json:"entries"`
	Size    int64  `json:"size"`               // bytes on the disk
	MaxSize int64  `json:"max_size,omitempty"` // 0: no limit
	Cold    bool   `json:"cold,omitempty"`     // not all files are known yet
	// Uses are the answers that the cache took part in, by nginx's word for how:
	// hit, miss, bypass, expired, stale, updating, revalidated.
	Uses map[string]CacheUse `json:"uses"`
}

// CacheUse counts answers, and the bytes of their bodies.
type CacheUse struct {
	Responses uint64 `json:"responses"`
	Bytes     uint64 `json:"bytes"`
}
