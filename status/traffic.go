package status

import (
	"fmt"
	"strconv"
)

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

// errorText tells how many of the responses were errors, "" if none was.
func (r *Report) errorText() string {
	var all, server, client uint64
	for i := range r.Web.Servers {
		z := &r.Web.Servers[i]
		all += z.Requests
		server += z.Class(5)
		client += z.Class(4)
	}
	if server+client == 0 {
		return ""
	}
	share := func(n uint64) string { return strconv.FormatFloat(float64(n)*100/float64(all), 'f', 1, 64) + " %" }
	return fmt.Sprintf("; answered 5xx: %d (%s), 4xx: %d (%s)", server, share(server), client, share(client))
}

// cacheText tells of each response cache how full it is and how often it helped.
func (r *Report) cacheText() []string {
	var lines []string
	for i := range r.Caches {
		c := &r.Caches[i]
		line := fmt.Sprintf("%s: %d entries, %.1f MB", c.Name, c.Entries, float64(c.Size)/1e6)
		if c.MaxSize > 0 {
			line += fmt.Sprintf(" of %.1f", float64(c.MaxSize)/1e6)
		}
		if hits, all := c.hits(); all > 0 {
			line += fmt.Sprintf(", %d %% of %d answers from it", hits*100/all, all)
		}
		lines = append(lines, line)
	}
	return lines
}

// hits returns how many answers came from the cache, and how many it was asked for.
func (c *Cache) hits() (hits, all uint64) {
	for how, use := range c.Uses {
		all += use.Responses
		switch how {
		case "hit", "stale", "updating", "revalidated":
			hits += use.Responses
		}
	}
	return hits, all
}
