package vrrp

import (
	"time"

	"tandem/vrrp/netif"
)

// refreshEvery is how often a lease is renewed: three times in its length, so that one lost renewal does not end it.
func refreshEvery(l netif.Lease) time.Duration { return time.Duration(l) / 3 }
