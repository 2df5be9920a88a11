package vrrp

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"tandem/vrrp/fsm"
	"tandem/vrrp/netif"
	"tandem/vrrp/packet"
)

// plan is what becomes of one instance of a new configuration.
type plan struct {
	config InstanceConfig
	// in is the running instance that it matches, or a newly opened one.
	in    *instance
	isNew bool
	codec *packet.Codec
	conn  netif.Conn // a new socket, if the one in use does not fit; else nil
	links bool       // the interfaces that are made are others
	// gone is what the instance has tracked, or had made, and does no longer.
	gone []TrackerID
}

// Reload takes up a new configuration. Instances are matched by VRID, family, interface and configured source; matched
// ones keep their state and addresses and only the difference is applied; adverts do not pause. Everything that can
// fail is done before anything is changed: with an error the router runs on as it was.
func (r *Router) Reload(ctx context.Context, c Config) error {
	change, err := r.Prepare(ctx, c)
	if err != nil {
		return err
	}
	return change.Commit()
}

// Change is a new configuration for which everything is there that it needs. It waits for Commit or Discard; until then
// no other can be prepared, and the router cannot be stopped.
type Change struct {
	router *Router
	config Config
	plans  []*plan
	filter bool // the packet filter is another
}

// Prepare is the part of Reload that can fail: it changes nothing.
func (r *Router) Prepare(ctx context.Context, c Config) (_ *Change, err error) {
	r.changing.Lock()
	defer func() {
		if err != nil {
			r.changing.Unlock()
		}
	}()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	running := map[key]*instance{}
	var firewall netif.FirewallConfig
	if err := r.call(ctx, func() {
		firewall = r.config.Firewall
		for _, in := range r.instances {
			running[in.config.key()] = in
		}
	}); err != nil {
		return nil, err
	}
	plans, err := r.plan(c, running)
	if err != nil {
		return nil, err
	}
	return &Change{router: r, config: c, plans: plans, filter: c.Firewall != firewall}, nil
}

// Discard lets go of what was prepared; the router runs on as it was.
func (c *Change) Discard() {
	defer c.router.changing.Unlock()
	c.router.discard(c.plans)
}

// Commit puts the configuration into force. It fails only for a router whose loop has ended.
func (c *Change) Commit() error {
	r := c.router
	defer r.changing.Unlock()
	if c.filter {
		holds, err := r.kernel.Hold(c.config.Firewall)
		_ = holds.Ear.Close()
		if err != nil {
			r.tell(Report{Text: "setting up the packet filter", Err: err, At: time.Now()})
		}
	}
	var unused []func()
	links := map[string]*link{}
	for _, p := range c.plans {
		for _, name := range p.config.interfaces() {
			if links[name] == nil {
				links[name] = readLink(r.kernel, name)
			}
		}
	}
	// It must happen: not even a context ends it, because the loop may be in the middle.
	if err := r.call(context.Background(), func() { unused = r.swap(c.config, c.plans, links, time.Now()) }); err != nil {
		r.discard(c.plans)
		return err
	}
	for _, f := range unused {
		f()
	}
	return nil
}

// plan opens what the new configuration needs.
func (r *Router) plan(c Config, running map[key]*instance) (plans []*plan, err error) {
	defer func() {
		if err != nil {
			r.discard(plans)
		}
	}()
	for _, ic := range c.Instances {
		p := &plan{config: ic, in: running[ic.key()]}
		if p.in == nil {
			p.isNew = true
			if p.in, err = r.open(ic, c.Firewall); err != nil {
				return plans, err
			}
			plans = append(plans, p)
			continue
		}
		plans = append(plans, p)
		if p.codec, err = packet.NewCodec(ic.Packet); err != nil {
			return plans, fmt.Errorf("vrrp: instance %s: %w", ic.Name(), err)
		}
		if p.links = !p.in.config.sameLinks(&ic); p.links {
			// The old ones hold the addresses until these can.
			p.in.holder.link(slices.Concat(ic.VMACs, p.in.config.VMACs), slices.Concat(ic.Promote, p.in.config.Promote))
			p.in.holder.wait()
		}
		if ic.socket() != p.in.config.socket() {
			if p.conn, err = r.kernel.OpenSocket(ic.socket()); err != nil {
				return plans, fmt.Errorf("vrrp: instance %s: opening a socket on %s: %w", ic.Name(), ic.Interface, err)
			}
		}
	}
	return plans, nil
}

// discard lets go of what a failed reload has opened.
func (r *Router) discard(plans []*plan) {
	for _, p := range plans {
		if p.isNew {
			p.in.close()
			continue
		}
		if p.conn != nil {
			_ = p.conn.Close()
		}
		if p.links {
			r.post(p.in.setLinks)
		}
	}
}

// sameLinks says whether two configurations have the same interfaces of their own.
func (c *InstanceConfig) sameLinks(o *InstanceConfig) bool {
	return slices.EqualFunc(c.VMACs, o.VMACs, netif.VMAC.Equal) && slices.Equal(c.Promote, o.Promote)
}

// swap exchanges the configuration on the loop, and returns what is to be closed off it.
func (r *Router) swap(c Config, plans []*plan, links map[string]*link, now time.Time) (unused []func()) {
	kept := map[*instance]bool{}
	for _, p := range plans {
		kept[p.in] = true
	}
	for i, in := range r.instances {
		if !kept[in] {
			in.deleted = true
			r.carryOut(r.machine.Remove(i, now), now)
			unused = append(unused, in.close)
		}
	}
	groups, weights := c.groups()
	configs, states := make([]*fsm.Config, len(plans)), make([]fsm.State, len(plans))
	events := make([]fsm.Reconfigured, len(plans))
	instances := make([]*instance, len(plans))
	for k, p := range plans {
		in := p.in
		instances[k] = in
		in.weights = weights[k]
		if p.isNew {
			states[k] = fsm.NewState(in.fsm, now)
			go in.read(in.conn, r)
		} else {
			states[k] = *r.machine.State(r.index(in))
			events[k] = in.reconfigure(p)
			if p.conn != nil {
				old := in.conn
				in.conn = p.conn
				go in.read(in.conn, r)
				unused = append(unused, func() { _ = old.Close() })
			}
		}
		configs[k] = in.fsm
	}
	r.instances, r.config = instances, c
	for name, l := range links {
		r.links[name] = l
	}
	for _, in := range r.instances {
		r.findSource(in)
	}
	r.publish()
	r.machine = fsm.RestoreRouter(configs, states, groups)
	if len(instances) > 0 {
		r.last = instances[0]
	}
	r.carryOut(r.machine.Regroup(now), now)
	for k, p := range plans {
		if p.isNew {
			r.begin(k, now)
			continue
		}
		r.step(k, events[k], now)
		for _, id := range p.gone {
			r.step(k, fsm.FaultCleared{Kind: fsm.PendingScript, Name: id.Name, Text: "no longer tracked"}, now)
			r.step(k, fsm.FaultCleared{Kind: id.Kind, Name: id.Name, Text: "no longer tracked"}, now)
		}
		if p.links {
			p.in.flush(now)
			p.in.setLinks()
		}
		r.judgeLinks(k, now)
		r.step(k, fsm.PriorityChanged{Weights: p.in.sumWeights()}, now)
	}
	return unused
}

// reconfigure gives the instance its new configuration, and returns the event that tells its state machine.
func (in *instance) reconfigure(p *plan) fsm.Reconfigured {
	old, oldFSM := in.config, in.fsm
	in.config = p.config
	own := p.config.FSM
	in.fsm = &own
	p.codec.Inherit(in.codec)
	in.codec = p.codec
	for _, id := range old.tracked() {
		if !slices.Contains(p.config.tracked(), id) {
			delete(in.trackers, id)
			p.gone = append(p.gone, id)
		}
	}
	for _, v := range old.VMACs {
		if !slices.ContainsFunc(p.config.VMACs, func(n netif.VMAC) bool { return n.Name == v.Name }) {
			p.gone = append(p.gone, TrackerID{fsm.FaultInterface, v.Name})
		}
	}
	for _, name := range old.Needs {
		if !slices.Contains(p.config.Needs, name) {
			p.gone = append(p.gone, TrackerID{fsm.FaultInterface, name})
		}
	}
	before, after := old.all(), p.config.all()
	ev := fsm.Reconfigured{Old: oldFSM, Changed: !slices.Equal(before, after) || old.Lease != p.config.Lease}
	if !reflect.DeepEqual(old.Routes, p.config.Routes) || !reflect.DeepEqual(old.Rules, p.config.Rules) {
		// What is the same stays; the routes that are gone from the file must go from the machine.
		ev.Changed, in.dirtyRoutes = true, in.routed
	}
	for _, a := range after {
		if !slices.Contains(before, a) {
			ev.Added = true
		}
	}
	return ev
}

// tracked is everything that the instance tracks.
func (c *InstanceConfig) tracked() []TrackerID {
	all := slices.Clone(c.Tracked)
	for _, t := range c.TrackInterfaces {
		all = append(all, TrackerID{fsm.FaultTrackedInterface, t.Name})
	}
	return all
}
