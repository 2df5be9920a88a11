package vrrp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tandem/vrrp/fsm"
	"tandem/vrrp/netif"
	"tandem/vrrp/packet"
)

// Options are what a Router needs beside its configuration. The zero value is usable.
type Options struct {
	// Events is told everything that happens, in order, from one goroutine; it may wait. nil: nobody is told.
	Events func(Event)
	// Thread is called once on the loop's own OS thread before it starts, to set its scheduling (see [Scheduling]); nil:
	// nothing.
	Thread func() error
	// OwnWait makes the loop wait in the kernel, on its own thread, instead of with the Go runtime's timers.
	OwnWait bool
}

// Router runs VRRP instances. Its methods may be called by several goroutines.
type Router struct {
	kernel    Kernel
	announcer netif.Announcer
	unwatch   func()
	events    *mailbox[Event]
	told      chan struct{} // closed when the last event was told

	waiter  waiter
	calls   *mailbox[func()]
	packets chan arrival
	buffers chan *[bufferLen]byte
	ended   chan struct{} // closed when the loop has ended

	changing sync.Mutex // held by Stop, and from Prepare to Commit or Discard

	speakers atomic.Pointer[map[string]*speakers] // by instance

	// Below: the loop's own.
	instances []*instance
	config    Config
	machine   *fsm.Router
	links     map[string]*link
	bouncing  map[string]*time.Timer // interfaces whose change does not count yet
	last      *instance              // the last instance that an effect was about
	quit      bool
	stopping  chan struct{} // of a Stop under way
	late      lateness
	awaits    []*await
}

// bufferLen holds the longest advert: IPv4 and AH headers, 255 IPv6 addresses, and a trailer.
const bufferLen = 4352

// arrivals is how many received packets may wait for the loop.
const arrivals = 256

// arrival is a received packet on its way to the loop.
type arrival struct {
	in       *instance
	buf      *[bufferLen]byte
	datagram netif.Datagram
}

// Start begins to run a configuration. Addresses of it that a dead process left on the machine are removed first. The
// error names what cannot be had: a socket, a privilege, a setting that does not fit.
func Start(c Config, k Kernel, o Options) (*Router, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	announcer, err := k.Announcer()
	if err != nil {
		return nil, fmt.Errorf("vrrp: opening the announcer: %w", err)
	}
	r := &Router{
		kernel: k, announcer: announcer,
		events: newMailbox[Event](), told: make(chan struct{}),
		calls: newMailbox[func()](), packets: make(chan arrival, arrivals), buffers: make(chan *[bufferLen]byte, arrivals),
		ended: make(chan struct{}), links: map[string]*link{}, bouncing: map[string]*time.Timer{}, config: c,
	}
	r.waiter = newChannelWaiter()
	if o.OwnWait {
		w, err := newThreadWaiter()
		if err != nil {
			return nil, err
		}
		r.waiter = w
	}
	go r.tellAll(o.Events)
	fail := func(err error) (*Router, error) {
		for _, in := range r.instances {
			in.close()
		}
		r.closeShared()
		return nil, err
	}
	for i := range c.Instances {
		in, err := r.open(c.Instances[i], c.Firewall)
		if err != nil {
			return fail(err)
		}
		r.instances = append(r.instances, in)
	}
	r.readLinks()
	now := time.Now()
	groups, weights := c.groups()
	configs := make([]*fsm.Config, len(r.instances))
	for i, in := range r.instances {
		in.weights = weights[i]
		r.findSource(in)
		in.setLinks()
		in.holder.wait() // an owner of the addresses speaks at once
		configs[i] = in.fsm
	}
	r.publish()
	r.machine = fsm.NewRouter(configs, groups, now)
	if r.unwatch, err = k.Watch(r.linkChanged); err != nil {
		return fail(fmt.Errorf("vrrp: watching interfaces: %w", err))
	}
	for _, in := range r.instances {
		go in.read(in.conn, r)
	}
	r.post(func() {
		for i := range r.instances {
			r.begin(i, time.Now())
		}
	})
	go r.loop(o.Thread)
	return r, nil
}

// open gets what an instance needs: its codec, interfaces, socket and holder. Leftovers are removed.
func (r *Router) open(c InstanceConfig, firewall netif.FirewallConfig) (*instance, error) {
	in := &instance{config: c, trackers: map[TrackerID]Tracker{}}
	own := c.FSM
	in.fsm = &own
	var err error
	if in.codec, err = packet.NewCodec(c.Packet); err != nil {
		return nil, fmt.Errorf("vrrp: instance %s: %w", c.Name(), err)
	}
	holds, err := r.kernel.Hold(firewall)
	if err != nil {
		r.tell(Report{Text: "setting up the packet filter", Err: err, At: time.Now()})
	}
	_, foreign, err := holds.Addresses.Cleanup(c.all())
	if err != nil {
		_ = holds.Ear.Close()
		return nil, fmt.Errorf("vrrp: instance %s: removing leftovers: %w", c.Name(), err)
	}
	for _, a := range foreign {
		r.tell(Report{Instance: c.Name(), At: time.Now(),
			Text: fmt.Sprintf("the machine has the virtual address as %v on %s, which is not ours: it answers for it also as a backup", a.Prefix, a.Interface)})
	}
	if err := holds.Routes.Cleanup(c.Routes, c.Rules); err != nil {
		_ = holds.Ear.Close()
		return nil, fmt.Errorf("vrrp: instance %s: removing leftover routes: %w", c.Name(), err)
	}
	in.holder = newHolder(c.Name(), holds, r.announcer, func(e Report) {
		e.At = time.Now()
		r.tell(e)
	})
	in.ear = holds.Ear
	in.setLinks()
	in.holder.wait() // a socket is about to be bound to one of them
	if in.conn, err = r.kernel.OpenSocket(c.socket()); err != nil {
		in.closeHolder()
		return nil, fmt.Errorf("vrrp: instance %s: opening a socket on %s: %w", c.Name(), c.Interface, err)
	}
	return in, nil
}

// close lets go of what open got.
func (in *instance) close() {
	in.closeHolder()
	_ = in.conn.Close() // nothing is lost with it
}

// closeHolder ends the holder, and with it the interfaces that were made.
func (in *instance) closeHolder() {
	in.holder.filter(nil)
	in.holder.link(nil, nil)
	in.holder.close()
	<-in.holder.done
	_ = in.ear.Close() // nothing is lost with it
}

func (r *Router) closeShared() {
	r.waiter.close()
	if r.unwatch != nil {
		r.unwatch()
	}
	if c, ok := r.announcer.(io.Closer); ok {
		_ = c.Close() // what it still had to announce is void
	}
	r.events.close()
	<-r.told
}

// begin starts an instance: first what is known to stand against it, then the start itself.
func (r *Router) begin(i int, now time.Time) {
	in := r.instances[i]
	set := func(k fsm.FaultKind, name, text string) {
		r.step(i, fsm.FaultSet{Cause: fsm.Cause{Kind: k, Name: name, Text: text}}, now)
	}
	if in.config.Fault != "" {
		set(fsm.FaultConfig, "", in.config.Fault)
	}
	if in.config.AwaitHealth {
		set(fsm.PendingSelfProbe, "", "")
	}
	for _, name := range in.config.AwaitTrackers {
		set(fsm.PendingScript, name, "")
	}
	r.judgeLinks(i, now)
	r.step(i, fsm.Start{}, now)
}

// tell passes an event to the subscriber.
func (r *Router) tell(e Event) { r.events.put(e) }

func (r *Router) tellAll(f func(Event)) {
	defer close(r.told)
	r.events.serve(func(e Event) {
		if f != nil {
			f(e)
		}
	})
}

// post runs f on the loop, soon.
func (r *Router) post(f func()) {
	r.calls.put(f)
	r.waiter.wake()
}

// call runs f on the loop and waits for it. The error is ErrStopped, or ctx's if the loop does not get to it in time.
func (r *Router) call(ctx context.Context, f func()) error {
	done := make(chan struct{})
	r.post(func() { f(); close(done) })
	select {
	case <-done:
		return nil
	case <-r.ended:
		select {
		case <-done:
			return nil
		default:
			return ErrStopped
		}
	case <-ctx.Done():
		return fmt.Errorf("vrrp: the loop does not answer: %w", ctx.Err())
	}
}

// ErrStopped is returned when the router runs no longer.
var ErrStopped = errors.New("vrrp: stopped")

// Stop ends all instances: a master sends priority 0 and, if it is configured to, keeps the addresses until its
// successor is heard. When ctx is done it waits no longer for that, and lets go at once. The router is gone when Stop
// returns; ErrStopped means that it was before.
func (r *Router) Stop(ctx context.Context) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	select {
	case <-r.ended:
		return ErrStopped
	default:
	}
	r.post(func() { r.stepAll(fsm.Stop{}) })
	stopped := make(chan struct{})
	r.post(func() { r.whenStopped(stopped) })
	select {
	case <-stopped:
	case <-ctx.Done():
		r.post(func() { r.stepAll(fsm.Stop{Now: true}) })
		select {
		case <-stopped:
		case <-time.After(stopGrace):
			return errors.New("vrrp: the loop does not answer: its addresses are left to their lease")
		}
	}
	<-r.ended
	var wait sync.WaitGroup
	for _, in := range r.instances {
		wait.Go(in.close)
	}
	closed := make(chan struct{})
	go func() { wait.Wait(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(stopGrace):
		return errors.New("vrrp: the kernel does not answer: addresses may be left to their lease")
	}
	r.closeShared()
	return nil
}

// stopGrace is how long Stop waits for what should take no time.
const stopGrace = 2 * time.Second

// stepAll gives an event to every instance.
func (r *Router) stepAll(ev fsm.Event) {
	now := time.Now()
	for i := range r.instances {
		r.step(i, ev, now)
	}
}

// whenStopped closes stopped and ends the loop when all instances are stopped; until then it looks again after every
// turn of the loop.
func (r *Router) whenStopped(stopped chan struct{}) {
	for i := range r.instances {
		if r.machine.State(i).Role != fsm.Stopped {
			r.stopping = stopped
			return
		}
	}
	r.quit = true
	close(stopped)
}

// SetHealth tells what the self-probe says about the web side behind an instance; "" is all instances. The first good
// one lets an instance with AwaitHealth begin.
func (r *Router) SetHealth(name string, h Health) {
	r.each(name, func(i int, now time.Time) {
		in := r.instances[i]
		in.health = h
		switch {
		case h.OK:
			in.judged = true
			r.step(i, fsm.FaultCleared{Kind: fsm.PendingSelfProbe, Text: h.Text}, now)
			r.step(i, fsm.FaultCleared{Kind: fsm.FaultSelfProbe, Text: h.Text}, now)
			r.step(i, fsm.SelfOK{}, now)
		case !in.judged && in.config.AwaitHealth:
			// Still waiting for the first good one.
		case in.config.Release:
			r.step(i, fsm.FaultSet{Cause: fsm.Cause{Kind: fsm.FaultSelfProbe, Text: h.Text}}, now)
		default:
			r.step(i, fsm.Resign{Text: h.Text, Alone: h.Alone && !r.grouped(in)}, now)
		}
	})
}

// grouped says whether the instance is in a sync group, whose members move together.
func (r *Router) grouped(in *instance) bool {
	for _, g := range r.config.Groups {
		if slices.Contains(g.Members, in.config.Name()) {
			return true
		}
	}
	return false
}

// SetTracker tells the result of something that an instance tracks. The first result of one of AwaitTrackers lets
// the instance begin.
func (r *Router) SetTracker(name string, t Tracker) {
	r.each(name, func(i int, now time.Time) { r.track(i, t, now) })
}

func (r *Router) track(i int, t Tracker, now time.Time) {
	in := r.instances[i]
	in.trackers[TrackerID{t.Kind, t.Name}] = t
	if t.Fault {
		r.step(i, fsm.FaultSet{Cause: fsm.Cause{Kind: t.Kind, Name: t.Name, Text: t.Text}}, now)
	}
	r.step(i, fsm.FaultCleared{Kind: fsm.PendingScript, Name: t.Name, Text: t.Text}, now)
	if !t.Fault {
		r.step(i, fsm.FaultCleared{Kind: t.Kind, Name: t.Name, Text: t.Text}, now)
	}
	r.step(i, fsm.PriorityChanged{Weights: in.sumWeights()}, now)
}

// Demote makes an instance hand over and stay up with the lowest priority, until Promote; "" is all instances.
func (r *Router) Demote(name string) { r.event(name, fsm.Demote{}) }

// Promote ends a demotion, and takes over from a master of lower priority.
func (r *Router) Promote(name string) { r.event(name, fsm.Promote{}) }

// HandOver makes a master say good-bye to a node that waits for it; "" is all instances. Unlike Demote it is over with
// that, and when nobody takes over nothing has happened.
func (r *Router) HandOver(name string) { r.event(name, fsm.HandOver{}) }

// TakeOver relieves a master that has asked for it.
func (r *Router) TakeOver(name string, master netip.Addr) {
	r.event(name, fsm.TakeOver{Source: master})
}

// SetLinked tells whether the process that sends adverts from source can be asked to hand over. When it is to be
// preempted, HandoverWanted is told instead.
func (r *Router) SetLinked(name string, source netip.Addr, on bool) {
	r.event(name, fsm.Linked{Source: source, On: on})
}

// PeerGone says that the process of a master is proven dead, or taken for dead by what the operator trusts. others are the nodes that might take over as well; text is
// for the log.
func (r *Router) PeerGone(name string, source netip.Addr, others []netip.Addr, text string) {
	r.each(name, func(i int, now time.Time) {
		r.step(i, fsm.PeerGone{Source: source, Best: r.best(r.instances[i], others), Text: text}, now)
	})
}

// best says whether none of the nodes is known to win against ours, or is unknown.
func (r *Router) best(in *instance, others []netip.Addr) bool {
	own := r.priority(in)
	for _, a := range others {
		if a == in.source() {
			continue
		}
		// Of equal priorities the higher address wins (RFC 9568, 6.4.3).
		s, ok := in.speakers.find(a)
		if !ok || s.Priority > own || s.Priority == own && in.source().Less(a) {
			return false
		}
	}
	return true
}

func (r *Router) event(name string, ev fsm.Event) {
	r.each(name, func(i int, now time.Time) { r.step(i, ev, now) })
}

// each runs f on the loop for the named instance, or for all if name is "".
func (r *Router) each(name string, f func(i int, now time.Time)) {
	r.post(func() {
		now := time.Now()
		for i, in := range r.instances {
			if name == "" || in.config.Name() == name {
				f(i, now)
			}
		}
	})
}

// buffer returns a buffer for a received packet.
func (r *Router) buffer() *[bufferLen]byte {
	select {
	case b := <-r.buffers:
		return b
	default:
		return new([bufferLen]byte)
	}
}

func (r *Router) release(b *[bufferLen]byte) {
	select {
	case r.buffers <- b:
	default:
	}
}
