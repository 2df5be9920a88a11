package vrrptest

import (
	"fmt"
	"io"
	"net/netip"
	"time"

	"tandem/vrrp/fsm"
	"tandem/vrrp/packet"
)

// Result is what came of a simulation.
type Result struct {
	// Steps is how many steps the state machines made.
	Steps int
	// Violation is the first property that did not hold; "" if all did.
	Violation string
}

// Random simulates what the seed says: some nodes, a configuration, and faults of hosts and networks until the state
// machines have made that many steps. From time to time, and at the end, everything heals and must come to rest.
// trace gets a line for everything that happens; nil: none.
func Random(seed uint64, steps int, trace io.Writer) Result {
	lans := 1
	s := NewSim(seed, lans, trace)
	if s.rng.IntN(4) == 0 {
		s = NewSim(seed, 2, trace)
	}
	w := &world{Sim: s}
	w.build()
	for s.steps < steps && s.check.violation == "" {
		if s.rng.IntN(40) == 0 {
			w.rest()
			continue
		}
		w.fault()
		s.Run(time.Duration(s.rng.Int64N(int64(w.pace))))
	}
	if s.check.violation == "" {
		w.rest()
	}
	return Result{Steps: s.steps, Violation: s.check.violation}
}

// world is a random simulation.
type world struct {
	*Sim
	pace     time.Duration // the longest time between faults
	patience time.Duration // how long it takes at most until everything has come to rest
	free     bool          // every node preempts
	good     Network
}

// build makes the nodes and starts most of them.
func (w *world) build() {
	r := w.rng
	version := packet.V2
	intervals := []time.Duration{time.Second, time.Second, 2 * time.Second}
	if r.IntN(2) == 0 {
		version = packet.V3
		intervals = []time.Duration{time.Second, 100 * time.Millisecond, 30 * time.Millisecond, 250 * time.Millisecond}
	}
	base := fsm.Config{VRID: 51, Version: version, Interval: intervals[r.IntN(len(intervals))],
		Announcements:     fsm.Announcements{Repeat: 5, Delay: 5 * time.Second, LowerRepeat: r.IntN(2), Contested: 3 * time.Second},
		LowerNoAdvert:     r.IntN(4) == 0,
		HigherSendsAdvert: r.IntN(4) == 0,
		NoAccept:          r.IntN(8) == 0,
	}
	if r.IntN(4) == 0 {
		base.DownAdverts = 2 + r.IntN(5) // with 1 a single late advert is a failure, and there are such
	}
	w.free = true
	w.patience = 20*base.Interval + 20*time.Second
	w.pace = 3 * base.Interval
	count := 2 + r.IntN(6)
	equal := r.IntN(5) == 0
	for i := range count {
		c := base
		c.Priority = uint8(1 + r.IntN(254))
		if equal {
			c.Priority = 100
		}
		if r.IntN(12) == 0 {
			c.Priority = packet.PriorityOwner
		}
		c.StartMaster = r.IntN(2) == 0
		if r.IntN(6) == 0 && c.Priority != packet.PriorityOwner {
			c.StartMaster = false
			if r.IntN(2) == 0 {
				c.NoPreempt = true
				w.free = false
			} else {
				c.PreemptDelay = time.Duration(1+r.IntN(10)) * time.Second
			}
		}
		if r.IntN(10) == 0 {
			c.StartupDelay = time.Duration(1+r.IntN(3)) * time.Second
		}
		if r.IntN(2) == 0 {
			c.Handover = fsm.DefaultHandover(version, c.Interval)
		}
		configs := make([]fsm.Config, w.lans)
		for lan := range configs {
			configs[lan] = c
			configs[lan].Name = fmt.Sprintf("VI_%d", lan)
		}
		n := w.Node(string(rune('a'+i)), 3*time.Second, configs...)
		w.printf("%s: %v priority %d, interval %v, down after %d, nopreempt %t, preempt delay %v, startup delay %v, handover %v",
			n.Name, version, c.Priority, c.Interval, c.DownAdverts, c.NoPreempt, c.PreemptDelay, c.StartupDelay, c.Handover)
	}
	w.good = Network{Delay: 100 * time.Microsecond, Jitter: time.Duration(1 + r.Int64N(int64(healthyDelay/2)))}
	w.SetNetwork(w.good)
	for _, n := range w.nodes {
		w.after(time.Duration(r.Int64N(int64(2*time.Second))), n.Start)
	}
}

// fault makes something happen to a node or to the network.
func (w *world) fault() {
	r := w.rng
	n := w.nodes[r.IntN(len(w.nodes))]
	lan := r.IntN(w.lans)
	switch r.IntN(22) {
	case 0:
		source, best := n.configs, w.best(n)
		n.Kill()
		if r.IntN(2) == 0 {
			// The peer link notices.
			w.after(time.Duration(r.Int64N(int64(300*time.Millisecond))), func() { w.peerGone(source, best) })
		}
	case 1, 2, 3:
		n.Start()
	case 4:
		n.each(fsm.Stop{})
	case 5:
		n.each(fsm.Stop{Now: true})
	case 6:
		n.Step(lan, fsm.FaultSet{Cause: fsm.Cause{Kind: fsm.FaultScript, Name: "chk", Text: "exit status 1"}})
	case 7:
		n.Step(lan, fsm.FaultSet{Cause: fsm.Cause{Kind: fsm.FaultInterface, Name: "eth0", Text: "is down"}})
	case 8, 9:
		n.heal()
	case 10:
		n.each(fsm.PriorityChanged{Weights: r.IntN(120) - 60})
	case 11:
		n.Step(lan, fsm.Resign{Text: "connection refused"})
	case 12:
		n.each(fsm.SelfOK{})
	case 13:
		n.Step(0, fsm.Demote{})
	case 14:
		n.Step(0, fsm.Promote{})
	case 15:
		if n.holds[lan] && n.running() {
			n.Step(lan, fsm.AddressLost{Address: netip.AddrFrom4([4]byte{192, 0, byte(2 + lan), 254})})
		}
	case 16:
		n.Freeze()
	case 17:
		n.Thaw()
	case 18:
		if n.running() {
			n.Jump(time.Duration(r.Int64N(int64(20 * time.Second))))
		}
	case 19:
		split := map[*Node]int{}
		if r.IntN(2) == 0 {
			for _, n := range w.nodes {
				split[n] = r.IntN(3)
			}
		}
		w.Partition(split)
	case 20:
		w.SetNetwork(Network{Delay: time.Duration(r.Int64N(int64(200 * time.Millisecond))), Jitter: time.Duration(1 + r.Int64N(int64(500*time.Millisecond))),
			Loss: r.Float64() / 2, Double: r.Float64() / 2})
	case 21:
		w.SetNetwork(w.good)
	}
}

// best says which other node would win an election, if any runs.
func (w *world) best(dead *Node) *Node {
	var best *Node
	for _, n := range w.nodes {
		if n == dead || !w.check.couldLead(n) {
			continue
		}
		if best == nil || n.prior(best) {
			best = n
		}
	}
	return best
}

// prior says whether n wins against other.
func (n *Node) prior(other *Node) bool {
	a, b := n.configs[0].Effective(n.router.State(0)), other.configs[0].Effective(other.router.State(0))
	return a > b || a == b && n.configs[0].Source.Compare(other.configs[0].Source) > 0
}

// peerGone tells all other nodes that a process is dead.
func (w *world) peerGone(dead []*fsm.Config, best *Node) {
	for _, n := range w.nodes {
		n.Step(0, fsm.PeerGone{Source: dead[0].Source, Best: n == best})
	}
}

// heal takes all faults of a node away.
func (n *Node) heal() {
	for lan := range n.configs {
		n.Step(lan, fsm.FaultCleared{Kind: fsm.FaultScript, Name: "chk", Text: "exit status 0"})
		n.Step(lan, fsm.FaultCleared{Kind: fsm.FaultInterface, Name: "eth0", Text: "is up"})
	}
}

// rest heals the network, leaves the hosts as they are, and waits until nothing can change any more.
func (w *world) rest() {
	w.printf("rest")
	w.Partition(nil)
	w.SetNetwork(w.good)
	for _, n := range w.nodes {
		n.Thaw()
	}
	w.Run(w.patience)
	if w.check.violation == "" {
		w.Settled(w.free)
	}
}
