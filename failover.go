package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"tandem/health"
	"tandem/internal/errorlog"
	"tandem/internal/privilege"
	"tandem/keepalivedconf"
	"tandem/vrrp"
	"tandem/vrrp/detour"
	"tandem/vrrp/handover"
	"tandem/vrrp/netif"
	"tandem/web"
)

// failover is the VRRP side of a node, bound to the health of its web side.
type failover struct {
	conf   *configuration // in force
	router *vrrp.Router
	stack  *netif.Stack
	own    *web.OwnConnections
	peers  *peers
	move   *handover.Handover
	track  *tracking
	static *statics
	alerts *alerts

	probes  context.CancelFunc // ends the self-probes of the configuration in force
	probing sync.Map           // instance name -> *health.SelfProbe
}

// startFailover begins to take part in VRRP, if keepalived.conf says so. The
// web side serves already: an instance waits for the first good self-probe.
func startFailover(c *configuration, own *web.OwnConnections, side handover.Web, log *eventLog) (*failover, error) {
	if !c.hasInstances() {
		return nil, nil
	}
	if err := netif.CheckCapabilities(netif.NetAdmin, netif.NetRaw); err != nil {
		return nil, err
	}
	if err := c.keepInMemory(); err != nil {
		log.note(err.Error())
	}
	stack, err := netif.Open()
	if err != nil {
		return nil, err
	}
	noteKeepalived(log, "")
	f := &failover{conf: c, stack: stack, own: own, peers: startPeers(log), alerts: newAlerts(log)}
	var cleaned bool
	privilege.Raise(func() { cleaned, err = handover.CleanUp(leftoversFile(c.pidFile()), stack) })
	if err != nil {
		log.note(err.Error())
	} else if cleaned {
		log.note("undone what a process has left that died while it was about to take over")
	}
	// An instance may speak from a static address.
	f.static = newStatics(stack, log)
	f.static.configure(c.keepalived)
	ready := make(chan struct{})
	f.router, err = vrrp.Start(c.vrrp(), vrrp.Machine(stack), vrrp.Options{Events: func(e vrrp.Event) {
		<-ready
		log.event(e)
		explainLoss(log, e)
		f.peers.event(e)
		f.move.Event(e)
		f.alerts.event(e)
	}, Thread: c.scheduleThread, OwnWait: true})
	f.peers.router = f.router
	f.move = handover.New(handover.Config{
		Router: f.router, Link: f.peers.link, Kernel: stack, Web: side, Leftovers: leftoversFile(c.pidFile()),
		Log: log.line, Privileged: privilege.Raise, Redirect: redirect, Connections: detour.Connections,
	})
	f.peers.move = f.move
	if err == nil {
		f.alerts.configure(c)
	}
	close(ready)
	if err != nil {
		f.static.stop()
		f.peers.link.Close()
		_ = stack.Close()
		return nil, err
	}
	f.track = &tracking{router: f.router, log: log}
	f.configure(c)
	return f, nil
}

// configure takes over what follows from a configuration beside the instances
// themselves.
func (f *failover) configure(c *configuration) {
	f.move.Configure(c.handover())
	f.peers.configure(c)
	f.track.configure(c)
	f.watchHealth(c)
}

// reload takes over the VRRP side of a new configuration; adverts go on all
// the while.
func (f *failover) reload(ctx context.Context, c *configuration) error {
	f.alerts.configure(c)
	if err := f.router.Reload(ctx, c.vrrp()); err != nil {
		f.alerts.configure(f.conf)
		return err
	}
	if c.keepalived.Global.NetNamespace != f.conf.keepalived.Global.NetNamespace {
		f.static.log.line("", "net_namespace has changed, which takes a restart; the process goes on as it was")
	}
	f.conf = c
	f.static.configure(c.keepalived)
	f.alerts.reloaded()
	f.configure(c)
	return nil
}

// stop hands the addresses over: they are kept, and served, until a successor
// is heard or the context ends.
func (f *failover) stop(ctx context.Context) error {
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

// watchHealth has every instance's self-probe run as the configuration says,
// in place of those that ran before.
func (f *failover) watchHealth(c *configuration) {
	if f.probes != nil {
		f.probes()
	}
	ctx, cancel := context.WithCancel(context.Background())
	f.probes = cancel
	f.probing.Clear()
	for _, i := range c.keepalived.Instances {
		if i.Tandem.Probe.Off {
			continue
		}
		probe := c.selfProbe(i, f.own)
		probe.Report = func(v health.Verdict) {
			if ctx.Err() != nil {
				return
			}
			f.router.SetHealth(i.Name, vrrp.Health{OK: v.Good, Text: v.Reason, Alone: f.peers.nobodyServes(i.Name)})
			f.peers.health(i.Name, v.Reason)
		}
		f.probing.Store(i.Name, probe)
		go probe.Run(ctx)
	}
}

// hasInstances reports whether there is anything for VRRP to do.
func (c *configuration) hasInstances() bool {
	return c.keepalived != nil && len(c.keepalived.Instances) > 0
}

// vrrp returns the VRRP side of the configuration.
func (c *configuration) vrrp() vrrp.Config { return vrrp.FromKeepalived(c.keepalived, uptime()) }

// selfProbe returns the probe of an instance: of every listener that can serve
// one of its addresses.
func (c *configuration) selfProbe(i *keepalivedconf.Instance, own *web.OwnConnections) *health.SelfProbe {
	p := i.Tandem.Probe
	s := &health.SelfProbe{Interval: p.Interval, Fall: p.Fall, Rise: p.Rise, Conditions: c.upstreamConditions(p)}
	for _, port := range c.http.Ports {
		addr, ok := probeAddress(port.Addr, i)
		if !ok {
			continue
		}
		host := p.Host
		if host == "" {
			host = firstAddress(i)
		}
		s.Probes = append(s.Probes, &health.Probe{
			Addr: addr, Host: host, Path: p.Path, Timeout: p.Timeout, Good: p.Good, Announce: own.Announce,
		})
	}
	return s
}

// probeAddress returns where a listener that can serve an address of the
// instance is reached from this host. One that listens on every address is
// asked through the loopback; one that listens on the virtual address alone
// cannot be asked while another node holds it, and is left out.
func probeAddress(a web.Address, i *keepalivedconf.Instance) (netip.AddrPort, bool) {
	if a.Unix != "" || !a.IsWildcard() {
		return netip.AddrPort{}, false
	}
	for _, v := range i.Addresses {
		if v.Addr().Is4() == a.IP.Addr().Is4() {
			loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
			if a.IP.Addr().Is6() {
				loopback = netip.IPv6Loopback()
			}
			return netip.AddrPortFrom(loopback, a.IP.Port()), true
		}
	}
	return netip.AddrPort{}, false
}

func firstAddress(i *keepalivedconf.Instance) string {
	if len(i.Addresses) == 0 {
		return "localhost"
	}
	addr := i.Addresses[0].Addr()
	if addr.Is6() {
		return "[" + addr.String() + "]"
	}
	return addr.String()
}

// isVirtual reports whether an address is one that keepalived.conf gives to
// the pair: it may be bound while the other node holds it.
func (c *configuration) isVirtual(ip netip.Addr) bool {
	if c.keepalived == nil {
		return false
	}
	for _, i := range c.keepalived.Instances {
		for _, list := range [][]keepalivedconf.Address{i.Addresses, i.ExcludedAddresses} {
			for _, a := range list {
				if a.Addr() == ip {
					return true
				}
			}
		}
	}
	return false
}

// uptime returns how long the machine has been up, 0 if it does not say.
func uptime() time.Duration {
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0
	}
	word, _, _ := strings.Cut(string(text), " ")
	seconds, err := strconv.ParseFloat(word, 64)
	if err != nil {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}

// eventLog writes what happens in VRRP, one line an event: to the terminal or
// journal, whatever the level of the error log, and to the error log.
type eventLog struct {
	log func() *errorlog.Log // the one in force
}

func (l *eventLog) event(e vrrp.Event) {
	level := eventLevels[e.Level()]
	l.log().Printf(level, "vrrp: %s", e)
	if level <= errorlog.Notice {
		fmt.Fprintf(os.Stderr, "tandem: [%s] %s\n", level, e)
	}
}

// line writes what somebody should look at.
func (l *eventLog) line(instance, text string) {
	l.event(vrrp.Report{Instance: instance, Text: text, At: time.Now()})
}

// note is line for what is about no instance.
func (l *eventLog) note(text string) { l.line("", text) }

var eventLevels = map[vrrp.Level]errorlog.Level{
	vrrp.LevelInfo: errorlog.Info, vrrp.LevelNotice: errorlog.Notice, vrrp.LevelWarn: errorlog.Warn, vrrp.LevelError: errorlog.Error,
}
