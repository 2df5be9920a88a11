package upstream

import (
	"crypto/md5"
	"encoding/hex"
	"time"
)

// addressSID is the SID of a peer without a route of its own: the MD5 of its
// printed address, as in nginx.
func addressSID(name string) string {
	sum := md5.Sum([]byte(name))
	return hex.EncodeToString(sum[:])
}

// bound returns the peer that the selection's hint names, if it can take the
// request, with its index.
func (s *Selection) bound(now time.Time) (*Peer, int) {
	if len(s.Hint) == 0 {
		return nil, 0
	}
	for i, p := range s.set.peers {
		if p.SID != string(s.Hint) {
			continue
		}
		if s.tried.has(i) || p.down || p.unhealthy || p.failing(now) || p.full() {
			return nil, 0
		}
		return p, i
	}
	return nil, 0
}
