package handover

import (
	"context"
	"errors"
	"maps"

	"tandem/vrrp"
	"tandem/vrrp/fsm"
	"tandem/vrrp/peerlink"
)

// awaitRelief tells the successors when good-bye has been said, and waits until
// they were heard. New connections are not sent on for longer than takeLimit.
func (h *Handover) awaitRelief(legs []*leg, detours *detours) {
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeLimit)
	defer cancel()
	soon, cancelSoon := context.WithTimeout(ctx, takeLimit)
	defer cancelSoon()
	told := map[string]bool{}
	if !h.relieved(soon, legs, told) {
		detours.close()
		h.relieved(ctx, legs, told)
	}
}

// relieved waits until no leg is about to leave any longer, and notes which are
// gone. It tells the successors to take over as soon as good-bye has been said,
// each once; told has those, by instance. ok is false if ctx was done before.
func (h *Handover) relieved(ctx context.Context, legs []*leg, told map[string]bool) (ok bool) {
	for {
		before, open := maps.Clone(told), false
		s, err := h.c.Router.Await(ctx, func(s vrrp.Status) bool {
			waits := false
			for _, l := range legs {
				i, ok := find(s, l.Name)
				if !ok || i.Role != fsm.Master {
					continue
				}
				if i.Leaving && !before[l.Name] {
					return true
				}
				waits = waits || i.Leaving || !before[l.Name]
			}
			return !waits
		})
		late := err != nil && ctx.Err() != nil
		if late {
			s, err = h.now()
		}
		if errors.Is(err, vrrp.ErrStopped) {
			for _, l := range legs {
				l.gone = true // with the router
			}
			return true
		}
		for _, l := range legs {
			i, ok := find(s, l.Name)
			switch {
			case !ok:
			case i.Role != fsm.Master:
				l.gone = true
			case i.Leaving:
				open = true
				if !told[l.Name] && l.hardware != nil {
					_ = h.c.Link.Send(l.Name, l.successor, peerlink.Handover{Step: peerlink.Take}) // VRRP's own timers hold without it
				}
				told[l.Name] = true
			case !told[l.Name]:
				open = true // good-bye is still to be said
			}
		}
		if late || !open {
			return !open
		}
	}
}

func find(s vrrp.Status, name string) (vrrp.InstanceStatus, bool) {
	for _, i := range s.Instances {
		if i.Name == name {
			return i, true
		}
	}
	return vrrp.InstanceStatus{}, false
}
