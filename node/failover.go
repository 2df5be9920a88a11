package node

import (
	"context"
	"syscall"

	"tandem/internal/errorlog"
	"tandem/node/configuration"
	"tandem/node/failover"
	"tandem/proxy/exchange"
)

// startFailover begins to take part in VRRP, if keepalived.conf says so.
func (n *node) startFailover(c *configuration.Configuration) (*failover.Failover, error) {
	if !c.HasInstances() {
		return nil, nil
	}
	return failover.Start(failoverConfig(c), failover.Side{
		Web: servingSide{n}, Announce: n.own.Announce, Log: func() *errorlog.Log { return n.inForce.Load().Log },
	})
}

// failoverConfig returns what failing over has to know of a configuration.
func failoverConfig(c *configuration.Configuration) *failover.Config {
	f := &failover.Config{
		Keepalived: c.Keepalived, Digest: c.Digest(), Leftovers: failover.LeftoversFile(c.PIDFile()),
		Upstream: func(name string) failover.Upstream {
			if group := exchange.Find(c.HTTP, name); group != nil {
				return group
			}
			return nil // not a nil pointer in an interface
		},
	}
	for _, p := range c.HTTP.Ports {
		if p.Addr.Unix == "" {
			f.Listeners = append(f.Listeners, p.Addr.IP)
		}
	}
	return f
}

// reloadFailover takes over the VRRP side, which may begin or end with it.
func (n *node) reloadFailover(c *configuration.Configuration) error {
	switch {
	case n.vrrp == nil:
		var err error
		n.vrrp, err = n.startFailover(c)
		return err
	case !c.HasInstances():
		n.stopFailover()
		return nil
	}
	return n.vrrp.Reload(context.Background(), failoverConfig(c))
}

// stopFailover hands the addresses over while the web side goes on serving. A
// second signal ends the wait for a successor.
func (n *node) stopFailover() {
	if n.vrrp == nil {
		return
	}
	// Every wait in it has a bound of its own.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- n.vrrp.Stop(ctx) }()
	for {
		select {
		case err := <-done:
			if err != nil {
				n.conf.Log.Printf(errorlog.Error, "%v", err)
			}
			n.vrrp = nil
			return
		case sig := <-n.signals:
			if sig == syscall.SIGTERM || sig == syscall.SIGINT || sig == syscall.SIGQUIT {
				cancel()
			}
		}
	}
}
