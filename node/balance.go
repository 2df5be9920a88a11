package node

import (
	"tandem/internal/errorlog"
	"tandem/keepalivedconf"
	"tandem/node/balance"
	"tandem/node/configuration"
)

// balancePart runs the virtual servers of keepalived.conf. What an engine refuses
// is told, and no reason not to go on: the others are served.
func (n *node) balancePart(c *configuration.Configuration) (change, error) {
	b := n.balance.Load()
	switch {
	case c.HasVirtualServers() && b == nil:
		return change{commit: func() {
			n.balance.Store(balance.Start(c.Keepalived, balance.Side{
				Log: func() *errorlog.Log { return n.inForce.Load().configuration.Log }, Terminal: n.stderr, Share: n.set.Share,
			}))
		}}, nil
	case c.HasVirtualServers():
		return change{commit: func() { b.Reload(c.Keepalived) }}, nil
	case b != nil:
		return change{commit: n.stopBalance}, nil
	}
	return change{}, nil
}

// stopBalance takes the virtual servers out.
func (n *node) stopBalance() {
	if b := n.balance.Swap(nil); b != nil {
		b.Stop()
	}
}

// balanced implements failover.Config.
func (n *node) balanced(meant []keepalivedconf.VirtualRef) error {
	if b := n.balance.Load(); b != nil {
		return b.Without(meant)
	}
	return nil
}

// moved implements failover.Side.
func (n *node) moved(instance string, master bool) {
	if b := n.balance.Load(); b != nil {
		b.Moved(instance, master)
	}
}
