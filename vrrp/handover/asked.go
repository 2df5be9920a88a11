package handover

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"tandem/vrrp/fsm"
	"tandem/vrrp/peerlink"
)

// asked hands over to a backup that wants to be master, if it would win. A node
// asks for all of its instances at about the same time, and they go together.
func (h *Handover) asked(instance string, from netip.Addr) {
	if why := h.refusal(instance, from); why != "" {
		h.refuse(instance, from, why)
		return
	}
	h.c.Log(instance, fmt.Sprintf("%v asks to take over", from))
	h.mu.Lock()
	h.asks[instance] = from
	first := len(h.asks) == 1
	h.mu.Unlock()
	if !first {
		return
	}
	time.Sleep(gather)
	for done := false; !done; {
		h.await(context.Background())
		done = h.giveWay()
	}
}

func (h *Handover) refuse(instance string, to netip.Addr, why string) {
	_ = h.c.Link.Send(instance, to, peerlink.Handover{Step: peerlink.Refuse, Text: why}) // it claims anyway
}

// giveWay hands over to all that have asked. ok is false if another Away is under
// way.
func (h *Handover) giveWay() (ok bool) {
	h.mu.Lock()
	asks := maps.Clone(h.asks)
	h.mu.Unlock()
	var names []string
	for instance, from := range asks {
		if why := h.refusal(instance, from); why != "" {
			// Somebody else was faster.
			h.refuse(instance, from, why)
			delete(asks, instance)
			continue
		}
		names = append(names, h.group(instance)...)
	}
	var gone []string
	if len(names) > 0 {
		gone, _, ok = h.run(context.Background(), names, func() {
			for instance := range asks {
				h.c.Router.HandOver(instance)
			}
		})
		if !ok {
			return false
		}
	}
	for instance, from := range asks {
		if !slices.Contains(gone, instance) {
			h.refuse(instance, from, "the handover did not take place")
		}
	}
	h.mu.Lock()
	clear(h.asks)
	h.mu.Unlock()
	return true
}

// refusal says why an instance is not handed over to a backup; "" if it is.
func (h *Handover) refusal(instance string, from netip.Addr) string {
	s, ok := h.status(context.Background(), instance)
	if !ok || s.Role != fsm.Master {
		return "not master"
	}
	if i, ok := h.instance(instance); !ok || i.Bound <= 0 {
		return "its drain_timeout is 0"
	}
	for _, p := range h.c.Link.Sessions() {
		if p.Instance != instance || p.Addr != from {
			continue
		}
		if own := h.priority(instance, from); own < s.Priority || own == s.Priority && from.Less(s.Source) {
			return fmt.Sprintf("priority %d against %d", own, s.Priority)
		}
		return ""
	}
	return "not known"
}

// group returns the members of the instance's sync group, which move together.
func (h *Handover) group(instance string) []string {
	ctx, cancel := context.WithTimeout(context.Background(), statusLimit)
	defer cancel()
	s, err := h.c.Router.Status(ctx)
	if err == nil {
		for _, g := range s.Groups {
			if slices.Contains(g.Members, instance) {
				return g.Members
			}
		}
	}
	return []string{instance}
}
