package failover

import (
	"context"
	"fmt"
	"net/netip"

	"tandem/health"
	"tandem/internal/contain"
	"tandem/internal/task"
	"tandem/keepalivedconf"
	"tandem/vrrp"
)

// watchHealth has every instance's self-probe run as the configuration says,
// in place of those that ran before.
func (f *Failover) watchHealth(c *Config) {
	f.probes.Cancel()
	f.probes = task.NewGroup(f.probes)
	f.probing.Clear()
	for _, i := range c.Keepalived.Instances {
		if i.Tandem.Probe.Off {
			continue
		}
		probe := c.selfProbe(i, f.announce, f.machine.Dial)
		if len(probe.Probes) > 0 {
			// What answers, but panics again and again, does not serve.
			probe.Conditions = append(probe.Conditions, contain.TooMany)
		}
		probe.Report = func(v health.Verdict) {
			f.router.SetHealth(i.Name, vrrp.Health{OK: v.Good, Text: v.Reason, Alone: f.peers.nobodyServes(i.Name)})
			f.peers.health(i.Name, v.Reason)
		}
		f.probing.Store(i.Name, probe)
		f.probes.Go(probe.Run)
	}
}

// serves is what the self-probes of the instances say together, waiting for the
// first word of each until the context ends. An instance without one is served.
func (f *Failover) serves(ctx context.Context, instances map[string][]use) health.Verdict {
	together := health.Verdict{Good: true, Reason: "this process serves"}
	for name := range instances {
		if p, ok := f.probing.Load(name); ok {
			if v := p.(*health.SelfProbe).Await(ctx); !v.Good {
				together = health.Verdict{Reason: "the self-probe has failed: " + v.Reason}
			}
		}
	}
	return together
}

// selfProbe returns the probe of an instance: of every listener that can serve
// one of its addresses.
func (c *Config) selfProbe(i *keepalivedconf.Instance, announce func(local netip.AddrPort, done bool), dial health.Dial) *health.SelfProbe {
	p := i.Tandem.Probe
	s := &health.SelfProbe{Interval: p.Interval, Fall: p.Fall, Rise: p.Rise, Conditions: c.conditions(p)}
	for _, listener := range c.Listeners {
		addr, ok := probeAddress(listener, i)
		if !ok {
			continue
		}
		host := p.Host
		if host == "" {
			host = firstAddress(i)
		}
		s.Probes = append(s.Probes, &health.Probe{
			Addr: addr, Host: host, Path: p.Path, Timeout: p.Timeout, Good: p.Good, Announce: announce, Dial: dial,
		})
	}
	return s
}

// probeAddress returns where a listener that can serve an address of the
// instance is reached from this host. One that listens on every address is
// asked through the loopback; one that listens on the virtual address alone
// cannot be asked while another node holds it, and is left out.
func probeAddress(a netip.AddrPort, i *keepalivedconf.Instance) (netip.AddrPort, bool) {
	if !a.Addr().IsUnspecified() {
		return netip.AddrPort{}, false
	}
	for _, v := range i.Addresses {
		if v.Addr().Is4() == a.Addr().Is4() {
			loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
			if a.Addr().Is6() {
				loopback = netip.IPv6Loopback()
			}
			return netip.AddrPortFrom(loopback, a.Port()), true
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

// conditions returns what upstreams and virtual servers have to be for the node to
// count as well.
func (c *Config) conditions(p keepalivedconf.SelfProbe) []func() error {
	var list []func() error
	for _, u := range p.Upstreams {
		if group := c.Upstream(u.Name); group != nil {
			list = append(list, func() error {
				if group.Serving() {
					return nil
				}
				return fmt.Errorf("upstream %s has no healthy peer", u.Name)
			})
		}
	}
	if refs := p.VirtualServers; len(refs) > 0 && c.Balanced != nil {
		list = append(list, func() error { return c.Balanced(refs) })
	}
	return list
}
