package handover

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"tandem/vrrp/detour"
)

// drain waits until the connections to the addresses have ended: all of them
// where new ones are sent on, else those that are there now.
func (h *Handover) drain(ctx context.Context, legs []*leg, detours *detours) {
	var bound time.Duration
	var addrs []netip.Addr
	sentOn := map[netip.Addr]bool{}
	for _, l := range legs {
		bound = max(bound, l.Bound)
		for _, a := range l.addrs() {
			addrs = append(addrs, a)
			sentOn[a] = l.hardware[a] != ""
		}
	}
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	listeners := h.c.Web.Listeners()
	begun := time.Now()
	var first map[detour.Flow]bool
	for {
		if len(detours.list) > 0 && h.deserted(legs) {
			detours.close()
			clear(sentOn)
			for _, l := range legs {
				l.hardware = nil
			}
		}
		now, err := h.c.Connections(addrs, listeners)
		if err != nil {
			h.c.Log("", err.Error())
			return
		}
		if first == nil {
			first = now
		}
		left := 0
		for f := range now {
			if first[f] || sentOn[f.Local.Addr()] {
				left++
			}
		}
		if left <= h.c.Web.Silent(idleGrace, false) {
			break
		}
		select {
		case <-ctx.Done():
			h.c.Log("", fmt.Sprintf("%d connections are cut: they did not end within %v", left, round(time.Since(begun))))
			if ctx.Err() == context.DeadlineExceeded && bound > 0 {
				// While the address is still here, so that their clients hear of it, and
				// only where they come to the successor when they come again.
				addrs = slices.DeleteFunc(addrs, func(a netip.Addr) bool { return !sentOn[a] })
				if len(addrs) > 0 {
					h.c.Web.Cut(addrs)
				}
			}
			return
		case <-time.After(look):
		}
		if time.Since(begun) > idleGrace {
			h.c.Web.EndIdle()
		}
	}
	h.c.Web.Silent(idleGrace, true)
}
