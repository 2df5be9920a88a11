package ipvs

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"tandem/vserver/table"
)

// errorList are the errors of one Set.
type errorList []error

func (l *errorList) add(doing string, k table.Key, d netip.AddrPort, err error) {
	*l = append(*l, &table.RuleError{Doing: doing, Service: k, Destination: d, Err: err})
}

// setService makes a service what is wanted. present are the kernel's services.
func (e *Engine) setService(s table.Service, present map[table.Key]table.Service, errs *errorList) {
	now, in := present[s.Key]
	// The second time is for a service that others remove meanwhile.
	for range 2 {
		had := len(*errs)
		if e.setOptions(s, now, in, errs) && e.setDestinations(s, errs) {
			return
		}
		if !slices.ContainsFunc((*errs)[had:], func(err error) bool { return errors.Is(err, unix.ESRCH) }) {
			return
		}
		*errs, in = (*errs)[:had], false
	}
}

// setOptions adds the service or changes its options. It returns whether it is
// there.
func (e *Engine) setOptions(s table.Service, now table.Service, in bool, errs *errorList) bool {
	options := s
	options.Destinations, options.Known = nil, nil
	own := e.own[s.Key]
	if !in {
		delete(e.own, s.Key) // with its destinations
		err := e.change(cmdNewService, options, nil)
		switch {
		case err == nil:
			e.own[s.Key] = &applied{options, map[netip.AddrPort]table.Destination{}}
			return true
		case !errors.Is(err, unix.EEXIST):
			errs.add("add", s.Key, netip.AddrPort{}, noScheduler(s, err))
			return false
		}
		own, now = nil, table.Service{} // somebody was faster
	}
	if own != nil && sameOptions(own.options, options) {
		return true
	}
	if own == nil {
		// Its destinations are read by setDestinations.
		own = &applied{options: now}
		e.own[s.Key] = own
	}
	if !sameOptions(now, options) {
		if err := e.change(cmdSetService, options, nil); err != nil {
			errs.add("edit", s.Key, netip.AddrPort{}, noScheduler(s, err))
			// It goes on as it is; its destinations are cared for all the same.
			return !errors.Is(err, unix.ESRCH)
		}
	}
	own.options = options
	return true
}

// sameOptions compares services without their destinations.
func sameOptions(a, b table.Service) bool {
	return a.Key == b.Key && a.Scheduler == b.Scheduler && a.Flags == b.Flags && a.Seconds() == b.Seconds() &&
		a.EffectiveMask() == b.EffectiveMask() && a.PersistenceEngine == b.PersistenceEngine
}

// setDestinations makes the destinations of a service that is there what is
// wanted. It returns whether there still was such a service.
func (e *Engine) setDestinations(s table.Service, errs *errorList) bool {
	own := e.own[s.Key]
	found := map[netip.AddrPort]table.Destination{}
	if own.destinations == nil {
		list, err := e.destinations(s.Key)
		if err != nil {
			errs.add("list", s.Key, netip.AddrPort{}, err)
			return !errors.Is(err, unix.ESRCH)
		}
		own.destinations = map[netip.AddrPort]table.Destination{}
		for _, d := range list {
			found[d.destination.Address] = d.destination
			if slices.Contains(s.Known, d.destination.Address) {
				own.destinations[d.destination.Address] = d.destination
			}
		}
	}
	for _, d := range s.Destinations {
		if old, is := own.destinations[d.Address]; is && sameDestination(old, d) {
			own.destinations[d.Address] = d
			continue
		}
		old, isFound := found[d.Address]
		_, isOwn := own.destinations[d.Address]
		if isFound && sameDestination(old, d) {
			own.destinations[d.Address] = d
			continue
		}
		doing, err := e.putDestination(s, d, isFound || isOwn)
		if err != nil {
			errs.add(doing, s.Key, d.Address, err)
			if errors.Is(err, unix.ESRCH) {
				return false
			}
			continue
		}
		own.destinations[d.Address] = d
	}
	for _, d := range sorted(own.destinations) {
		if has(s.Destinations, d.Address) {
			continue
		}
		if err := e.change(cmdDelDest, s, &d); err != nil && !errors.Is(err, unix.ENOENT) {
			errs.add("remove", s.Key, d.Address, err)
			if errors.Is(err, unix.ESRCH) {
				return false
			}
			continue
		}
		delete(own.destinations, d.Address)
	}
	return true
}

// putDestination adds a destination, or changes it if it is there. Which it is
// may have been changed by others.
func (e *Engine) putDestination(s table.Service, d table.Destination, there bool) (doing string, err error) {
	if there {
		if err = e.change(cmdSetDest, s, &d); !errors.Is(err, unix.ENOENT) {
			return "edit", err
		}
	}
	if err = e.change(cmdNewDest, s, &d); !there && errors.Is(err, unix.EEXIST) {
		return "edit", e.change(cmdSetDest, s, &d)
	}
	return "add", err
}

// sameDestination compares what the kernel has with what is wanted. It calls a
// real server that is the machine itself local, whatever was wanted.
func sameDestination(now, want table.Destination) bool {
	if now.Method == table.Local && want.Method != table.Masquerading {
		now.Method, now.Tunnel = want.Method, want.Tunnel
	}
	if want.Method != table.Tunneling {
		now.Tunnel, want.Tunnel = table.Tunnel{}, table.Tunnel{}
	}
	return now == want
}

func sorted(m map[netip.AddrPort]table.Destination) []table.Destination {
	var out []table.Destination
	for _, d := range m {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b table.Destination) int { return a.Address.Compare(b.Address) })
	return out
}

// change sends a command about a service, or about one of its destinations.
func (e *Engine) change(command uint8, s table.Service, d *table.Destination) error {
	attrs := []*nl.RtAttr{serviceAttr(s, command == cmdNewService || command == cmdSetService)}
	if d != nil {
		attrs = append(attrs, destAttr(*d, command != cmdDelDest))
	}
	_, err := e.kernel.execute(command, false, attrs...)
	return err
}

// noScheduler says which module may be missing, for ENOENT tells no more.
func noScheduler(s table.Service, err error) error {
	if !errors.Is(err, unix.ENOENT) {
		return err
	}
	if s.PersistenceEngine != "" {
		return fmt.Errorf("the kernel has no scheduler %s or no persistence engine %s (modules ip_vs_%s, ip_vs_pe_%s): %w",
			s.Scheduler, s.PersistenceEngine, s.Scheduler, s.PersistenceEngine, err)
	}
	return fmt.Errorf("the kernel has no scheduler %s (module ip_vs_%s): %w", s.Scheduler, s.Scheduler, err)
}

func explain(doing string, err error) error { return fmt.Errorf("cannot %s of IPVS: %w", doing, err) }
