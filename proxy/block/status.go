package block

import (
	"strings"
	"time"

	"tandem/proxy/upstream"
	"tandem/session"
)

// Upstream is what is known of an upstream block at one moment.
type Upstream struct {
	Name   string
	Peers  []upstream.PeerStatus
	Queued int // requests that wait for a peer
	Idle   int // connections that are kept for further requests
}

// Upstreams returns what is known of the upstream blocks of a configuration, in
// its order.
func Upstreams(r *session.Realm) []Upstream {
	var list []Upstream
	now := time.Now()
	for _, b := range blocksOf(r) {
		u := Upstream{Name: b.name}
		u.Peers, u.Queued = b.group.Status(now)
		if p := b.group.Pool; p != nil {
			u.Idle = p.Idle()
		}
		list = append(list, u)
	}
	return list
}

// Find returns the peers of the upstream block of that name, nil without one.
func Find(r *session.Realm, name string) *upstream.Group {
	for _, b := range blocksOf(r) {
		if strings.EqualFold(b.name, name) {
			return b.group
		}
	}
	return nil
}

// blocksOf returns the upstream blocks of a configuration.
func blocksOf(r *session.Realm) []*block {
	if r.Empty() {
		return nil
	}
	var list []*block
	for _, b := range blocksSlot.Of(r).list {
		if b.declared && b.group != nil {
			list = append(list, b)
		}
	}
	return list
}
