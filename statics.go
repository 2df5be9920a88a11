package main

import (
	"errors"
	"slices"
	"time"

	"tandem/keepalivedconf"
	"tandem/vrrp"
	"tandem/vrrp/netif"
)

// statics are the addresses, routes and rules that the machine has while the
// process runs, whoever is master (static_ipaddress, static_routes,
// static_rules).
type statics struct {
	stack     *netif.Stack
	addresses netif.Addresses
	routes    netif.Routes
	ours      []netif.Address // what the machine did not have by itself
	log       *eventLog
}

func newStatics(stack *netif.Stack, log *eventLog) *statics {
	return &statics{stack: stack, addresses: stack.Addresses(), routes: stack.Routes(), log: log}
}

// configure sets what a configuration says, and removes what the one before has
// set and it does not say. An address that the machine has already is left
// alone, also at the end.
func (s *statics) configure(k *keepalivedconf.Config) {
	var wanted []netif.Address
	for _, a := range vrrp.StaticAddresses(k) {
		if slices.Contains(s.ours, a) || !s.has(a) {
			wanted = append(wanted, a)
		}
	}
	s.ours = wanted
	s.report(errors.Join(s.addresses.Set(wanted, netif.Forever), s.routes.Set(k.StaticRoutes, k.StaticRules)))
}

func (s *statics) has(a netif.Address) bool {
	i, err := s.stack.Interface(a.Interface)
	return err == nil && slices.Contains(i.Addresses, a.Prefix)
}

// stop removes everything, what depends on others first.
func (s *statics) stop() {
	s.report(errors.Join(s.routes.Set(nil, nil), s.addresses.Set(nil, netif.Forever)))
}

func (s *statics) report(err error) {
	if err != nil {
		s.log.event(vrrp.Report{Text: "static addresses, routes and rules", Err: err, At: time.Now()})
	}
}
