package vserver

import (
	"context"
	"net/netip"
	"time"

	"tandem/internal/task"
)

// addressInterval is how often it is looked which addresses the host has, for
// ha_suspend.
const addressInterval = time.Second

// followAddresses has the checks of virtual servers with ha_suspend wait while the
// host has not their address.
func (p *Pool) followAddresses() {
	p.suspend.Cancel()
	p.suspend = task.NewGroup(p.suspend)
	any := false
	for _, r := range p.checkers {
		if !r.server.HASuspend {
			r.Pause(false)
		}
		any = any || r.server.HASuspend
	}
	if !any || p.Held == nil {
		return
	}
	p.look(true)
	p.suspend.Go(func(ctx context.Context) {
		t := time.NewTicker(addressInterval)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				p.mu.Lock()
				if ctx.Err() == nil {
					p.look(false)
				}
				p.mu.Unlock()
			}
		}
	})
}

// look suspends or activates checks as the addresses of the host are.
func (p *Pool) look(first bool) {
	held, err := p.Held()
	if err != nil {
		return // as it was
	}
	for _, r := range p.checkers {
		if !r.server.HASuspend {
			continue
		}
		here := holds(r.server, held)
		if r.Pause(!here) && !(first && here) {
			verb := "Suspend"
			if here {
				verb = "Activat"
			}
			p.Tell(Line{verb + "ing healthchecker for service " + r.real.Name + " for VS " + r.server.Name})
		}
	}
}

// holds reports whether the host has an address of a virtual server. A firewall
// mark has none.
func holds(v *Server, held func(netip.Addr) bool) bool {
	for _, s := range v.Services {
		if s.Mark != 0 || held(s.Address.Addr()) {
			return true
		}
	}
	return false
}
