// Package failover binds VRRP to the health of the web side: it runs the router
// and what belongs to it, the self-probes, trackers, peer links, planned
// switches, static addresses and alerts.
package failover

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/privilege"
	"tandem/internal/task"
	"tandem/keepalivedconf"
	"tandem/vrrp"
	"tandem/vrrp/fsm"
	"tandem/vrrp/handover"
)

// Config is what failing over has to know of a configuration.
type Config struct {
	Keepalived *keepalivedconf.Config // with at least one instance
	Listeners  []netip.AddrPort       // where the web side is reached
	// Upstream finds an upstream block of the web side; nil if there is none of
	// that name.
	Upstream func(name string) Upstream
	// Balanced returns an error if one of the virtual servers that are meant has no
	// quorum. nil: there are none.
	Balanced  func([]keepalivedconf.VirtualRef) error
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
	// Machine opens the host that the node runs on.
	Machine func() (*Machine, error)
	Web     handover.Web
	// Announce is told of the connections of self-probes, see health.Probe.
	Announce func(local netip.AddrPort, done bool)
	// Keep is told what another node, which has the key, wants kept here, nil for
	// what it does not want any more, and returns when it is safe; it may take a
	// while. nil: nobody is told.
	Keep func(name string, content []byte)
	// Moved is told that an instance has become master, or is one no more; it must
	// not block. nil: nobody is told.
	Moved func(instance string, master bool)
	// Role is told that Leads may say something else; it must not block. nil:
	// nobody is told.
	Role func()
	// Log returns the error log in force. What somebody should know goes to the
	// terminal as well, whatever the level of the log.
	Log      func() *errorlog.Log
	Terminal io.Writer
}

// Failover is the VRRP side of a node, bound to the health of its web side.
type Failover struct {
	inForce  atomic.Pointer[Config]
	router   *vrrp.Router
	machine  *Machine
	announce func(local netip.AddrPort, done bool)
	log      *eventLog
	peers    *peers
	move     *handover.Handover
	track    *tracking
	static   *statics
	alerts   *alerts
	leads    leadership
	received received
	history  history

	probes  *task.Group // the self-probes of the configuration in force
	probing sync.Map    // instance name -> *health.SelfProbe
}

// Start begins to take part in VRRP. The web side serves already: an instance
// waits for the first good self-probe. With an error everything is as it was.
func Start(c *Config, side Side) (*Failover, error) {
	m, err := side.Machine()
	if err != nil {
		return nil, err
	}
	log := newEventLog(side.Log, side.Terminal)
	f := &Failover{machine: m, announce: side.Announce, log: log, alerts: newAlerts(log)}
	f.peers = startPeers(m.Link, log, func(name string, content []byte) {
		f.received.put(name, content)
		if side.Keep != nil {
			side.Keep(name, content)
		}
	})
	f.inForce.Store(c)
	f.noteKeepalived("")
	m.cleanUp(c.Leftovers, log)
	// An instance may speak from a static address.
	f.static = newStatics(m.Kernel, log)
	f.static.configure(c.Keepalived)
	ready := make(chan struct{})
	options := vrrp.Options{Events: func(e vrrp.Event) {
		<-ready
		log.event(e)
		f.history.event(e)
		f.explainLoss(e)
		f.peers.event(e)
		f.move.Event(e)
		f.alerts.event(e)
		if t, ok := e.(vrrp.Transition); ok && side.Moved != nil {
			side.Moved(t.Instance, t.To == fsm.Master && !t.Deleted)
		}
		if f.leads.event(e) && side.Role != nil {
			side.Role()
		}
	}}
	if m.Thread != nil {
		options.Thread, options.OwnWait = func() error { return m.Thread(&c.Keepalived.Global) }, true
	}
	f.router, err = vrrp.Start(c.vrrp(), m.Kernel, options)
	f.peers.router = f.router
	f.move = handover.New(handover.Config{
		Router: f.router, Link: f.peers.link, Kernel: m.Kernel, Web: side.Web, Leftovers: c.Leftovers,
		Log: log.line, Privileged: privilege.Raise, Redirect: m.Redirect, Connections: m.Connections,
	})
	f.peers.move = f.move
	if err == nil {
		f.alerts.configure(c.Keepalived)
	}
	close(ready)
	if err != nil {
		f.static.stop()
		f.alerts.close()
		f.peers.link.Close()
		_ = m.close()
		return nil, err
	}
	if m.Prepare != nil {
		if err := m.Prepare(&c.Keepalived.Global); err != nil {
			log.note(err.Error())
		}
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

// Change is a configuration that waits to be put into force, by Commit, or for
// Discard.
type Change struct {
	failover *Failover
	config   *Config
	router   *vrrp.Change
}

// Prepare is what may fail when another configuration is taken over. Nothing has
// changed before Commit.
func (f *Failover) Prepare(ctx context.Context, c *Config) (*Change, error) {
	router, err := f.router.Prepare(ctx, c.vrrp())
	if err != nil {
		return nil, err
	}
	return &Change{f, c, router}, nil
}

// Discard gives up what was prepared.
func (c *Change) Discard() { c.router.Discard() }

// Commit takes over the configuration; adverts go on all the while. An error says
// that the VRRP loop has ended.
func (c *Change) Commit() error {
	f, k := c.failover, c.config.Keepalived
	before := f.inForce.Load()
	f.alerts.configure(k)
	if err := c.router.Commit(); err != nil {
		return err
	}
	if k.Global.NetNamespace != before.Keepalived.Global.NetNamespace {
		f.log.note("net_namespace has changed: that takes effect only after a restart")
	}
	f.inForce.Store(c.config)
	f.static.configure(k)
	f.alerts.reloaded()
	f.configure(c.config)
	return nil
}

// Stop hands the addresses over: they are kept, and served, until a successor
// is heard or the context ends.
func (f *Failover) Stop(ctx context.Context) error {
	stopped := make(chan error, 1)
	f.move.Away(ctx, nil, func() { go func() { stopped <- f.router.Stop(ctx) }() })
	err := <-stopped
	f.move.Close()
	f.probes.End()
	f.track.stop()
	f.alerts.close()
	f.static.stop()
	f.peers.link.Close()
	_ = f.machine.close()
	return err
}

// SetBFD takes how a BFD session stands, of those that are run: what is tracked.
func (f *Failover) SetBFD(name string, up bool) { f.track.setBFD(name, up) }

// BFDExpired takes it that nothing has come from the neighbor of a session for that
// time. Whoever has bfd_takeover for it takes over from it.
func (f *Failover) BFDExpired(name string, neighbor netip.Addr, detection time.Duration) {
	for _, i := range f.inForce.Load().Keepalived.Instances {
		if i.Tandem.BFDTakeover == name {
			f.router.PeerGone(i.Name, neighbor, nil, fmt.Sprintf("BFD %s has heard nothing for %v (bfd_takeover)", name, detection))
		}
	}
}

// vrrp returns the VRRP side of the configuration.
func (c *Config) vrrp() vrrp.Config { return vrrp.FromKeepalived(c.Keepalived, vrrp.Uptime()) }
