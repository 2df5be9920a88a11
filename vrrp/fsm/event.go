package fsm

import (
	"fmt"
	"net/netip"
	"time"
)

// Event is something that happened to an instance.
type Event interface {
	// String describes the event as traces print it.
	String() string
	event()
}

// Start begins the instance's life: RFC 9568, 6.4.1.
type Start struct{}

// Stop ends it. Now ends it without waiting for a successor, also when a waiting Stop came before.
type Stop struct{ Now bool }

// Timer says that the time of the state's deadline has come. It does no harm when it has not.
type Timer struct{}

// Advert is an advertisement that passed all receive checks.
type Advert struct {
	Source   netip.Addr
	Priority uint8
	// Interval is the sender's.
	Interval time.Duration
}

// PriorityChanged gives the sum of the trackers' weights. Base priority and sum together are clamped to 1 to 254; an
// owner's priority never changes.
type PriorityChanged struct{ Weights int }

// FaultSet adds a cause of fault.
type FaultSet struct{ Cause Cause }

// FaultCleared takes one away. Text says what changed, for the log.
type FaultCleared struct {
	Kind FaultKind
	Name string
	Text string
}

// AddressLost says that a virtual address which we hold is gone without our doing. Text says how, if it was not
// somebody else who deleted it.
type AddressLost struct {
	Address netip.Addr
	// Route is a route or rule in place of an address, in words; "": it is the address.
	Route string
	Text  string
}

// Resign says that the node's own web side does not serve: the instance lets go, and competes with [PriorityLow]. With
// Alone no other node is known that serves: a master stays one, with that priority.
type Resign struct {
	Text  string
	Alone bool
}

// SelfOK says that the web side serves again.
type SelfOK struct{}

// Demote makes the instance hand over and compete with [PriorityLow], until Promote.
type Demote struct{}

// Promote ends a demotion, and takes over at once if the present master has a lower priority than ours.
type Promote struct{}

// PeerGone says that the process which sent adverts from Source is proven dead, or taken for dead by what the operator
// trusts. Best says that no other node is
// known that would win against ours.
type PeerGone struct {
	Source netip.Addr
	Best   bool
	Text   string
}

// Linked says that the process which sends adverts from Source can be asked to hand over, or no longer.
type Linked struct {
	Source netip.Addr
	On     bool
}

// HandOver makes a master say good-bye to a node that waits for it and would win anyway: unlike Demote it is over
// with that.
type HandOver struct{}

// TakeOver says that the master asks for being relieved at once: it keeps the addresses until it hears us.
type TakeOver struct{ Source netip.Addr }

// Reconfigured says that the configuration was replaced while the instance runs: the Config given to Step is the new
// one already. Old is the one before.
type Reconfigured struct {
	Old *Config
	// Changed: the virtual addresses, routes or rules are others. Added: there are new addresses among them.
	Changed, Added bool
}

// Events between the members of a sync group.
type (
	groupMaster struct{ by string }
	groupBackup struct {
		by    string
		zero  bool // say good-bye with priority 0
		quick bool // compete again after the skew time
	}
	groupResigned struct {
		by string
		on bool
	}
)

func (Start) event()           {}
func (Stop) event()            {}
func (Timer) event()           {}
func (Advert) event()          {}
func (PriorityChanged) event() {}
func (FaultSet) event()        {}
func (FaultCleared) event()    {}
func (AddressLost) event()     {}
func (Resign) event()          {}
func (SelfOK) event()          {}
func (Demote) event()          {}
func (Promote) event()         {}
func (PeerGone) event()        {}
func (Linked) event()          {}
func (HandOver) event()        {}
func (TakeOver) event()        {}
func (Reconfigured) event()    {}
func (groupMaster) event()     {}
func (groupBackup) event()     {}
func (groupResigned) event()   {}

func (Start) String() string { return "start" }
func (e Stop) String() string {
	if e.Now {
		return "stop now"
	}
	return "stop"
}
func (Timer) String() string { return "timer" }
func (e Advert) String() string {
	return fmt.Sprintf("advert from %v priority %d interval %v", e.Source, e.Priority, e.Interval)
}
func (e PriorityChanged) String() string { return fmt.Sprintf("weights %+d", e.Weights) }
func (e FaultSet) String() string        { return "fault " + e.Cause.String() }
func (e FaultCleared) String() string    { return Cause(e).clearedString() }
func (e AddressLost) String() string     { return fmt.Sprintf("address %v lost", e.Address) }
func (e Resign) String() string {
	if e.Alone {
		return "resign alone: " + e.Text
	}
	return "resign: " + e.Text
}
func (SelfOK) String() string  { return "self ok" }
func (Demote) String() string  { return "demote" }
func (Promote) String() string { return "promote" }
func (e PeerGone) String() string {
	s := fmt.Sprintf("peer %v gone", e.Source)
	if e.Best {
		s += ", we are best"
	}
	return s
}
func (e Linked) String() string {
	if e.On {
		return fmt.Sprintf("linked with %v", e.Source)
	}
	return fmt.Sprintf("no longer linked with %v", e.Source)
}
func (HandOver) String() string   { return "hand over" }
func (e TakeOver) String() string { return fmt.Sprintf("take over from %v", e.Source) }
func (e Reconfigured) String() string {
	return fmt.Sprintf("reconfigured changed=%t added=%t", e.Changed, e.Added)
}
func (e groupMaster) String() string   { return "group: " + e.by + " is master" }
func (e groupBackup) String() string   { return "group: " + e.by + " is backup" }
func (e groupResigned) String() string { return fmt.Sprintf("group: %s resigned=%t", e.by, e.on) }

func (c Cause) clearedString() string { return "cleared " + c.String() }
