package vrrp

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"tandem/vrrp/fsm"
	"tandem/vrrp/packet"
)

// drainMost is how many received packets are taken before the timers are looked at again: a flood must not hold up
// our own adverts.
const drainMost = 64

// loop decides everything. Packets that have arrived are taken before the timers: after a pause, what was said in it
// counts before what was not.
func (r *Router) loop(thread func() error) {
	defer close(r.ended)
	runtime.LockOSThread()
	if thread == nil {
		defer runtime.UnlockOSThread()
	} else if err := thread(); err != nil {
		// A thread whose scheduling was changed ends with the loop: it is never unlocked.
		r.tell(Report{Text: "scheduling of the VRRP thread: " + err.Error(), At: time.Now()})
	}
	for {
		calls, _ := r.calls.take()
		for _, f := range calls {
			f()
		}
		r.lapse(time.Now())
		for range drainMost {
			select {
			case p := <-r.packets:
				r.receive(p)
				continue
			default:
			}
			break
		}
		r.tick()
		r.answer()
		if r.stopping != nil {
			r.whenStopped(r.stopping)
		}
		if r.quit {
			return
		}
		if len(r.packets) > 0 {
			continue
		}
		r.waiter.wait(r.next())
	}
}

// tick does what is due.
func (r *Router) tick() {
	now := time.Now()
	if at, ok := r.machine.Deadline(); ok && !at.After(now) {
		r.late.add(now.Sub(at))
	}
	r.carryOut(r.machine.Tick(now), now)
	r.renew(now)
}

// next is when the loop has something to do without being woken; zero: never.
func (r *Router) next() time.Time {
	at, _ := r.machine.Deadline()
	for _, in := range r.instances {
		if !in.refresh.IsZero() && (at.IsZero() || in.refresh.Before(at)) {
			at = in.refresh
		}
	}
	return at
}

// receive judges a packet and gives it to the instance's state machine.
func (r *Router) receive(p arrival) {
	defer r.release(p.buf)
	in, now := p.in, time.Now()
	i := r.index(in)
	if i < 0 {
		return // the instance was removed meanwhile
	}
	state := r.machine.State(i)
	if state.Role != fsm.Backup && state.Role != fsm.Master {
		return // FAULT and INIT ignore adverts
	}
	d := p.datagram
	adv, err := in.codec.Parse(d.Data, packet.Meta{Src: d.Src, Dst: d.Dst, HopLimit: d.HopLimit}, now)
	if err != nil {
		r.dropped(in, err, now)
		return
	}
	in.speakers.heard(&adv, now)
	if adv.Introduction {
		return
	}
	in.counters.received++
	if adv.Priority == packet.PriorityStop {
		in.counters.receivedZero++
	}
	if news := adv.Differs &^ in.differs; news != 0 {
		in.differs |= news
		r.tell(Differs{Instance: in.config.Name(), Advert: adv, Text: in.differenceText(adv, news, d.Data), At: now})
	}
	role, master := state.Role, state.Master
	r.step(i, fsm.Advert{Source: adv.Source, Priority: adv.Priority, Interval: adv.Interval}, now)
	after := r.machine.State(i).Role
	backup := after == fsm.Backup
	if role == fsm.Master && after == fsm.Master && adv.Priority != packet.PriorityStop {
		in.rivalHeard(adv.Source, fmt.Sprintf("it goes on with priority %d, and ours is %d: it seems not to hear us", adv.Priority, r.priority(in)), now)
	}
	if backup && (role != fsm.Backup || master != adv.Source) {
		in.masterSince = now
	}
	// The master is news after every change of role, also if it is the same as before.
	if fresh := in.toldMaster != adv.Source || in.toldPriority != adv.Priority; backup && adv.Priority != packet.PriorityStop && fresh {
		in.toldMaster, in.toldPriority = adv.Source, adv.Priority
		r.tell(Heard{Instance: in.config.Name(), Advert: adv, At: now})
	}
}

func (r *Router) dropped(in *instance, err error, now time.Time) {
	var d *packet.Drop
	if !errors.As(err, &d) {
		panic("vrrp: " + err.Error())
	}
	in.counters.dropped[d.Check]++
	if r.machine.State(r.index(in)).Role == fsm.Master && d.Source.IsValid() && !d.Check.Silent() {
		in.rivalHeard(d.Source, "its adverts are dropped: "+d.Text, now)
	}
	if !in.told[d.Check] && !d.Check.Silent() {
		in.told[d.Check] = true
		r.tell(Dropped{Instance: in.config.Name(), Drop: d, At: now})
	}
}

func (r *Router) index(in *instance) int {
	for i, x := range r.instances {
		if x == in {
			return i
		}
	}
	return -1
}

// step gives an instance an event and carries out what follows.
func (r *Router) step(i int, ev fsm.Event, now time.Time) {
	r.carryOut(r.machine.Step(i, ev, now), now)
}

// carryOut does what the state machines decided, in their order: adverts at once, everything else by the instance's
// holder. The machine is told once about addresses that follow one another.
func (r *Router) carryOut(effects []fsm.Effect, now time.Time) {
	for _, e := range effects {
		if e.Instance < 0 {
			r.groupMoved(e, now)
			continue
		}
		in := r.instances[e.Instance]
		r.last = in
		r.carryOutOne(in, e.Action, now)
	}
}

func (r *Router) carryOutOne(in *instance, a fsm.Action, now time.Time) {
	switch a.Kind {
	case fsm.AddAddresses, fsm.AddExcluded:
		if a.Kind == fsm.AddAddresses {
			in.desired = in.desired[:0:0]
			in.desired = append(in.desired, in.config.Addresses...)
		} else {
			in.desired = append(in.desired, in.config.Excluded...)
		}
		in.dirty = true
		return
	case fsm.RemoveAddresses, fsm.RemoveExcluded:
		in.desired, in.dirty = nil, true
		return
	case fsm.AddRoutes, fsm.AddRules, fsm.RemoveRules, fsm.RemoveRoutes:
		// The holder knows their order.
		in.routed = a.Kind == fsm.AddRoutes || a.Kind == fsm.AddRules
		in.dirtyRoutes = in.dirtyRoutes || len(in.config.Routes) > 0 || len(in.config.Rules) > 0
		return
	}
	in.flush(now)
	name := in.config.Name()
	switch a.Kind {
	case fsm.Advertise:
		// A good-bye that fails because the link is down is no news.
		if err := in.send(a.Priority, now); err != nil && !in.toldSend && a.Priority != packet.PriorityStop {
			in.toldSend = true
			r.tell(Report{Instance: name, Text: "sending an advert", Err: err, At: now})
		}
	case fsm.Filter:
		in.holder.filter(in.config.all())
	case fsm.Unfilter:
		in.holder.filter(nil)
	case fsm.Announce:
		in.holder.announce(&in.config, a.Repeat, a.Extra)
	case fsm.CancelAnnounce:
		in.holder.withdraw(&in.config)
	case fsm.Linger:
		in.holder.pause(in.fsm.Linger)
	case fsm.AskHandover:
		// The master believes nothing but VRRP of who would win.
		r.introduce(r.index(in), now)
		r.tell(HandoverWanted{Instance: name, Master: r.machine.State(r.index(in)).Master, At: now})
	case fsm.Notify:
		r.moved(in, a, now)
	case fsm.NotifyPriority:
		r.tell(PriorityChange{Instance: name, Role: r.machine.State(r.index(in)).Role, Priority: a.Priority, At: now})
	case fsm.NotifyLower:
		r.tell(LowerHeard{Instance: name, Priority: r.priority(in), Reason: a.Reason, At: now})
	case fsm.Log:
		r.tell(Report{Instance: name, Text: a.Reason.Text, At: now})
	}
}

// flush tells the holder what to hold: addresses before routes, which may depend on them, and when they go, routes
// first.
func (in *instance) flush(now time.Time) {
	if in.dirtyRoutes && !in.routed {
		in.dirtyRoutes = false
		in.holder.route(nil, nil)
	}
	if in.dirty {
		in.dirty = false
		in.holder.set(in.desired, in.config.Lease)
		in.holding(now)
	}
	if in.dirtyRoutes {
		in.dirtyRoutes = false
		in.holder.route(in.config.Routes, in.config.Rules)
	}
}

// moved tells a change of role, behind what the machine has to do for it: a notify script finds the addresses set.
func (r *Router) moved(in *instance, a fsm.Action, now time.Time) {
	in.forget()
	if a.To == fsm.Master {
		in.counters.becameMaster++
		r.lookForUnheard(in)
	}
	if a.From == fsm.Master {
		in.counters.releasedMaster++
	}
	e := Transition{Instance: in.config.Name(), From: a.From, To: a.To, Priority: a.Priority, Source: in.source(), Reason: a.Reason, At: now, Deleted: in.deleted}
	in.holder.then(func() { r.tell(e) })
}

// groupMoved tells a sync group's change of role, behind that of its last member.
func (r *Router) groupMoved(e fsm.Effect, now time.Time) {
	event := GroupTransition{Group: r.config.Groups[e.Group].Name, From: e.Action.From, To: e.Action.To, Reason: e.Action.Reason, At: now}
	r.last.holder.then(func() { r.tell(event) })
}

func (r *Router) priority(in *instance) uint8 {
	i := r.index(in)
	return r.machine.Config(i).Effective(r.machine.State(i))
}
