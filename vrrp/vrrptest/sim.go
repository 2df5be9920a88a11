package vrrptest

import (
	"container/heap"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"time"

	"tandem/vrrp/fsm"
	"tandem/vrrp/packet"
)

// Network is what a simulated LAN does to packets. The zero value delivers all of them at once.
type Network struct {
	// Delay is the shortest and Jitter the longest additional time that a packet takes; different jitter reorders.
	Delay, Jitter time.Duration
	// Loss and Double are the probabilities that a packet is lost, and that it arrives twice.
	Loss, Double float64
}

// healthy says whether everything that is sent arrives, once and soon.
func (n Network) healthy() bool { return n.Loss == 0 && n.Delay+n.Jitter <= healthyDelay }

// healthyDelay is how long a packet takes at most on a LAN that deserves the name; timerLate how late a timer fires at
// most on a host that does.
const (
	healthyDelay = 5 * time.Millisecond
	timerLate    = 2 * time.Millisecond
)

// Sim is a simulation of hosts that speak VRRP on one or more LANs. It has its own clock; with the same seed and the
// same calls it does the same. Every step of every state machine is checked (see check.go).
type Sim struct {
	rng   *rand.Rand
	trace io.Writer
	now   time.Duration // since the begin
	steps int           // steps of state machines so far
	queue eventQueue
	seq   uint64

	nodes []*Node
	lans  int
	net   Network
	// split is the partition that each node is in; packets stay in it.
	split []int
	check checker
}

// epoch is the time of a simulation's begin.
var epoch = time.Unix(1_000_000, 0)

// NewSim returns a simulation without hosts. trace gets a line for everything that happens; nil: none.
func NewSim(seed uint64, lans int, trace io.Writer) *Sim {
	s := &Sim{rng: rand.New(rand.NewPCG(seed, 0x7ead)), lans: lans, trace: trace}
	s.check.init(s)
	return s
}

// Violation is the first property that did not hold, "" if all did.
func (s *Sim) Violation() string { return s.check.violation }

// Node is a simulated host with one instance on each LAN; with more than one they are a sync group.
type Node struct {
	Name string

	sim     *Sim
	index   int
	configs []*fsm.Config
	router  *fsm.Router // nil: not running
	lease   time.Duration

	offset  time.Duration // how far its clock has jumped
	frozen  bool          // the process does not run
	waiting []queuedAdvert
	version int // of the armed timer; older ones are void

	holds     []bool          // by LAN: the kernel has the addresses
	leaseEnds []time.Duration // by LAN: when the kernel removes them by itself; 0: the process renews them
	lost      []bool          // by LAN: the kernel removed them while the process was frozen
	disturbed time.Duration   // the last time its clock or process was disturbed, or it was started
}

type queuedAdvert struct {
	lan int
	adv fsm.Advert
}

// Node adds a host that does not run yet. The configurations are one per LAN, with Source filled in here.
func (s *Sim) Node(name string, lease time.Duration, configs ...fsm.Config) *Node {
	n := &Node{Name: name, sim: s, index: len(s.nodes), lease: lease,
		holds: make([]bool, s.lans), leaseEnds: make([]time.Duration, s.lans), lost: make([]bool, s.lans)}
	for lan := range configs {
		c := configs[lan]
		c.Source = netip.AddrFrom4([4]byte{192, 0, byte(2 + lan), byte(n.index + 1)})
		n.configs = append(n.configs, &c)
	}
	s.nodes = append(s.nodes, n)
	s.split = append(s.split, 0)
	return n
}

func (s *Sim) printf(format string, args ...any) {
	if s.trace != nil {
		fmt.Fprintf(s.trace, "%9.3fs %s\n", s.now.Seconds(), fmt.Sprintf(format, args...))
	}
}

// event is something that will happen at a time.
type event struct {
	at  time.Duration
	seq uint64
	do  func()
}

type eventQueue []event

func (q eventQueue) Len() int { return len(q) }
func (q eventQueue) Less(a, b int) bool {
	return q[a].at < q[b].at || q[a].at == q[b].at && q[a].seq < q[b].seq
}
func (q eventQueue) Swap(a, b int) { q[a], q[b] = q[b], q[a] }
func (q *eventQueue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *eventQueue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = event{}
	*q = old[:len(old)-1]
	return e
}

// after plans f.
func (s *Sim) after(d time.Duration, f func()) {
	s.seq++
	heap.Push(&s.queue, event{at: s.now + d, seq: s.seq, do: f})
}

// Run lets time pass, or stops at the first violation.
func (s *Sim) Run(d time.Duration) {
	end := s.now + d
	for len(s.queue) > 0 && s.queue[0].at <= end && s.check.violation == "" {
		e := heap.Pop(&s.queue).(event)
		s.now = e.at
		e.do()
		s.check.all()
	}
	s.now = max(s.now, end)
	if s.check.violation == "" {
		s.check.all()
	}
}

// clock is the node's own time.
func (n *Node) clock() time.Time { return epoch.Add(n.sim.now + n.offset) }

// running says whether the process is there and runs.
func (n *Node) running() bool { return n.router != nil && !n.frozen }

// Start starts the process.
func (n *Node) Start() {
	n.StartPending()
	if n.router != nil {
		n.each(fsm.Start{})
	}
}

// StartPending makes a process whose instances are not started yet.
func (n *Node) StartPending() {
	if n.router != nil {
		return
	}
	n.sim.printf("%s: process starts", n.Name)
	var groups []fsm.Group
	if len(n.configs) > 1 {
		g := fsm.Group{Name: "G"}
		for i := range n.configs {
			g.Members = append(g.Members, i)
		}
		groups = []fsm.Group{g}
	}
	n.router = fsm.NewRouter(n.configs, groups, n.clock())
	n.frozen, n.waiting, n.disturbed = false, nil, n.sim.now
	for lan := range n.holds {
		n.holds[lan], n.leaseEnds[lan], n.lost[lan] = false, 0, false // leftovers are removed at start
	}
}

// Kill ends the process without a word; the kernel keeps the addresses until their lease ends.
func (n *Node) Kill() {
	if n.router == nil {
		return
	}
	n.sim.printf("%s: killed", n.Name)
	n.router, n.frozen, n.waiting = nil, false, nil
	n.version++
	n.leaveToLease()
}

// leaveToLease is what becomes of the addresses when the process renews them no longer.
func (n *Node) leaveToLease() {
	for lan, held := range n.holds {
		if !held || n.leaseEnds[lan] > 0 {
			continue
		}
		rest := n.lease - time.Duration(n.sim.rng.Int64N(int64(n.lease/3)+1))
		ends := n.sim.now + rest
		n.leaseEnds[lan] = ends
		n.sim.after(rest, func() {
			if n.holds[lan] && n.leaseEnds[lan] == ends {
				n.sim.printf("%s: lease on LAN %d ends", n.Name, lan)
				n.holds[lan], n.lost[lan] = false, n.router != nil
			}
		})
	}
}

// Freeze stops the process (SIGSTOP); what arrives waits in its sockets.
func (n *Node) Freeze() {
	if n.running() {
		n.sim.printf("%s: frozen", n.Name)
		n.frozen, n.disturbed = true, n.sim.now
		n.version++
		n.leaveToLease()
	}
}

// Thaw lets it run again: first it notices that its leases have ended, then it reads what has arrived, and then its
// timers are late.
func (n *Node) Thaw() {
	if n.router == nil || !n.frozen {
		return
	}
	n.sim.printf("%s: thawed", n.Name)
	n.frozen, n.disturbed = false, n.sim.now
	waiting := n.waiting
	n.waiting = nil
	for lan := range n.leaseEnds {
		n.leaseEnds[lan] = 0
	}
	for lan, lost := range n.lost {
		if n.lost[lan] = false; lost {
			n.step(lan, fsm.AddressLost{Address: netip.AddrFrom4([4]byte{192, 0, byte(2 + lan), 254}), Text: "has lost its lease"})
		}
	}
	for _, q := range waiting {
		n.step(q.lan, q.adv)
	}
	n.tick()
}

// Jump moves the node's clock forward.
func (n *Node) Jump(d time.Duration) {
	n.sim.printf("%s: clock jumps by %v", n.Name, d)
	n.offset += d
	n.disturbed = n.sim.now
	n.arm()
}

// each gives an event to all instances of the node.
func (n *Node) each(ev fsm.Event) {
	for lan := range n.configs {
		n.Step(lan, ev)
	}
}

// Step gives an event to the instance on a LAN, if the process runs.
func (n *Node) Step(lan int, ev fsm.Event) {
	if n.running() {
		n.sim.printf("%s: %d: %v", n.Name, lan, ev)
		n.step(lan, ev)
	}
}

func (n *Node) step(lan int, ev fsm.Event) {
	if n.router == nil {
		return
	}
	switch ev.(type) {
	case fsm.PriorityChanged, fsm.Resign, fsm.SelfOK, fsm.Demote, fsm.Promote:
		n.sim.check.election = n.sim.now
	}
	n.sim.steps++
	n.carryOut(n.router.Step(lan, ev, n.clock()))
	n.arm()
}

func (n *Node) tick() {
	if !n.running() {
		return
	}
	n.sim.steps++
	n.carryOut(n.router.Tick(n.clock()))
	n.arm()
}

// arm plans the node's next timer, which fires a little late.
func (n *Node) arm() {
	if n.router == nil {
		return
	}
	n.version++
	at, ok := n.router.Deadline()
	if !ok {
		return
	}
	version := n.version
	wait := max(at.Sub(n.clock()), 0)
	if n.sim.net.Jitter > 0 {
		wait += time.Duration(n.sim.rng.Int64N(int64(timerLate)))
	}
	n.sim.after(wait, func() {
		if n.version == version {
			n.tick()
		}
	})
}

// carryOut does what the state machines decided.
func (n *Node) carryOut(effects []fsm.Effect) {
	s := n.sim
	s.check.batch(n, effects)
	for _, e := range effects {
		if e.Instance < 0 {
			continue
		}
		lan, a := e.Instance, e.Action
		switch a.Kind {
		case fsm.Advertise:
			s.send(n, lan, a.Priority)
		case fsm.AddAddresses:
			n.holds[lan], n.leaseEnds[lan], n.lost[lan] = true, 0, false
		case fsm.RemoveAddresses:
			n.holds[lan], n.leaseEnds[lan], n.lost[lan] = false, 0, false
		case fsm.Notify:
			s.printf("%s: %d: %v -> %v, priority %d: %s", n.Name, lan, a.From, a.To, a.Priority, a.Reason)
		case fsm.Log:
			s.printf("%s: %d: %s", n.Name, lan, a.Reason.Text)
		}
	}
	if n.allStopped() {
		s.printf("%s: process ends", n.Name)
		n.router = nil
		n.version++
	}
}

func (n *Node) allStopped() bool {
	for lan := range n.configs {
		if n.router.State(lan).Role != fsm.Stopped {
			return false
		}
	}
	return true
}

// send puts an advert on a LAN.
func (s *Sim) send(from *Node, lan int, priority uint8) {
	c := from.configs[lan]
	adv := fsm.Advert{Source: c.Source, Priority: priority, Interval: c.Interval}
	if s.trace != nil && priority == 0 {
		s.printf("%s: %d: advert with priority 0", from.Name, lan)
	}
	for _, to := range s.nodes {
		if to == from || s.split[to.index] != s.split[from.index] {
			continue
		}
		copies := 1
		if s.net.Loss > 0 && s.rng.Float64() < s.net.Loss {
			copies = 0
		} else if s.net.Double > 0 && s.rng.Float64() < s.net.Double {
			copies = 2
		}
		for range copies {
			delay := s.net.Delay
			if s.net.Jitter > 0 {
				delay += time.Duration(s.rng.Int64N(int64(s.net.Jitter)))
			}
			s.after(delay, func() { to.hear(lan, adv) })
		}
	}
}

// socketQueue is how many packets wait for a frozen process.
const socketQueue = 64

func (n *Node) hear(lan int, adv fsm.Advert) {
	switch {
	case n.router == nil:
	case n.frozen:
		if len(n.waiting) < socketQueue {
			n.waiting = append(n.waiting, queuedAdvert{lan, adv})
		}
	case n.configs[lan].Version == packet.V2 && adv.Interval != n.configs[lan].Interval:
		// The decoder drops it.
	default:
		n.step(lan, adv)
	}
}

// SetNetwork changes what the LANs do to packets.
func (s *Sim) SetNetwork(n Network) {
	s.printf("network: delay %v + %v, loss %.0f%%, double %.0f%%", n.Delay, n.Jitter, n.Loss*100, n.Double*100)
	s.check.disturb()
	s.net = n
}

// Partition puts each node into a partition, by number; nodes that are not named are in 0.
func (s *Sim) Partition(split map[*Node]int) {
	for _, n := range s.nodes {
		s.split[n.index] = split[n]
	}
	s.printf("partition: %v", s.split)
	s.check.disturb()
}

// whole says whether all nodes hear each other.
func (s *Sim) whole() bool {
	for _, p := range s.split {
		if p != s.split[0] {
			return false
		}
	}
	return true
}
