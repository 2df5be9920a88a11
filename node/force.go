package node

import (
	"time"

	"tandem/bfd"
	"tandem/node/balance"
	"tandem/node/configuration"
	"tandem/node/failover"
)

// force is what is in force: a configuration, and what works by it. It is never
// changed: another takes its place.
type force struct {
	configuration *configuration.Configuration
	generation    *generation
	failover      *failover.Failover // nil without instances
	balance       *balance.Balancer  // nil without virtual servers
	bfd           *bfd.Speaker       // nil without instances of BFD

	number int       // 1 for the first configuration
	loaded time.Time // when it was put to work
}

// put has what works now be what is in force, by that configuration.
func (n *node) put(c *configuration.Configuration) {
	next := &force{configuration: c, generation: n.generation, failover: n.vrrp, balance: n.balance.Load(), bfd: n.bfd, number: 1, loaded: time.Now()}
	switch before := n.inForce.Load(); {
	case before == nil:
	case before.configuration == c:
		next.number, next.loaded = before.number, before.loaded
	default:
		next.number = before.number + 1
	}
	n.inForce.Store(next)
	if next.bfd != nil {
		next.bfd.Configure(bfdInstances(c.Keepalived))
	}
}
