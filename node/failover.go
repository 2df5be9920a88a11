package node

import (
	"context"
	"io"
	"syscall"

	"tandem/internal/errorlog"
	"tandem/node/configuration"
	"tandem/node/failover"
	"tandem/proxy/block"
)

// failoverPart has the node take part in VRRP as keepalived.conf says. It ends a
// part that is not wanted any more only when the rest is in force, see reload.
func (n *node) failoverPart(c *configuration.Configuration) (change, error) {
	if !c.HasInstances() {
		return change{}, nil
	}
	config := n.failoverConfig(c)
	if n.vrrp == nil {
		f, err := failover.Start(config, failover.Side{
			Machine: n.machine, Web: servingSide{n}, Announce: n.own.Announce, Keep: n.keep, Role: n.roleChanged, Moved: n.moved,
			Log: func() *errorlog.Log { return n.inForce.Load().configuration.Log }, Terminal: n.terminal(),
		})
		if err != nil {
			return change{}, err
		}
		return change{
			commit: func() { n.vrrp = f },
			discard: func() {
				ctx, cancel := context.WithCancel(context.Background())
				cancel()
				_ = f.Stop(ctx)
			},
		}, nil
	}
	next, err := n.vrrp.Prepare(context.Background(), config)
	if err != nil {
		return change{}, err
	}
	return change{
		commit: func() {
			if err := next.Commit(); err != nil {
				c.Log.Printf(errorlog.Alert, "%v", err)
			}
		},
		discard: next.Discard,
	}, nil
}

// terminal is where news of VRRP goes beside the log: nowhere for who has asked by
// keepalived's options where the log is to go.
func (n *node) terminal() io.Writer {
	if n.source.KeepalivedOnly != nil {
		return io.Discard
	}
	return n.stderr
}

// failoverConfig returns what failing over has to know of a configuration.
func (n *node) failoverConfig(c *configuration.Configuration) *failover.Config {
	f := &failover.Config{
		Keepalived: c.Keepalived, Digest: c.Digest(), Leftovers: failover.LeftoversFile(c.PIDFile()),
		Balanced: n.balanced,
		Upstream: func(name string) failover.Upstream {
			if group := block.Find(&c.HTTP.Realm, name); group != nil {
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
				n.inForce.Load().configuration.Log.Printf(errorlog.Error, "%v", err)
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
