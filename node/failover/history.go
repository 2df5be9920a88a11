package failover

import (
	"sync"

	"tandem/status"
	"tandem/vrrp"
)

// history is what has become of the instances since the start: how often each has
// changed its role and why, and the last changes.
type history struct {
	mu     sync.Mutex
	counts map[turn]uint64
	last   []status.Switch // the oldest first
}

// turn is a kind of change.
type turn struct{ instance, to, reason string }

// kept is how many changes are remembered.
const kept = 100

// event takes note of changes of role.
func (h *history) event(e vrrp.Event) {
	t, ok := e.(vrrp.Transition)
	if !ok || t.Deleted {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.counts == nil {
		h.counts = make(map[turn]uint64)
	}
	h.counts[turn{t.Instance, t.To.String(), t.Reason.Code.String()}]++
	if len(h.last) == kept {
		h.last = append(h.last[:0], h.last[1:]...)
	}
	h.last = append(h.last, status.Switch{
		At: t.At, Instance: t.Instance, From: t.From.String(), To: t.To.String(), Priority: int(t.Priority),
		Reason: status.Reason{Code: t.Reason.Code.String(), Text: t.Reason.Text},
	})
}

// describe tells of the changes; the counts go to the instances, which r has.
func (h *history) describe(r *status.Report) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r.Switches = append(r.Switches, h.last...)
	for i := range r.Instances {
		one := &r.Instances[i]
		for t, n := range h.counts {
			if t.instance == one.Name {
				one.Transitions = append(one.Transitions, status.Transitions{To: t.to, Reason: t.reason, Count: n})
			}
		}
		one.SortTransitions()
	}
}
