package vrrp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"tandem/vrrp/fsm"
	"tandem/vrrp/netif"
	"tandem/vrrp/packet"
)

// link is what is known about an interface.
type link struct {
	exists bool
	netif.Interface
}

// up says whether the interface can carry adverts, with a word for the log.
func (l *link) up() (bool, string) {
	switch {
	case l == nil || !l.exists:
		return false, "does not exist"
	case !l.Up:
		return false, "is down"
	case !l.Running:
		return false, "has no carrier"
	}
	return true, "is up"
}

// readLinks looks at all interfaces that the instances name, before the watcher takes over.
func (r *Router) readLinks() {
	for _, in := range r.instances {
		for _, name := range in.config.interfaces() {
			if r.links[name] == nil {
				r.links[name] = readLink(r.kernel, name)
			}
		}
	}
}

func readLink(k Kernel, name string) *link {
	i, err := k.Interface(name)
	if err != nil {
		return &link{Interface: netif.Interface{Name: name}}
	}
	return &link{exists: true, Interface: i}
}

// interfaces are all that the instance has to do with.
func (c *InstanceConfig) interfaces() []string {
	var names []string
	if c.Interface != "" {
		names = append(names, c.Interface)
	}
	for _, v := range c.VMACs {
		names = append(names, v.Name, v.Base)
	}
	names = append(names, c.Needs...)
	if c.AdvertInterface != "" {
		names = append(names, c.AdvertInterface)
	}
	for _, t := range c.TrackInterfaces {
		names = append(names, t.Name)
	}
	return names
}

// linkChanged is called by the watcher. It looks at the interface here, where it may wait, and passes on what it saw.
func (r *Router) linkChanged(e netif.Event) {
	if e.Kind == netif.RouteDeleted {
		r.post(r.mendRoutes)
		return
	}
	now := readLink(r.kernel, e.Interface.Name)
	r.post(func() { r.takeLink(e, now) })
}

// mendRoutes looks whether the routes and rules of masters are there. A route that somebody has removed is like an address:
// a chance for a node where nobody does that.
func (r *Router) mendRoutes() {
	for _, in := range r.instances {
		if !in.routed || in.dirtyRoutes {
			continue
		}
		routes, rules := in.config.TrackedRoutes, in.config.TrackedRules
		if len(routes)+len(rules) == 0 {
			continue
		}
		in.holder.mend(routes, rules, func(missing string) {
			r.post(func() {
				if i := r.index(in); i >= 0 {
					r.step(i, fsm.AddressLost{Route: missing}, time.Now())
				}
			})
		})
	}
}

// takeLink takes up a change of an interface.
func (r *Router) takeLink(e netif.Event, l *link) {
	now := time.Now()
	name := e.Interface.Name
	for i, in := range r.instances {
		if e.Kind == netif.AddressDeleted && !e.Own && in.holds(name, e.Address) && !slices.Contains(in.config.Untracked, e.Address.Addr()) {
			r.step(i, fsm.AddressLost{Address: e.Address.Addr()}, now)
		}
	}
	if r.links[name] == nil {
		return // nobody's
	}
	before := r.links[name]
	r.debounce(name, before, l)
	r.links[name] = l
	for i, in := range r.instances {
		if in.config.advertInterface() == name {
			if up, _ := before.up(); e.Kind == netif.Appeared || e.Kind == netif.Up || !up {
				r.rebind(in, now)
			}
		}
		if r.findSource(in); in.source() != in.toldSource {
			r.tellSource(in)
		}
		in.mendLinks(e)
		r.judgeLinks(i, now)
	}
}

// debounce keeps a change that has just come from counting for as long as it is to be let be.
func (r *Router) debounce(name string, before, l *link) {
	if t := r.bouncing[name]; t != nil {
		t.Stop()
		delete(r.bouncing, name)
	}
	was, _ := before.up()
	is, _ := l.up()
	d := r.config.delay(name, is)
	if was == is || d == 0 || !before.exists || !l.exists {
		return
	}
	l.Up, l.Running = before.Up, before.Running
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		now := readLink(r.kernel, name)
		r.post(func() {
			if r.bouncing[name] != t {
				return // it has changed meanwhile
			}
			delete(r.bouncing, name)
			r.links[name] = now
			for i := range r.instances {
				r.judgeLinks(i, time.Now())
			}
		})
	})
	r.bouncing[name] = t
}

// setLinks has the interfaces made that the instance has of its own.
func (in *instance) setLinks() {
	in.linked = in.vmacs()
	in.holder.link(in.linked, in.config.Promote)
}

// mendLinks makes them again when one has vanished, when what they are on has appeared, or when the source of adverts
// is another one.
func (in *instance) mendLinks(e netif.Event) {
	name := e.Interface.Name
	mend := e.Kind == netif.Appeared && slices.Contains(in.config.Promote, name) || !slices.EqualFunc(in.linked, in.vmacs(), netif.VMAC.Equal)
	for _, v := range in.config.VMACs {
		mend = mend || v.Base == name && e.Kind == netif.Appeared || v.Name == name && e.Kind == netif.Gone
	}
	if mend {
		in.setLinks()
	}
}

// vmacs are the interfaces to be made, with the address that adverts are sent from where they go out on a VMAC: IPv6
// wants it there. IPv4 adverts come from the base's address, which stays there.
func (in *instance) vmacs() []netif.VMAC {
	list := slices.Clone(in.config.VMACs)
	for i, v := range list {
		if v.Name == in.config.AdvertInterface && v.Hardware != nil && in.config.Packet.Family == packet.IPv6 && in.fsm.Source.IsValid() {
			list[i].Address = netip.PrefixFrom(in.fsm.Source, 64)
		}
	}
	return list
}

// holds says whether an address that was deleted is one that the instance has set.
func (in *instance) holds(iface string, p netip.Prefix) bool {
	for _, a := range in.desired {
		if a.Interface == iface && a.Prefix == p {
			return true
		}
	}
	return false
}

func (r *Router) rebind(in *instance, now time.Time) {
	if err := in.conn.Rebind(); err != nil && !errors.Is(err, netif.ErrNoInterface) {
		r.tell(Report{Instance: in.config.Name(), Text: "binding to " + in.config.Interface, Err: err, At: now})
	}
}

// findSource finds the address that adverts come from.
func (r *Router) findSource(in *instance) {
	in.fsm.Source = in.config.FSM.Source
	l := r.links[in.config.Interface]
	if in.fsm.Source.IsValid() || l == nil || !l.exists {
		return
	}
	if a, ok := r.config.source(l.Interface, in.config.Packet.Family); ok {
		in.fsm.Source = a
	} else if in.config.Packet.Family == packet.IPv6 && in.config.onVMAC() {
		// It is made for the VMAC, which need not have what its base does not.
		in.fsm.Source = linkLocal(l.Hardware)
	}
}

// onVMAC says whether adverts go out on a macvlan.
func (c *InstanceConfig) onVMAC() bool {
	return slices.ContainsFunc(c.VMACs, func(v netif.VMAC) bool { return v.Name == c.AdvertInterface && v.Hardware != nil })
}

// linkLocal is the address that RFC 4291, appendix A, makes of a hardware address; the zero Addr if that has no 6 bytes.
func linkLocal(hardware net.HardwareAddr) netip.Addr {
	if len(hardware) != 6 {
		return netip.Addr{}
	}
	h := hardware
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: h[0] ^ 2, 9: h[1], 10: h[2], 11: 0xff, 12: 0xfe, 13: h[3], 14: h[4], 15: h[5]})
}

// source returns the address of an interface that adverts come from when the configuration names none. As in keepalived
// it is one that the interface had before static_ipaddress was set, if there is one.
func (c *Config) source(i netif.Interface, family packet.Family) (netip.Addr, bool) {
	given := func(a netip.Addr) bool { return slices.Contains(c.Static, a) || c.virtual(a) }
	if a, ok := i.Source(family == packet.IPv6, given); ok {
		return a, true
	}
	return i.Source(family == packet.IPv6, c.virtual)
}

// virtual says whether an address is a virtual one of any instance.
func (c *Config) virtual(a netip.Addr) bool {
	for i := range c.Instances {
		if c.Instances[i].virtual(a) {
			return true
		}
	}
	return false
}

// judgeLinks turns the state of the interfaces into causes of fault and weights. The state machine does nothing for
// a cause that is there already.
func (r *Router) judgeLinks(i int, now time.Time) {
	in := r.instances[i]
	c := &in.config
	if c.Interface != "" {
		up, text := r.links[c.Interface].up()
		r.judge(i, fsm.FaultInterface, c.Interface, !up && !c.IgnorePrimary, text, now)
	}
	for _, v := range c.VMACs {
		up, text := r.links[v.Name].up()
		r.judge(i, fsm.FaultInterface, v.Name, !up && !c.IgnorePrimary, text, now)
	}
	for _, name := range c.Needs {
		up, text := r.links[name].up()
		r.judge(i, fsm.FaultInterface, name, !up, text, now)
	}
	text, missing := "", !in.fsm.Source.IsValid()
	if missing {
		text = fmt.Sprintf("%s has no %v address to send from", c.Interface, c.Packet.Family)
	} else if c.TrackSource && c.Interface != "" && !r.links[c.Interface].has(in.fsm.Source) {
		text, missing = fmt.Sprintf("%s does not have %v", c.Interface, in.fsm.Source), true
	}
	r.judge(i, fsm.FaultSource, "", missing, text, now)
	for _, t := range c.TrackInterfaces {
		up, text := r.links[t.Name].up()
		r.track(i, t.result(up, text), now)
	}
}

func (r *Router) judge(i int, k fsm.FaultKind, name string, fault bool, text string, now time.Time) {
	if fault {
		r.step(i, fsm.FaultSet{Cause: fsm.Cause{Kind: k, Name: name, Text: text}}, now)
	} else {
		r.step(i, fsm.FaultCleared{Kind: k, Name: name, Text: text}, now)
	}
}

func (l *link) has(a netip.Addr) bool {
	if l == nil {
		return false
	}
	for _, p := range l.Addresses {
		if p.Addr() == a {
			return true
		}
	}
	return false
}

// result is the tracker that the interface's state makes.
func (t TrackInterface) result(up bool, text string) Tracker {
	tr := Tracker{Kind: fsm.FaultTrackedInterface, Name: t.Name, Text: text}
	tr.Weight, tr.Fault = Weigh(up, t.Weight, t.Reverse)
	return tr
}

// Weigh returns what something that is tracked adds to the priority, and whether it is a fault. A positive weight is
// added while it is good, a negative one while it is not, and without a weight "not good" is a fault; reverse turns the
// sign of a weight around, and makes "good" the fault.
func Weigh(good bool, weight int, reverse bool) (add int, fault bool) {
	switch {
	case weight == 0:
		return 0, good == reverse
	case (weight > 0) != good:
		return 0, false
	case reverse:
		return -weight, false
	}
	return weight, false
}
