package vrrp

import (
	"fmt"
	"time"

	"tandem/vrrp/fsm"
	"tandem/vrrp/netif"
)

// The addresses that a master holds are leased from the kernel: they carry a lifetime, which the loop renews. When the
// process dies or hangs the kernel itself removes them.

// refreshEvery is how often a lease is renewed: four times in its length, so that two lost renewals do not end it.
func refreshEvery(l netif.Lease) time.Duration { return time.Duration(l) / 4 }

// holding notes when the kernel was last told to hold the addresses, and plans the renewal.
func (in *instance) holding(now time.Time) {
	in.refresh, in.renewed = time.Time{}, now
	if len(in.desired) > 0 && in.config.Lease != netif.Forever {
		in.refresh = now.Add(refreshEvery(in.config.Lease))
	}
}

// renew renews the leases that are due, and those that soon will be: the loop is awake, and each time that it waits
// costs more than a renewal. So leases are mostly renewed together with adverts.
func (r *Router) renew(now time.Time) {
	for _, in := range r.instances {
		if soon := refreshEvery(in.config.Lease) / 2; !in.refresh.IsZero() && !in.refresh.After(now.Add(soon)) {
			in.holder.refresh(in.desired, in.config.Lease)
			in.holding(now)
		}
	}
}

// lapse finds leases that have ended because this process did not run: the kernel has removed the addresses, and
// somebody else may have them. It comes before everything else that waits to be decided.
func (r *Router) lapse(now time.Time) {
	for i, in := range r.instances {
		if in.refresh.IsZero() {
			continue
		}
		if silent := now.Sub(in.renewed); silent >= time.Duration(in.config.Lease) {
			r.step(i, fsm.AddressLost{Address: in.desired[0].Prefix.Addr(), Text: fmt.Sprintf("has lost its lease: the process did not run for %.1f s", silent.Seconds())}, now)
		}
	}
}
