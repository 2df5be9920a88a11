package fsm

import (
	"fmt"
	"time"
)

// ActionKind is something to be carried out.
type ActionKind uint8

// The kinds of actions.
const (
	// Advertise: send an advert with Action.Priority.
	Advertise ActionKind = iota
	// Filter and Unfilter: drop traffic to the virtual addresses (no_accept), or no longer.
	Filter
	Unfilter
	// AddAddresses, AddExcluded, AddRoutes, AddRules: what the instance brings with it.
	AddAddresses
	AddExcluded
	AddRoutes
	AddRules
	// RemoveRules, RemoveRoutes, RemoveAddresses, RemoveExcluded take it away.
	RemoveRules
	RemoveRoutes
	RemoveAddresses
	RemoveExcluded
	// Announce: send Action.Repeat gratuitous ARPs (neighbour advertisements) for every address.
	Announce
	// CancelAnnounce: forget those that are still queued.
	CancelAnnounce
	// Notify: the role changed, from Action.From to Action.To, because of Action.Reason.
	Notify
	// NotifyPriority: the effective priority changed to Action.Priority.
	NotifyPriority
	// Linger: the successor was heard and is about to set the addresses; ours stay for Config.Linger, so that somebody
	// has them at every moment. What follows for the instance comes after that.
	Linger
	// AskHandover: ask the master, over the peer link, to hand over.
	AskHandover
	// NotifyLower: a master heard a lower priority (notify_master_rx_lower_pri).
	NotifyLower
	// Log: Action.Reason is worth a line.
	Log
)

var actionNames = [...]string{
	Advertise:       "advert",
	Filter:          "add traffic filter",
	Unfilter:        "remove traffic filter",
	AddAddresses:    "add addresses",
	AddExcluded:     "add excluded addresses",
	AddRoutes:       "add routes",
	AddRules:        "add rules",
	RemoveRules:     "remove rules",
	RemoveRoutes:    "remove routes",
	RemoveAddresses: "remove addresses",
	RemoveExcluded:  "remove excluded addresses",
	Announce:        "announce",
	CancelAnnounce:  "cancel announcements",
	Notify:          "notify",
	NotifyPriority:  "notify priority",
	Linger:          "linger",
	AskHandover:     "ask for a handover",
	NotifyLower:     "notify lower priority heard",
	Log:             "log",
}

// String returns the kind in words.
func (k ActionKind) String() string {
	if int(k) < len(actionNames) {
		return actionNames[k]
	}
	panic(fmt.Sprintf("fsm: action %d", uint8(k)))
}

// Action is one thing to be carried out. Only the fields that its kind names mean something.
type Action struct {
	Kind ActionKind
	// Priority: Advertise what to send; Notify and NotifyPriority the effective priority.
	Priority uint8
	// Repeat: Announce. Extra: one for each interface that no adverts go out on, instead.
	Repeat   int
	Extra    bool
	From, To Role
	Reason   Reason
}

// String describes the action as traces print it.
func (a Action) String() string {
	switch a.Kind {
	case Advertise, NotifyPriority:
		return fmt.Sprintf("%v %d", a.Kind, a.Priority)
	case Announce:
		if a.Extra {
			return "announce on extra interfaces"
		}
		return fmt.Sprintf("announce x%d", a.Repeat)
	case Notify:
		return fmt.Sprintf("notify %v -> %v, priority %d: %s", a.From, a.To, a.Priority, a.Reason)
	case Log:
		return "log: " + a.Reason.Text
	}
	return a.Kind.String()
}

// Code is why something happened.
type Code uint8

// The reasons for a change of role.
const (
	ByStart       Code = iota // the instance was started
	ByOwner                   // the owner of the addresses claims without waiting
	ByTimeout                 // no advert for the master-down time
	ByPriority0               // the master said that it stops
	ByPreemption              // the master has a lower priority than ours
	ByHigher                  // a higher priority, or an equal one from a higher address, was heard
	ByFault                   // a cause of fault came
	ByRecovery                // the last cause of fault is gone
	ByAddressLost             // somebody deleted a virtual address
	ByResign                  // our own web side does not serve
	ByDemote                  // the operator asked
	ByPromote                 // the operator asked
	ByPeerGone                // the master's process is proven dead
	ByHandover                // the master has handed over to us, or we to a node that asked
	ByGroup                   // another member of the sync group moved
	ByStall                   // we were not running for so long that others have elected
	ByStop                    // the instance was stopped
	ByReport                  // no change of role: something to be told
)

var codeNames = [...]string{
	ByStart: "start", ByOwner: "owner", ByTimeout: "timeout", ByPriority0: "priority-0", ByPreemption: "preemption",
	ByHigher: "higher-priority", ByFault: "fault", ByRecovery: "recovery", ByAddressLost: "address-lost",
	ByResign: "resign", ByDemote: "demote", ByPromote: "promote", ByPeerGone: "peer-gone", ByHandover: "handover", ByGroup: "sync-group",
	ByStall: "stall", ByStop: "stop", ByReport: "report",
}

// String returns a short word for metrics and JSON.
func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	panic(fmt.Sprintf("fsm: code %d", uint8(c)))
}

// Reason is why something happened, for machines and for people.
type Reason struct {
	Code Code
	Text string
}

// String returns the text.
func (r Reason) String() string { return r.Text }

func because(c Code, format string, args ...any) Reason {
	return Reason{Code: c, Text: fmt.Sprintf(format, args...)}
}

// seconds prints a duration as people say it: "3.6 s".
func seconds(d time.Duration) string {
	return fmt.Sprintf("%.3g s", d.Seconds())
}
