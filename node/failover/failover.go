// Package failover binds VRRP to the health of the web side: it runs the router
// and what belongs to it, the self-probes, trackers, peer links, planned
// switches, static addresses and alerts.
package failover

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"

	"tandem/internal/errorlog"
	"tandem/internal/privilege"
	"tandem/keepalivedconf"
	"tandem/vrrp"
	"tandem/vrrp/detour"
	"tandem/vrrp/handover"
	"tandem/vrrp/netif"
)

// Config is what failing over has to know of a configuration.
type Config struct {
	Keepalived *keepalivedconf.Config // with at least one instance
	Listeners  []netip.AddrPort       // where the web side is reached
	// Upstream finds an upstream block of the web side; nil if there is none of
	// that name.
	Upstream  func(name string) Upstream
	Digest    map[string]string // of what the web side is configured by, see peerlink
	Leftovers string            // the file that a handover notes in what is to be undone if the process dies
}

// Upstream is a group of back ends that the self-probe may depend on.
type Upstream interface {
	// Serving reports whether there is a peer that is well.
	Serving() bool
}

// Side is the node that fails over, as far as it outlives configurations.
type Side struct {
	Web handover.Web
	// Announce is told of the connections of self-probes, see health.Probe.
	Announce func(local netip.AddrPort, done bool)
	// Log returns the error log in force.
	Log func() *errorlog.Log
}

// Failover is the VRRP side of a node, bound to the health of its web side.
type Failover struct {
	inForce  atomic.Pointer[Config]
	router   *vrrp.Router
	stack    *netif.Stack
	announce func(local netip.AddrPort, done bool)
	log      *eventLog
	peers    *peers
	move     *handover.Handover
	track    *tracking
	static   *statics
	alerts   *alerts

	probes  context.CancelFunc // ends the self-probes of the configuration in force
	probing sync.Map           // instance name -> *health.SelfProbe
}

// Start begins to take part in VRRP. The web side serves already: an instance
// waits for the first good self-probe.
func Start(c *Config, side Side) (*Failover, error) {
	if err := privilege.Check(privilege.NetAdmin, privilege.NetRaw); err != nil {
		return nil, err
	}
	log := &eventLog{log: side.Log}
	if err := keepInMemory(&c.Keepalived.Global); err != nil {
		log.note(err.Error())
	}
	stack, err := netif.Open()
	if err != nil {
		return nil, err
	}
	noteKeepalived(log, "")
	f := &Failover{stack: stack, announce: side.Announce, log: log, peers: startPeers(log), alerts: newAlerts(log)}
	f.inForce.Store(c)
	cleaned, err := handover.CleanUp(c.Leftovers, stack)
	if err != nil {
		log.note(err.Error())
	} else if cleaned {
		log.note("undone what a process has left that died while it was about to take over")
	}
	// An instance may speak from a static address.
	f.static = newStatics(stack, log)
	f.static.configure(c.Keepalived)
	ready := make(chan struct{})
	f.router, err = vrrp.Start(c.vrrp(), vrrp.Machine(stack), vrrp.Options{Events: func(e vrrp.Event) {
		<-ready
		log.event(e)
		explainLoss(log, e)
		f.peers.event(e)
		f.move.Event(e)
		f.alerts.event(e)
	}, Thread: func() error { return scheduleThread(&c.Keepalived.Global) }, OwnWait: true})
	f.peers.router = f.router
	f.move = handover.New(handover.Config{
		Router: f.router, Link: f.peers.link, Kernel: stack, Web: side.Web, Leftovers: c.Leftovers,
		Log: log.line, Privileged: privilege.Raise, Redirect: redirect, Connections: detour.Connections,
	})
	f.peers.move = f.move
	if err == nil {
		f.alerts.configure(c.Keepalived)
	}
	close(ready)
	if err != nil {
		f.static.stop()
		f.peers.link.Close()
		_ = stack.Close()
		return nil, err
	}
	f.track = &tracking{router: f.router, log: log, serves: f.serves}
	f.configure(c)
	return f, nil
}

// configure takes over what follows from a configuration beside the instances
// themselves.
func (f *Failover) configure(c *Config) {
	f.move.Configure(c.handover())
	f.peers.configure(c)
	f.watchHealth(c)
	f.track.configure(c.Keepalived)
}

// Reload takes over the VRRP side of a new configuration; adverts go on all
// the while.
func (f *Failover) Reload(ctx context.Context, c *Config) error {
	before := f.inForce.Load()
	f.alerts.configure(c.Keepalived)
	if err := f.router.Reload(ctx, c.vrrp()); err != nil {
		f.alerts.configure(before.Keepalived)
		return err
	}
	if c.Keepalived.Global.NetNamespace != before.Keepalived.Global.NetNamespace {
		f.static.log.line("", "net_namespace has changed, which takes a restart; the process goes on as it was")
	}
	f.inForce.Store(c)
	f.static.configure(c.Keepalived)
	f.alerts.reloaded()
	f.configure(c)
	return nil
}

// Stop hands the addresses over: they are kept, and served, until a successor
// is heard or the context ends.
func (f *Failover) Stop(ctx context.Context) error {
	stopped := make(chan error, 1)
	f.move.Away(ctx, nil, func() { go func() { stopped <- f.router.Stop(ctx) }() })
	err := <-stopped
	f.move.Close()
	f.probes()
	f.track.stop()
	f.alerts.close()
	f.static.stop()
	f.peers.link.Close()
	_ = f.stack.Close()
	return err
}

// vrrp returns the VRRP side of the configuration.
func (c *Config) vrrp() vrrp.Config { return vrrp.FromKeepalived(c.Keepalived, vrrp.Uptime()) }
