package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"tandem/acme"
	"tandem/internal/errorlog"
	"tandem/node/configuration"
	"tandem/node/failover"
	"tandem/proxy/cache"
	"tandem/session/ssl"
	webacme "tandem/web/acme"
)

// otherNode is the other node of a pair as who gets certificates sees it: the one
// that has the addresses orders, and what it knows goes over the peer link.
type otherNode struct{ n *node }

// failover returns nil before the node takes part in VRRP.
func (o otherNode) failover() *failover.Failover {
	if f := o.n.inForce.Load(); f != nil {
		return f.failover
	}
	return nil
}

// Leads implements acme.Pair.
func (o otherNode) Leads() bool {
	f := o.failover()
	return f != nil && f.Leads()
}

// Keep implements acme.Pair.
func (o otherNode) Keep(name string, item []byte) {
	if f := o.failover(); f != nil {
		f.Keep(name, item)
	}
}

// Kept implements acme.Pair.
func (o otherNode) Kept(ctx context.Context, name string) error {
	if f := o.failover(); f != nil {
		return f.Kept(ctx, name)
	}
	return nil
}

// keeper returns who gets the certificates of the configuration in force, nil if
// nobody does.
func (n *node) keeper() *acme.Keeper {
	f := n.inForce.Load()
	if f == nil {
		return nil
	}
	return webacme.Keeper(&f.configuration.HTTP.Realm)
}

// pairUp tells who gets the certificates of a configuration whether there is
// another node. It is to be called before the configuration is put to work, and
// again once the failover part is.
func (n *node) pairUp(c *configuration.Configuration) {
	k := webacme.Keeper(&c.HTTP.Realm)
	switch {
	case k == nil:
	case !c.HasInstances():
		k.SetPair(nil)
	default:
		k.SetPair(otherNode{n})
	}
}

// takeUp tells them what the other node has told already, and says what keeps it
// from telling anything. From here on the nodes know each other's session tickets.
func (n *node) takeUp(c *configuration.Configuration) {
	k, f := webacme.Keeper(&c.HTTP.Realm), n.inForce.Load().failover
	if f == nil {
		return
	}
	ssl.ShareTickets(f.Keep)
	if k == nil {
		return
	}
	n.pairUp(c)
	for name, item := range f.Received() {
		n.keep(name, item)
	}
	for _, i := range c.Keepalived.Instances {
		if i.Tandem.PeerKey != nil {
			return
		}
	}
	c.Log.Printf(errorlog.Warn, "certificates and the account that they are ordered with stay on this node, and the other one orders for itself: "+
		"there is no peer_key in keepalived.conf; tandem pair prints one")
}

// keep takes up what another node wants kept.
func (n *node) keep(name string, item []byte) {
	switch k := n.keeper(); {
	case ssl.OwnsTicket(name):
		ssl.HeardTicket(name, item)
	case strings.HasPrefix(name, purgeItem):
		if f := n.inForce.Load(); f != nil && item != nil {
			cache.Purge(context.Background(), f.configuration.HTTP, string(item))
		}
	case k != nil && acme.Owns(name):
		k.Heard(name, item)
	}
}

// purgeItem begins the name of what has the other node purge its caches: a key, which
// it has purged when it says that it keeps it. purges tells them apart.
const purgeItem = "cache purge "

var purges atomic.Uint64

// purgeWithin is how long the other node may take to purge.
const purgeWithin = 10 * time.Second

// purgeOther has the other nodes purge a key. The error says why that cannot be
// known to have been done.
func (n *node) purgeOther(key string) error {
	f := otherNode{n}.failover()
	if f == nil {
		return errors.New("there is no VRRP instance")
	}
	if f.Secure() == 0 {
		return errors.New("no other node with the same peer_key is connected")
	}
	name := fmt.Sprint(purgeItem, purges.Add(1))
	f.Keep(name, []byte(key))
	ctx, cancel := context.WithTimeout(context.Background(), purgeWithin)
	defer cancel()
	err := f.Kept(ctx, name)
	f.Keep(name, nil)
	if err != nil {
		return errors.New("it has not answered in time")
	}
	return nil
}

// roleChanged is told when the addresses come or go.
func (n *node) roleChanged() {
	if k := n.keeper(); k != nil {
		k.RoleChanged()
	}
}
