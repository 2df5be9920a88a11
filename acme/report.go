package acme

import (
	"crypto/x509"
	"maps"
	"slices"
	"time"
)

// Status is how a certificate stands.
type Status struct {
	*Certificate
	Leaf  *x509.Certificate // nil for none yet
	Next  time.Time         // when it is ordered, or ordered again
	Leads bool              // this node does that
	Error string            // of the last attempt
}

// Report returns how the certificates stand that the configuration wants.
func (k *Keeper) Report() (list []Status) {
	leads := k.leads()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(k.entries)) {
		e := k.entries[name]
		if !e.wanted {
			continue
		}
		next := e.record.Renew
		if e.record.Chain == "" || next.Before(e.record.Retry) {
			next = e.record.Retry
		}
		list = append(list, Status{e.cert, e.record.leaf(), next, leads, e.record.Error})
	}
	return list
}
