package netif

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"tandem/internal/privilege"
)

// Links makes and keeps the interfaces that one VRRP instance needs beside
// those that are there.
type Links interface {
	// Set makes the machine have the VMACs, in order (the first of a name), and none of those that
	// were set before and are not wanted any more. On the interfaces named by
	// promote the other addresses of a prefix stay when its first one is
	// removed (promote_secondaries); what was before comes back when they are
	// no longer named. It is idempotent, and mends what somebody else has
	// changed. The errors are joined; ErrNoInterface is not among them: what is
	// on an interface that does not exist yet is set by a later Set. A VMAC that
	// is made, but that the machine's settings keep packets from, is an error too.
	Set(vmacs []VMAC, promote []string) error

	// Cleanup removes the VMACs that a dead process left.
	Cleanup(vmacs []VMAC) error
}

// Links returns a new, empty holder of interfaces.
func (s *Stack) Links() Links { return newLinks(stackLinks{s}) }

// linkKernel is what links needs of a kernel.
type linkKernel interface {
	addVMAC(VMAC) error
	removeVMAC(name string) error // no error if it is gone already
	// reachable says why what is sent to the addresses of a VMAC is dropped.
	reachable(VMAC) error
	// promoteSecondaries sets the parameter of the interface, and returns what
	// it was.
	promoteSecondaries(iface string, on bool) (was bool, err error)
}

// links finds the differences.
type links struct {
	kernel   linkKernel
	vmacs    []VMAC
	promoted map[string]bool // by interface, what was before
}

func newLinks(k linkKernel) *links { return &links{kernel: k, promoted: map[string]bool{}} }

func (h *links) Set(vmacs []VMAC, promote []string) error {
	var errs []error
	fail := func(err error) bool {
		if err != nil && !errors.Is(err, ErrNoInterface) {
			errs = append(errs, err)
		}
		return err != nil
	}
	for i, old := range slices.Backward(h.vmacs) {
		// Another base or kind under the same name is made anew.
		if !slices.ContainsFunc(vmacs, func(v VMAC) bool { return v.Name == old.Name }) && !fail(h.kernel.removeVMAC(old.Name)) {
			h.vmacs = slices.Delete(h.vmacs, i, i+1)
		}
	}
	for n, v := range vmacs {
		if slices.ContainsFunc(vmacs[:n], func(o VMAC) bool { return o.Name == v.Name }) {
			continue
		}
		if fail(h.kernel.addVMAC(v)) {
			continue
		}
		if i := slices.IndexFunc(h.vmacs, func(o VMAC) bool { return o.Name == v.Name }); i >= 0 {
			h.vmacs[i] = v
		} else {
			h.vmacs = append(h.vmacs, v)
		}
		fail(h.kernel.reachable(v))
	}
	for iface, was := range h.promoted {
		if slices.Contains(promote, iface) {
			continue
		}
		if !was {
			_, err := h.kernel.promoteSecondaries(iface, false)
			fail(err)
		}
		delete(h.promoted, iface)
	}
	for _, iface := range promote {
		was, err := h.kernel.promoteSecondaries(iface, true)
		if _, known := h.promoted[iface]; !fail(err) && !known {
			h.promoted[iface] = was
		}
	}
	return errors.Join(errs...)
}

func (h *links) Cleanup(vmacs []VMAC) error {
	var errs []error
	for _, v := range slices.Backward(vmacs) {
		errs = append(errs, h.kernel.removeVMAC(v.Name))
	}
	return errors.Join(errs...)
}

// Equal reports whether two VMACs are to be made alike.
func (v VMAC) Equal(o VMAC) bool { return reflect.DeepEqual(v, o) }

// stackLinks is a Stack, whose firewall keeps a VMAC's hardware address from
// being learned where it is not.
type stackLinks struct{ *Stack }

func (s stackLinks) addVMAC(v VMAC) error {
	if err := s.AddVMAC(v); err != nil || v.Hardware == nil {
		return err
	}
	return s.firewall.isolate(v)
}

// reachable looks at what the kernel does with packets whose way back is over
// the VMAC's base. AddVMAC allows them on the VMAC, and all.rp_filter forbids
// them everywhere; who has set it may have meant that for other interfaces.
func (s stackLinks) reachable(v VMAC) error {
	if v.Hardware == nil || v.IPv6 {
		return nil
	}
	const strict = 1
	if value, err := s.rpFilterOfAll(); err != nil || value != strict {
		return err
	}
	return fmt.Errorf("net.ipv4.conf.all.rp_filter is 1: the kernel drops what comes to %s from senders that it does not reach over that interface, most likely all of them; set it to 0 or 2", v.Name)
}

func (s stackLinks) removeVMAC(name string) error {
	return errors.Join(s.firewall.release(name), s.RemoveVMAC(name))
}

func (s stackLinks) promoteSecondaries(iface string, on bool) (was bool, err error) {
	fail := func(err error) (bool, error) {
		return false, fmt.Errorf("promote_secondaries of %s: %w", iface, privilege.Explain(err, privilege.NetAdmin))
	}
	index, err := s.indexOf(iface)
	if err != nil {
		return fail(err)
	}
	before, err := s.ipv4Conf(index, confPromoteSecondaries)
	if err != nil {
		return fail(err)
	}
	value := uint32(0)
	if on {
		value = 1
	}
	if before[confPromoteSecondaries] != value {
		if err := s.setIPv4Conf(index, map[uint16]uint32{confPromoteSecondaries: value}); err != nil {
			return fail(err)
		}
	}
	return before[confPromoteSecondaries] != 0, nil
}
