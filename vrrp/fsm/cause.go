package fsm

import (
	"fmt"
	"strings"
)

// FaultKind is what sort of thing keeps an instance from taking part.
type FaultKind uint8

// The kinds. Those whose name begins with Pending hold an instance that starts, without calling it faulty.
const (
	FaultInterface        FaultKind = iota // the instance's own interface is down or missing
	FaultSource                            // the interface has no address to send from
	FaultConfig                            // the configuration itself keeps the instance out
	FaultScript                            // a tracked script without weight failed
	FaultTrackedInterface                  // a tracked interface without weight is down
	FaultFile                              // a tracked file without weight has a non-zero value
	FaultProcess                           // a tracked process without weight is not running
	FaultBFD                               // a tracked BFD session without weight is down
	FaultSelfProbe                         // our own web side does not answer, and failure means release
	FaultGroup                             // another member of the sync group is faulty
	PendingScript                          // a tracked script without weight has no result yet
	PendingSelfProbe                       // our own web side has not answered yet
	PendingGroup                           // another member of the sync group waits
)

var faultNames = [...]string{
	FaultInterface:        "interface",
	FaultSource:           "source address",
	FaultConfig:           "configuration",
	FaultScript:           "script",
	FaultTrackedInterface: "tracked interface",
	FaultFile:             "file",
	FaultProcess:          "process",
	FaultBFD:              "BFD",
	FaultSelfProbe:        "self-probe",
	FaultGroup:            "sync group member",
	PendingScript:         "waiting for script",
	PendingSelfProbe:      "waiting for self-probe",
	PendingGroup:          "waiting for sync group member",
}

// String returns the kind in words.
func (k FaultKind) String() string {
	if int(k) < len(faultNames) {
		return faultNames[k]
	}
	panic(fmt.Sprintf("fsm: fault kind %d", uint8(k)))
}

// Pending says that the kind holds a starting instance without being a fault.
func (k FaultKind) Pending() bool { return k >= PendingScript }

// Cause is one reason not to take part. Kind and Name together identify it.
type Cause struct {
	Kind FaultKind
	// Name is which one: the interface, the script, the member.
	Name string
	// Text says what is wrong with it; may be empty.
	Text string
}

// String returns "script chk_http: exit status 1".
func (c Cause) String() string {
	s := c.Kind.String()
	if c.Name != "" {
		s += " " + c.Name
	}
	if c.Text != "" {
		s += ": " + c.Text
	}
	return s
}

// causes is a set of causes in the order in which they came. It is copied on every change: states are values.
type causes []Cause

func (cs causes) find(k FaultKind, name string) int {
	for i, c := range cs {
		if c.Kind == k && c.Name == name {
			return i
		}
	}
	return -1
}

// with returns the set with c in it; added is false if the cause was there already (its text is taken over).
func (cs causes) with(c Cause) (set causes, added bool) {
	set = append(make(causes, 0, len(cs)+1), cs...)
	if i := cs.find(c.Kind, c.Name); i >= 0 {
		set[i] = c
		return set, false
	}
	return append(set, c), true
}

// without returns the set without the cause; removed is false if it was not there.
func (cs causes) without(k FaultKind, name string) (set causes, removed bool) {
	i := cs.find(k, name)
	if i < 0 {
		return cs, false
	}
	if len(cs) == 1 {
		return nil, true
	}
	set = append(make(causes, 0, len(cs)-1), cs[:i]...)
	return append(set, cs[i+1:]...), true
}

// faulty says whether the set has a cause that is more than pending.
func (cs causes) faulty() bool {
	for _, c := range cs {
		if !c.Kind.Pending() {
			return true
		}
	}
	return false
}

// own returns the set without what comes from other members of the sync group.
func (cs causes) own() causes {
	var own causes
	for _, c := range cs {
		if c.Kind != FaultGroup && c.Kind != PendingGroup {
			own = append(own, c)
		}
	}
	return own
}

func (cs causes) String() string {
	var list []string
	for _, c := range cs {
		list = append(list, c.String())
	}
	return strings.Join(list, "; ")
}
