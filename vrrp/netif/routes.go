package netif

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"tandem/internal/privilege"
)

// Routes holds the routes and the rules of one VRRP instance, or the static
// ones.
type Routes interface {
	// Set makes the kernel hold exactly the desired routes and rules, of
	// those that this Routes ever set: what is no longer desired is removed,
	// what is missing is added, in keepalived's order: routes before rules
	// when adding, rules before routes when removing. It is idempotent; an
	// equal route or rule that somebody else set is taken over. The errors
	// are those of all of them, joined. Routes have no lease: those of a
	// process that died stay until Cleanup.
	Set(routes []Route, rules []Rule) error

	// Mend adds those of the given routes and rules that are set and that
	// somebody else has removed, and returns them, one line each. Those that
	// cannot be added, because their interface is down for instance, are left
	// to the next Set.
	Mend(routes []Route, rules []Rule) (missing []string)

	// Cleanup removes the configured routes and rules that a dead process
	// left on the machine.
	Cleanup(routes []Route, rules []Rule) error
}

// Routes returns a new, empty holder of routes and rules.
func (s *Stack) Routes() Routes { return newRoutes(s) }

// routeKernel is what routes needs of a kernel. That something is there
// already, or gone already, is no error; added is false then.
type routeKernel interface {
	addRoute(Route) (added bool, err error)
	removeRoute(Route) error
	addRule(Rule) (added bool, err error)
	removeRule(Rule) error
}

// routes finds the differences. Routes and rules are alike if all that they say is alike.
type routes struct {
	kernel routeKernel
	routes []Route
	rules  []Rule
}

func newRoutes(k routeKernel) *routes { return &routes{kernel: k} }

func (h *routes) Set(wantRoutes []Route, wantRules []Rule) error {
	return errors.Join(
		remove(&h.rules, wantRules, h.kernel.removeRule),
		remove(&h.routes, wantRoutes, h.kernel.removeRoute),
		add(&h.routes, wantRoutes, h.kernel.addRoute),
		add(&h.rules, wantRules, h.kernel.addRule),
	)
}

func (h *routes) Mend(someRoutes []Route, someRules []Rule) (missing []string) {
	return append(mend("route", h.routes, someRoutes, h.kernel.addRoute), mend("rule", h.rules, someRules, h.kernel.addRule)...)
}

// among reports whether one of the list is alike.
func among[T any](list []T, one T) bool {
	return slices.ContainsFunc(list, func(other T) bool { return reflect.DeepEqual(one, other) })
}

// mend adds what is held and not there.
func mend[T fmt.Stringer](kind string, held, some []T, do func(T) (bool, error)) (missing []string) {
	for _, w := range some {
		if !among(held, w) {
			continue
		}
		if added, err := do(w); added && err == nil {
			missing = append(missing, kind+" "+w.String())
		}
	}
	return missing
}

func (h *routes) Cleanup(configured []Route, rules []Rule) error {
	var errs []error
	for _, r := range rules {
		errs = append(errs, h.kernel.removeRule(r))
	}
	for _, r := range configured {
		errs = append(errs, h.kernel.removeRoute(r))
	}
	return errors.Join(errs...)
}

// remove removes what is held and not wanted.
func remove[T any](held *[]T, wanted []T, do func(T) error) error {
	var errs []error
	*held = slices.DeleteFunc(*held, func(h T) bool {
		if among(wanted, h) {
			return false
		}
		err := do(h)
		errs = append(errs, err)
		return err == nil
	})
	return errors.Join(errs...)
}

// add adds what is wanted, in order; also what is held, because the kernel
// itself drops the routes of an interface that goes down.
func add[T any](held *[]T, wanted []T, do func(T) (bool, error)) error {
	var errs []error
	for _, w := range wanted {
		if _, err := do(w); err != nil {
			errs = append(errs, err)
		} else if !among(*held, w) {
			*held = append(*held, w)
		}
	}
	return errors.Join(errs...)
}

func (s *Stack) addRoute(r Route) (added bool, err error) {
	flags := unix.NLM_F_CREATE
	switch r.Order {
	case Add:
		flags |= unix.NLM_F_EXCL
	case Append:
		flags |= unix.NLM_F_APPEND
	}
	return s.changeRoute(unix.RTM_NEWROUTE, flags, r, "add route", unix.EEXIST)
}

func (s *Stack) removeRoute(r Route) error {
	_, err := s.changeRoute(unix.RTM_DELROUTE, 0, r, "remove route", unix.ESRCH, unix.ENODEV, unix.ENETUNREACH, ErrNoInterface)
	return err
}

func (s *Stack) changeRoute(message, flags int, r Route, what string, fine ...error) (done bool, err error) {
	data, err := s.routeMessage(message, r)
	return s.change(message, flags, data, err, fmt.Sprintf("%s %s", what, r), fine)
}

func (s *Stack) addRule(r Rule) (added bool, err error) {
	data, err := ruleMessage(r)
	return s.change(unix.RTM_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, data, err, fmt.Sprintf("add rule %s", r), []error{unix.EEXIST})
}

func (s *Stack) removeRule(r Rule) error {
	data, err := ruleMessage(r)
	_, err = s.change(unix.RTM_DELRULE, 0, data, err, fmt.Sprintf("remove rule %s", r), []error{unix.ENOENT})
	return err
}

// change sends one request; the fine errors are none, and nothing was done.
func (s *Stack) change(message, flags int, data []nl.NetlinkRequestData, err error, what string, fine []error) (done bool, _ error) {
	if err == nil {
		request := nl.NewNetlinkRequest(message, flags|unix.NLM_F_ACK)
		for _, d := range data {
			request.AddData(d)
		}
		err = s.execute(request)
	}
	for _, f := range fine {
		if errors.Is(err, f) {
			return false, nil
		}
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", what, privilege.Explain(err, privilege.NetAdmin))
	}
	return true, nil
}
