package vrrptest

import (
	"fmt"
	"time"

	"tandem/vrrp/fsm"
)

// checker holds the properties of VRRP against everything that a simulation does:
//
//   - On a healthy LAN two nodes are master together for no longer than an advert interval and the time in which
//     adverts cross; then the lower one has heard the other.
//   - On a healthy LAN no backup waits in vain: while no node is master, none has been a backup, undisturbed, for
//     longer than its master-down time.
//   - The addresses are on two machines together for no longer than that, or than a lease if a process died or hangs.
//   - A node with a fault neither adverts a priority other than 0 nor holds the addresses.
//   - A sync group is master with all its members or with none.
//   - The addresses are held exactly while master. An advert comes before them, and their announcement behind.
type checker struct {
	sim       *Sim
	violation string

	disturbed time.Duration         // the last time the network was changed, or was not healthy
	election  time.Duration         // the last time a priority changed: who is to yield is decided anew
	two       []time.Duration       // by LAN: since when there are two masters; -1: there are not
	both      [][7][7]time.Duration // by LAN: since when two nodes both hold the addresses; 0: they do not
	none      []time.Duration       // by LAN: since when there is no master
	backup    [][]time.Duration
}

const never = time.Duration(-1)

func (c *checker) init(s *Sim) {
	c.sim = s
	for range s.lans {
		c.two, c.both, c.none = append(c.two, never), append(c.both, [7][7]time.Duration{}), append(c.none, 0)
		c.backup = append(c.backup, nil)
	}
}

// disturb notes that the network is not as it should be. What is under way still arrives as late as it does now.
func (c *checker) disturb() { c.disturbed = c.sim.now + c.sim.net.Delay + c.sim.net.Jitter }

func (c *checker) fail(format string, args ...any) {
	if c.violation == "" {
		c.violation = fmt.Sprintf("at %.3fs: ", c.sim.now.Seconds()) + fmt.Sprintf(format, args...)
		c.sim.printf("VIOLATION: %s", c.violation)
	}
}

// batch checks one step's actions: what they are, and their order.
func (c *checker) batch(n *Node, effects []fsm.Effect) {
	claimed := make([]bool, len(n.configs)) // an advert of another priority than 0 was sent in this step
	for k, e := range effects {
		if e.Instance < 0 {
			continue
		}
		lan, a := e.Instance, e.Action
		switch a.Kind {
		case fsm.Advertise:
			if a.Priority == 0 {
				break
			}
			claimed[lan] = true
			if n.router.State(lan).Role == fsm.Fault {
				c.fail("%s adverts priority %d in FAULT", n.Name, a.Priority)
			}
		case fsm.AddAddresses:
			if !claimed[lan] {
				c.fail("%s adds the addresses before its advert", n.Name)
			}
		case fsm.Announce:
			if !n.holds[lan] && !added(effects[:k], lan) {
				c.fail("%s announces addresses that it does not hold", n.Name)
			}
		case fsm.Notify:
			if a.To == fsm.Master && !claimed[lan] {
				c.fail("%s is master without an advert", n.Name)
			}
			if a.Reason.Text == "" {
				c.fail("%s changes to %v without a reason", n.Name, a.To)
			}
		}
	}
	masters := 0
	for lan := range n.configs {
		if n.router.State(lan).Role == fsm.Master {
			masters++
		}
	}
	if masters != 0 && masters != len(n.configs) && !c.leaving(n) {
		c.fail("%s: the sync group is split", n.Name)
	}
}

// leaving says whether the members are being stopped: each of them hands over to its own successor then.
func (c *checker) leaving(n *Node) bool {
	for lan := range n.configs {
		if s := n.router.State(lan); s.Role == fsm.Stopped || s.Leaving() {
			return true
		}
	}
	return false
}

func added(effects []fsm.Effect, lan int) bool {
	for _, e := range effects {
		if e.Instance == lan && e.Action.Kind == fsm.AddAddresses {
			return true
		}
	}
	return false
}

// all checks the state of everything at one moment.
func (c *checker) all() {
	if !c.sim.net.healthy() || !c.sim.whole() {
		c.disturb()
	}
	for lan := range c.sim.lans {
		c.lan(lan)
	}
}

func (c *checker) lan(lan int) {
	s := c.sim
	masters, leaving := 0, 0
	var interval time.Duration
	for _, n := range s.nodes {
		interval = max(interval, n.configs[lan].Interval)
		if !n.running() {
			continue
		}
		st := n.router.State(lan)
		if st.Role == fsm.Master {
			masters++
			if st.Leaving() {
				leaving++ // it has said good-bye, and waits for a successor or for the end of its patience
			}
			if len(st.Faults) > 0 && st.Faults[0].Kind < fsm.PendingScript {
				c.fail("%s is master with %v", n.Name, st.Faults[0])
			}
		}
		if held := n.holds[lan] || n.lost[lan] || n.leaseEnds[lan] > 0; (st.Role == fsm.Master) != held {
			c.fail("%s is %v, and holds the addresses: %v", n.Name, st.Role, held)
		}
	}
	since := func(t *time.Duration, is bool) time.Duration {
		if !is {
			*t = never
			return 0
		}
		if *t == never {
			*t = s.now
		}
		return s.now - max(*t, c.disturbed)
	}
	cross := interval + 2*healthyDelay + timerLate
	if d := min(since(&c.two[lan], masters-leaving > 1), s.now-c.election); d > cross {
		c.fail("two masters on LAN %d for %v", lan, d)
	}
	c.holders(lan, cross)
	none := since(&c.none[lan], masters == 0)
	c.backups(lan, none)
}

// holders finds two nodes whose kernels both have the addresses for too long.
func (c *checker) holders(lan int, cross time.Duration) {
	s := c.sim
	for i, a := range s.nodes {
		for k, b := range s.nodes[:i] {
			t := &c.both[lan][i][k]
			if !a.holds[lan] || !b.holds[lan] {
				*t = 0
				continue
			}
			if *t == 0 {
				*t = s.now
			}
			if d := s.now - max(*t, c.disturbed); d > cross+max(a.lease, b.lease) {
				c.fail("addresses of LAN %d on %s and %s for %v", lan, a.Name, b.Name, d)
			}
		}
	}
}

// backups finds a node that could have taken over long ago.
func (c *checker) backups(lan int, none time.Duration) {
	s := c.sim
	for len(c.backup[lan]) < len(s.nodes) {
		c.backup[lan] = append(c.backup[lan], never)
	}
	for k, n := range s.nodes {
		t := &c.backup[lan][k]
		if !c.couldLead(n) || c.none[lan] == never {
			*t = never
			continue
		}
		if *t == never {
			*t = s.now
		}
		waited := s.now - max(*t, n.disturbed, c.disturbed)
		if limit := c.longestDown(n, lan); min(waited, none) > limit {
			c.fail("no master on LAN %d for %v, and %s has been a backup for %v", lan, none, n.Name, waited)
		}
	}
}

// couldLead says whether every instance of the node is a backup.
func (c *checker) couldLead(n *Node) bool {
	if !n.running() {
		return false
	}
	for lan := range n.configs {
		if n.router.State(lan).Role != fsm.Backup {
			return false
		}
	}
	return true
}

// longestDown is the longest master-down time that the node can have: with the lowest priority, and the interval of
// the slowest master it may have heard. In a sync group the last member can have heard its master a little later.
func (c *checker) longestDown(n *Node, lan int) time.Duration {
	slowest := time.Second // VRRPv2's skew does not depend on the interval
	var interval time.Duration
	for _, other := range c.sim.nodes {
		interval = max(interval, other.configs[lan].Interval)
	}
	slowest = max(slowest, interval)
	adverts := time.Duration(n.configs[lan].DownAdverts)
	if adverts == 0 {
		adverts = 3
	}
	d := adverts*interval + slowest + n.configs[lan].StartupDelay + 2*healthyDelay + timerLate
	if len(n.configs) > 1 {
		d += interval
	}
	if n.configs[lan].Effective(n.router.State(lan)) == fsm.PriorityLow {
		// It lets an equally bad master's offer pass.
		d += fsm.DefaultHandover(n.configs[lan].Version, interval)
	}
	return d
}

// Settled checks that the simulation has come to rest: on each LAN exactly one master, if any node can be one, and
// with free the best of them, where free means that every node preempts.
func (s *Sim) Settled(free bool) {
	for lan := range s.lans {
		var master *Node
		best, masters, able := -1, 0, 0
		for _, n := range s.nodes {
			if !n.running() {
				continue
			}
			switch st := n.router.State(lan); st.Role {
			case fsm.Master:
				masters++
				master = n
				fallthrough
			case fsm.Backup:
				able++
				best = max(best, int(n.configs[lan].Effective(st)))
			}
		}
		if want := min(able, 1); masters != want {
			s.check.fail("at rest: %d masters on LAN %d, want %d", masters, lan, want)
			continue
		}
		if master == nil || !free {
			continue
		}
		if p := int(master.configs[lan].Effective(master.router.State(lan))); p != best {
			s.check.fail("at rest: %s is master of LAN %d with priority %d, the best is %d", master.Name, lan, p, best)
		}
	}
}
