package failover

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"tandem/keepalivedconf"
	"tandem/vrrp"
	"tandem/vrrp/netif"
)

// statics are the addresses, routes and rules that the machine has while the
// process runs, whoever is master (static_ipaddress, static_routes,
// static_rules). They are set again when somebody deletes them, and when their
// interface comes back, except those with no_track.
type statics struct {
	kernel Kernel
	log    *eventLog

	mu             sync.Mutex
	tracked, loose holders         // loose: with no_track
	wanted         wanted          // of tracked
	ours           []netif.Address // what the machine did not have by itself
	mending        bool            // a mend is about to come
	unwatch        func()          // nil: nobody watches
}

// holders hold what is static.
type holders struct {
	Addresses netif.Addresses
	Routes    netif.Routes
}

func holdStatic(k Kernel) holders { return holders{k.Addresses(), k.Routes()} }

// wanted is what is to be there.
type wanted struct {
	addresses []netif.Address
	routes    []netif.Route
	rules     []netif.Rule
}

func newStatics(k Kernel, log *eventLog) *statics {
	return &statics{kernel: k, tracked: holdStatic(k), loose: holdStatic(k), log: log}
}

// configure sets what a configuration says, and removes what the one before has
// set and it does not say. An address that the machine has already is left
// alone, also at the end.
func (s *statics) configure(k *keepalivedconf.Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var tracked, loose wanted
	all := vrrp.StaticAddresses(k)
	all = slices.DeleteFunc(all, func(a netif.Address) bool { return !slices.Contains(s.ours, a) && s.has(a) })
	s.ours = all
	for n, a := range vrrp.StaticAddresses(k) {
		switch {
		case !slices.Contains(all, a):
		case k.StaticAddresses[n].NoTrack:
			loose.addresses = append(loose.addresses, a)
		default:
			tracked.addresses = append(tracked.addresses, a)
		}
	}
	tracked.routes, loose.routes = split(vrrp.StaticRoutes(k), func(n int) bool { return k.StaticRoutes[n].NoTrack })
	tracked.rules, loose.rules = split(vrrp.StaticRules(k), func(n int) bool { return k.StaticRules[n].NoTrack })
	s.wanted = tracked
	s.report(errors.Join(
		s.tracked.Addresses.Set(tracked.addresses, netif.Forever), s.loose.Addresses.Set(loose.addresses, netif.Forever),
		s.tracked.Routes.Set(tracked.routes, tracked.rules), s.loose.Routes.Set(loose.routes, loose.rules)))
	if s.unwatch == nil && len(k.StaticAddresses)+len(k.StaticRoutes)+len(k.StaticRules) > 0 {
		var err error
		s.unwatch, err = s.kernel.Watch(s.changed)
		s.report(err)
	}
}

// split takes those without no_track and those with it apart.
func split[T any](list []T, loose func(n int) bool) (tracked, untracked []T) {
	for n, x := range list {
		if loose(n) {
			untracked = append(untracked, x)
		} else {
			tracked = append(tracked, x)
		}
	}
	return tracked, untracked
}

func (s *statics) has(a netif.Address) bool {
	i, err := s.kernel.Interface(a.Interface)
	return err == nil && slices.Contains(i.Addresses, a.Prefix)
}

// settle is how long changes are waited for before they are mended: an
// interface that goes down loses its routes one by one.
const settle = 50 * time.Millisecond

// changed hears of every change of the machine's interfaces and routes.
func (s *statics) changed(e netif.Event) {
	switch {
	case e.Kind == netif.Up, e.Kind == netif.RouteDeleted, e.Kind == netif.AddressDeleted && !e.Own, e.Kind == netif.AddressAdded && !e.Own:
	default:
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mending {
		s.mending = true
		time.AfterFunc(settle, s.mend)
	}
}

// mend sets again what has gone. What cannot be set now, because the interface
// is down for instance, is tried again with the next change.
func (s *statics) mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mending = false
	if s.unwatch == nil {
		return // stopped meanwhile
	}
	var gone []string
	for _, a := range s.wanted.addresses {
		if !s.has(a) {
			gone = append(gone, "address "+a.String())
		}
	}
	err := s.tracked.Addresses.Set(s.wanted.addresses, netif.Forever)
	gone = append(gone, s.tracked.Routes.Mend(s.wanted.routes, s.wanted.rules)...)
	err = errors.Join(err, s.tracked.Routes.Set(s.wanted.routes, s.wanted.rules))
	if len(gone) > 0 && err == nil {
		s.log.event(vrrp.Report{Text: "removed by somebody else, set again: " + strings.Join(gone, ", "), At: time.Now()})
	}
}

// stop removes everything, what depends on others first.
func (s *statics) stop() {
	s.mu.Lock()
	unwatch := s.unwatch
	s.unwatch = nil
	s.mu.Unlock()
	if unwatch != nil {
		unwatch()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report(errors.Join(
		s.tracked.Routes.Set(nil, nil), s.loose.Routes.Set(nil, nil),
		s.tracked.Addresses.Set(nil, netif.Forever), s.loose.Addresses.Set(nil, netif.Forever)))
}

func (s *statics) report(err error) {
	if err != nil {
		s.log.event(vrrp.Report{Text: "static addresses, routes and rules", Err: err, At: time.Now()})
	}
}
