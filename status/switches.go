package status

import (
	"cmp"
	"slices"
	"time"
)

// Switch is a change of an instance's role.
type Switch struct {
	At       time.Time `json:"at"`
	Instance string    `json:"instance"`
	From     string    `json:"from"`
	To       string    `json:"to"`
	Priority int       `json:"priority"`
	Reason   Reason    `json:"reason"`
}

// Transitions counts the changes to a role for a reason, by its code, since the
// start of the process.
type Transitions struct {
	To     string `json:"to"`
	Reason string `json:"reason"`
	Count  uint64 `json:"count"`
}

// SortTransitions puts the transitions into an order that does not change.
func (i *Instance) SortTransitions() {
	slices.SortFunc(i.Transitions, func(a, b Transitions) int {
		return cmp.Or(cmp.Compare(a.To, b.To), cmp.Compare(a.Reason, b.Reason))
	})
}

// Handovers counts the planned switches of an instance that this node has led, and
// tells how long the last one took.
type Handovers struct {
	Done    uint64  `json:"done"`
	Failed  uint64  `json:"failed"`            // nobody has taken over
	Prepare float64 `json:"prepare,omitempty"` // seconds of the last one: until the successor was prepared,
	Drain   float64 `json:"drain,omitempty"`   // then until the connections had ended,
	Relief  float64 `json:"relief,omitempty"`  // then until the successor had taken over
}
