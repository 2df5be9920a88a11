// Package handover moves virtual addresses from a master that serves to a
// backup that will, without breaking a connection: when the master is stopped or
// demoted, and when a backup of higher priority wants them.
//
// Between two nodes with tandem it goes like this, over the peer link:
//
//  1. The master lets each response to the addresses say that its connection
//     ends, and asks the successor to prepare.
//  2. The successor takes the addresses on its loopback interface, where they
//     are served but nobody is told of them, and says so.
//  3. The master sends new connections on to the successor (package detour) and
//     waits until its own have ended.
//  4. The master says good-bye with priority 0, and to the successor that it
//     take over, which becomes master at once and announces itself.
//  5. The master hears it and lets go of the addresses.
//
// With a successor that cannot do that (keepalived), the master ends the
// connections that it has, says good-bye, serves until the successor's advert,
// and a moment longer. Every wait has its bound; what is left then is cut.
package handover

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"tandem/vrrp"
	"tandem/vrrp/detour"
	"tandem/vrrp/fsm"
	"tandem/vrrp/netif"
	"tandem/vrrp/peerlink"
)

// Web is the node's HTTP side.
type Web interface {
	// Drain lets each response on a connection to one of the addresses say
	// that it is the last; no addresses ends that.
	Drain(addresses []netip.Addr)
	// EndIdle closes drained connections that wait for another request.
	EndIdle()
	// Silent counts the drained connections on which nothing was ever asked
	// for that long, and closes them if it is told to.
	Silent(since time.Duration, end bool) int
	// Cut closes the connections to addresses that the node no longer has.
	Cut(addresses []netip.Addr)
	// Listeners are the sockets that connections come in by.
	Listeners() []detour.Listener
}

// Instance is what there is to know of a VRRP instance.
type Instance struct {
	Name      string
	Addresses []netif.Address // the virtual ones, excluded ones included
	// Bound is how long the connections of a planned switch may take
	// (drain_timeout); 0: no time at all.
	Bound time.Duration
	// Plain: its addresses are on an ordinary Ethernet interface with that
	// interface's own hardware address.
	Plain bool
}

// Router is the VRRP side; *vrrp.Router.
type Router interface {
	Status(context.Context) (vrrp.Status, error)
	Await(ctx context.Context, wanted func(vrrp.Status) bool) (vrrp.Status, error)
	SetLinked(instance string, master netip.Addr, on bool)
	HandOver(instance string)
	// Speaker returns what a node says of itself in VRRP: over the link it may
	// say what it likes.
	Speaker(instance string, a netip.Addr) (vrrp.Speaker, bool)
	TakeOver(instance string, master netip.Addr)
}

// Link is the conversation with the peers; *peerlink.Link.
type Link interface {
	Sessions() []peerlink.Session
	Send(instance string, to netip.Addr, h peerlink.Handover) error
}

// Kernel is what is needed of the machine; *netif.Stack.
type Kernel interface {
	Interface(name string) (netif.Interface, error)
	Addresses() netif.Addresses
	ARPSettings(iface string) (netif.ARPSettings, error)
	SetARPSettings(iface string, a netif.ARPSettings) error
}

// Config is what a Handover works with.
type Config struct {
	Router Router
	Link   Link
	Kernel Kernel
	Web    Web
	// Leftovers is the file that says what CleanUp is to undo.
	Leftovers string
	// Log is told what happens, a line each; it must not wait.
	Log func(instance, text string)
	// Privileged calls a function with the rights to open sockets for others
	// and to write files.
	Privileged func(func())

	// Redirect and Connections are detour's.
	Redirect    func(detour.Config) (Detour, error)
	Connections func([]netip.Addr, []detour.Listener) (map[detour.Flow]bool, error)
}

// Detour sends new connections on; *detour.Detour.
type Detour interface {
	Forwarded() uint64
	Close()
}

// Handover is a node's part in handing addresses over, in both directions. Its
// methods may be called by several goroutines.
type Handover struct {
	c Config

	mu        sync.Mutex
	instances map[string]Instance
	asks      map[string]netip.Addr   // backups that want to be master, by instance
	waiting   map[string]chan answer  // for a successor's answer, by instance
	prepared  map[string]*preparation // what this node holds without telling, by instance
	silenced  map[string]*silence     // interfaces that tell nobody
	away      context.CancelFunc      // ends the Away under way; nil without
	ended     chan struct{}           // closed when that has ended
	counts    Counts
}

// Counts is how the handovers of this node have ended, and how long the steps of
// the last one took that has led somewhere.
type Counts struct {
	Done, Failed           uint64 // instances
	Prepare, Drain, Relief time.Duration
}

// Counts returns the counts since the start.
func (h *Handover) Counts() Counts {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.counts
}

// answer is what a successor said.
type answer struct {
	from netip.Addr
	said peerlink.Handover
}

// New returns a Handover without instances.
func New(c Config) *Handover {
	return &Handover{c: c, instances: map[string]Instance{}, asks: map[string]netip.Addr{}, waiting: map[string]chan answer{},
		prepared: map[string]*preparation{}, silenced: map[string]*silence{}}
}

// Configure sets the instances, in place of those before.
func (h *Handover) Configure(list []Instance) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.instances = map[string]Instance{}
	for _, i := range list {
		h.instances[i.Name] = i
	}
}

// Close ends what is under way and what this node holds without telling.
func (h *Handover) Close() {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	h.await(ended)
	h.mu.Lock()
	var names []string
	for name := range h.prepared {
		names = append(names, name)
	}
	h.mu.Unlock()
	for _, name := range names {
		h.unprepare(name)
	}
}

// Heard takes up what another node has said; peerlink.Events.Handover.
func (h *Handover) Heard(instance string, from netip.Addr, said peerlink.Handover) {
	switch said.Step {
	case peerlink.Ask:
		go h.asked(instance, from)
	case peerlink.Refuse:
		h.c.Log(instance, from.String()+" does not hand over: "+said.Text)
		h.c.Router.SetLinked(instance, from, false)
	case peerlink.Prepare:
		go h.prepare(instance, from, time.Duration(max(0, min(said.Bound, maxBound.Milliseconds())))*time.Millisecond)
	case peerlink.Ready, peerlink.Unable:
		h.mu.Lock()
		waiting := h.waiting[instance]
		h.mu.Unlock()
		select {
		case waiting <- answer{from, said}:
		default: // nobody waits, or one has answered already
		}
	case peerlink.Take:
		h.c.Router.TakeOver(instance, from)
	case peerlink.Cancel:
		go h.unprepare(instance)
	}
}

// Event follows what happens in VRRP: a backup that prepared itself has become
// master, or can no longer; a master is to be asked.
func (h *Handover) Event(e vrrp.Event) {
	switch e := e.(type) {
	case vrrp.Transition:
		if e.To == fsm.Master {
			go h.arrived(e.Instance)
		} else {
			go h.unprepare(e.Instance)
		}
		if e.From == fsm.Master && e.To != fsm.Master {
			go h.cut(e.Instance)
		}
		if e.From == fsm.Master && e.To != fsm.Master && inNeed(e.Reason.Code) {
			go h.callForHelp(e.Instance)
		}
	case vrrp.PriorityChange:
		// It resigns, and keeps the addresses until somebody takes over.
		if e.Role == fsm.Master && e.Priority == fsm.PriorityLow {
			go h.callForHelp(e.Instance)
		}
	case vrrp.HandoverWanted:
		if err := h.c.Link.Send(e.Instance, e.Master, peerlink.Handover{Step: peerlink.Ask}); err != nil {
			h.c.Router.SetLinked(e.Instance, e.Master, false)
		}
	}
}

// cut ends the connections to addresses that another node has now: whatever
// their clients send goes there.
func (h *Handover) cut(instance string) {
	i, ok := h.instance(instance)
	if s, _ := h.status(context.Background(), instance); ok && s.Role != fsm.Master {
		h.c.Web.Cut((&leg{Instance: i}).addrs())
	}
}

// inNeed reports whether a master lets go because it cannot serve. The others
// have heard priority 0, and wait for their skew times.
func inNeed(c fsm.Code) bool {
	return c == fsm.ByResign || c == fsm.ByFault || c == fsm.ByAddressLost
}

// callForHelp has the best backup take over at once from a node that has said
// good-bye.
func (h *Handover) callForHelp(instance string) {
	s, ok := h.status(context.Background(), instance)
	if !ok || s.Role == fsm.Master && !s.Leaving {
		return
	}
	if p, ok := h.best(instance); ok {
		_ = h.c.Link.Send(instance, p.Addr, peerlink.Handover{Step: peerlink.Take}) // VRRP's own timers hold without it
	}
}

// instance returns what is known of an instance.
func (h *Handover) instance(name string) (Instance, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i, ok := h.instances[name]
	return i, ok
}

// Preparing reports whether this node holds an instance's addresses without
// telling anybody.
func (h *Handover) Preparing(instance string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.prepared[instance] != nil
}

// statusLimit bounds a question to the VRRP loop.
const statusLimit = time.Second

// now returns the state of everything.
func (h *Handover) now() (vrrp.Status, error) {
	ctx, cancel := context.WithTimeout(context.Background(), statusLimit)
	defer cancel()
	return h.c.Router.Status(ctx)
}

// status returns the state of one instance; ok is false if there is none.
func (h *Handover) status(ctx context.Context, name string) (i vrrp.InstanceStatus, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, statusLimit)
	defer cancel()
	s, err := h.c.Router.Status(ctx)
	if err != nil {
		return i, false
	}
	for _, i := range s.Instances {
		if i.Name == name {
			return i, true
		}
	}
	return i, false
}
