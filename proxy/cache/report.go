package cache

import (
	"math"
	"strings"

	"tandem/session"
	"tandem/status"
)

// Report tells of the caches of a configuration, for the status.
func Report(r *session.Realm) []status.Cache {
	if r.Empty() {
		return nil
	}
	var list []status.Cache
	for _, c := range *cachesSlot.Of(r) {
		v := c.Volume()
		counts := v.Index.Counts()
		one := status.Cache{Name: c.Zone, Entries: counts.Entries, Size: counts.Bytes, Cold: !v.Index.Warm(), Uses: map[string]status.CacheUse{}}
		if c.MaxSize < math.MaxInt64 {
			one.MaxSize = c.MaxSize
		}
		for i := range v.Memory.Uses {
			if s := Status(i); s != None {
				u := &v.Memory.Uses[i]
				one.Uses[strings.ToLower(s.String())] = status.CacheUse{Responses: u.Responses.Load(), Bytes: u.Bytes.Load()}
			}
		}
		list = append(list, one)
	}
	return list
}
