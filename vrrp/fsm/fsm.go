// Package fsm decides for VRRP: it is the state machine of RFC 3768, 6.4 and RFC 9568, 6.4 with what keepalived adds
// to it (FAULT, preemption delays, sync groups, repeated gratuitous ARP) and what tandem adds (resigning when the
// node's own web side fails, handing over before letting go, a dead peer reported by the peer link).
//
// Everything in it is a function of its arguments: [Step] takes the state, an event and the time, and returns the
// next state and the actions to carry out. There is no I/O, no goroutine, no clock and no randomness. A state tells
// by [State.Deadline] when it wants to be stepped with [Timer] at the latest. A [Router] holds the instances of one
// process and keeps its sync groups together.
//
// The order of the returned actions is a contract. Becoming MASTER: advert, traffic filter (no_accept only), virtual
// addresses, excluded addresses, routes, rules, announcement, notification. The advert goes first so that the old
// master drops the addresses before our gratuitous ARP. Leaving: advert with priority 0 (not when a higher priority
// was heard), rules, routes, pending announcements, virtual addresses, excluded addresses, traffic filter,
// notification.
package fsm

import (
	"fmt"
	"net/netip"
	"time"

	"tandem/vrrp/packet"
)

// Role is the state of an instance as the operator knows it.
type Role uint8

// The roles.
const (
	// Init is an instance that was not started, or waits for the first results of what it depends on.
	Init Role = iota
	// Backup listens, ready to take over.
	Backup
	// Master holds the virtual addresses.
	Master
	// Fault does not take part, until its last cause of fault is gone.
	Fault
	// Stopped is the end.
	Stopped
)

// String returns keepalived's word, as notify scripts get it.
func (r Role) String() string {
	switch r {
	case Init:
		return "INIT"
	case Backup:
		return "BACKUP"
	case Master:
		return "MASTER"
	case Fault:
		return "FAULT"
	case Stopped:
		return "STOP"
	}
	panic(fmt.Sprintf("fsm: role %d", uint8(r)))
}

// Announcements is the schedule of gratuitous ARP and unsolicited neighbour advertisements. Each number counts
// messages per address.
type Announcements struct {
	// Repeat is how many are sent on becoming master (garp_master_repeat), and again Delay later (garp_master_delay,
	// 0: no second time).
	Repeat int
	Delay  time.Duration
	// Refresh is the time between later ones (garp_master_refresh, 0: none), RefreshRepeat their number.
	Refresh       time.Duration
	RefreshRepeat int
	// LowerRepeat are sent when a lower priority was heard (garp_lower_prio_repeat), and again LowerDelay later.
	LowerRepeat int
	LowerDelay  time.Duration
	// Extra is the time between announcements on interfaces that no adverts go out on, one for each of them
	// (garp_extra_if, 0: none).
	Extra time.Duration
	// Contested is for how long after an unplanned takeover one more is sent every second, because a node that
	// hangs can still hold the addresses and answer for them; 0: not.
	Contested time.Duration
	// Echoed is how long after a takeover one more is sent with a virtual hardware address: an old master that still has
	// the addresses for a moment answers the first ones from the same hardware address, and switches then send to it
	// what is for this node, until they hear from here again; 0: not.
	Echoed time.Duration
}

// Config is what one VRRP instance is configured to be.
type Config struct {
	// Name is the name of the vrrp_instance.
	Name    string
	VRID    uint8
	Version packet.Version
	// Source is our primary address, which breaks the tie between equal priorities.
	Source netip.Addr
	// Priority is the base priority, 1 to 255; 255 is the owner of the addresses.
	Priority uint8
	// StartMaster is "state MASTER".
	StartMaster bool
	// Interval is advert_int.
	Interval time.Duration
	// DownAdverts is down_timer_adverts, how many adverts may be missed; 0 is 3.
	DownAdverts int
	NoPreempt   bool
	// PreemptDelay is how long a master of lower priority is let be after it was first heard; 0: not at all.
	PreemptDelay time.Duration
	// HighestOther is the highest priority of the other nodes: a master that was silent for as long as they wait has
	// been succeeded (timer_expired_backup). 0: it takes a second longer until that is assumed.
	HighestOther uint8
	// StartupDelay is how long after the start adverts are not listened to and no claim is made.
	StartupDelay  time.Duration
	Announcements Announcements
	// HigherSendsAdvert makes a master that hears a higher priority answer once before it yields
	// (higher_prio_send_advert).
	HigherSendsAdvert bool
	// LowerNoAdvert makes a master that hears a lower priority stay silent (lower_prio_no_advert).
	LowerNoAdvert bool
	// NoAccept makes the traffic filter part of being master (no_accept).
	NoAccept bool
	// Handover is for how long a master that stops or is demoted keeps the addresses while it waits for its
	// successor's advert; 0 removes them at once, in keepalived's order. See [DefaultHandover].
	Handover time.Duration
	// Linger is for how long addresses stay after the successor was heard, which sets its own only then; 0: not.
	Linger time.Duration
	// AskHandover is for how long a master that is to be preempted, and with which there is a peer link, is given to
	// hand over by itself before it is preempted; 0: it is not asked.
	AskHandover time.Duration
}

// PriorityLow is what an instance competes with that has resigned or was demoted: any healthy node wins.
const PriorityLow = 1

// defaultDownAdverts is how many adverts are missed before a master counts as down: the 3 in RFC 9568's
// Active_Down_Interval, 6.1.
const defaultDownAdverts = 3

// handoverGrace is what is added to the longest skew time of a successor for its and the network's delays.
const handoverGrace = 250 * time.Millisecond

// DefaultHandover is how long it takes at most until a healthy backup that heard priority 0 is heard as master.
func DefaultHandover(v packet.Version, interval time.Duration) time.Duration {
	if v == packet.V2 {
		interval = time.Second
	}
	return interval + handoverGrace
}

func (c *Config) owner() bool { return c.Priority == packet.PriorityOwner }

func (c *Config) downAdverts() time.Duration {
	if c.DownAdverts > 0 {
		return time.Duration(c.DownAdverts)
	}
	return defaultDownAdverts
}

// skew is the skew time of a priority.
//
// VRRPv2, RFC 3768, 6.1: (256 - priority) / 256 seconds, whatever the interval.
// VRRPv3, RFC 9568, 6.1: (256 - priority) * interval / 256.
func (c *Config) skew(priority uint8, masterInterval time.Duration) time.Duration {
	unit := masterInterval
	if c.Version == packet.V2 {
		unit = time.Second
	}
	return time.Duration(256-int(priority)) * unit / 256
}
