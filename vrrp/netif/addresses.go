package netif

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"tandem/internal/privilege"
)

// Addresses holds the virtual addresses of one VRRP instance.
type Addresses interface {
	// Set makes the kernel hold exactly the desired addresses, of those
	// that this Addresses ever set: what is new is added, what is no longer
	// desired is removed, what stays gets the lease anew. It is
	// idempotent. The errors are those of all addresses, joined; the ones
	// that failed to be added are tried again by the next Set.
	Set(desired []Address, lease Lease) error

	// Cleanup removes the configured addresses that a dead process left on
	// the machine, and returns them. It also returns entries that stay
	// although they hold one of the configured IP addresses: the same address
	// with another prefix length or on another interface, which somebody else
	// set.
	Cleanup(configured []Address) (removed, foreign []Address, err error)
}

// Addresses returns a new, empty holder of addresses.
//
// An address that somebody else has set already, with the same prefix on the
// same interface, is taken over: it is removed with ours. One with the same
// IP address but another prefix or interface is another entry to the kernel
// and is left alone; Cleanup names it, because the machine then answers for
// the address even as a backup.
func (s *Stack) Addresses() Addresses { return newAddresses(s) }

// addressKernel is what addresses needs of a kernel.
type addressKernel interface {
	setAddress(Address, Lease) error
	removeAddress(Address) error // no error if it is gone already
	awaitAddress(Address)        // until packets for it arrive
	listAddresses() ([]Address, error)
}

// addresses finds the differences and remembers what is its own.
type addresses struct {
	kernel addressKernel
	held   map[key]Address
}

func newAddresses(k addressKernel) *addresses {
	return &addresses{kernel: k, held: map[key]Address{}}
}

func (h *addresses) Set(desired []Address, lease Lease) error {
	wanted := make(map[key]Address, len(desired))
	for _, a := range desired {
		wanted[a.key()] = a
	}
	var errs []error
	// Removed first: of two addresses that differ in their label only, the
	// kernel takes the second for a replacement that keeps the first label.
	for k, old := range h.held {
		if now, stays := wanted[k]; stays && now == old {
			continue
		}
		if err := h.kernel.removeAddress(old); err != nil {
			errs = append(errs, err)
			continue
		}
		delete(h.held, k)
	}
	for _, a := range desired {
		if err := h.kernel.setAddress(a, lease); err != nil {
			errs = append(errs, err)
			continue
		}
		if _, held := h.held[a.key()]; !held {
			h.kernel.awaitAddress(a)
		}
		h.held[a.key()] = a
	}
	return errors.Join(errs...)
}

func (h *addresses) Cleanup(configured []Address) (removed, foreign []Address, err error) {
	present, err := h.kernel.listAddresses()
	if err != nil {
		return nil, nil, err
	}
	var errs []error
	for _, p := range present {
		ours := slices.ContainsFunc(configured, func(c Address) bool { return c.key() == p.key() })
		same := slices.ContainsFunc(configured, func(c Address) bool { return c.Prefix.Addr() == p.Prefix.Addr() })
		switch {
		case ours:
			if err := h.kernel.removeAddress(p); err != nil {
				errs = append(errs, err)
				continue
			}
			removed = append(removed, p)
		case same:
			foreign = append(foreign, p)
		}
	}
	return removed, foreign, errors.Join(errs...)
}

// setAddress adds the address, or gives it the lease anew if it is there.
func (s *Stack) setAddress(a Address, lease Lease) error {
	if err := s.changeAddress(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, a, lease); err != nil {
		return fmt.Errorf("add address %s to %s: %w", a.Prefix, a.Interface, privilege.Explain(err, privilege.NetAdmin))
	}
	return nil
}

// usableLimit bounds the wait for a new IPv6 address.
const usableLimit = 100 * time.Millisecond

// awaitAddress waits until the kernel takes packets for an address: that of IPv6
// acknowledges it before, and refuses what comes meanwhile.
func (s *Stack) awaitAddress(a Address) {
	if a.Prefix.Addr().Is4() || a.DAD {
		return
	}
	for end := time.Now().Add(usableLimit); time.Now().Before(end); time.Sleep(time.Millisecond) {
		routes, err := s.netlink.RouteGet(a.Prefix.Addr().AsSlice())
		if err == nil && len(routes) > 0 && routes[0].Type == unix.RTN_LOCAL {
			return
		}
	}
}

// removeAddress removes the address; that it is gone already is no error.
func (s *Stack) removeAddress(a Address) error {
	err := s.changeAddress(unix.RTM_DELADDR, 0, a, Forever)
	if err == nil || errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.ENODEV) || errors.Is(err, ErrNoInterface) {
		return nil
	}
	return fmt.Errorf("remove address %s from %s: %w", a.Prefix, a.Interface, privilege.Explain(err, privilege.NetAdmin))
}

// changeAddress sends one RTM_NEWADDR or RTM_DELADDR with the attributes that
// keepalived sends. It does not go through netlink.AddrReplace because that
// adds a broadcast address of its own choice, and because the request must
// come from the Stack's own port for the Watcher to know it again.
func (s *Stack) changeAddress(message, flags int, a Address, lease Lease) error {
	index, err := s.indexOf(a.Interface)
	if err != nil {
		return err
	}
	family := unix.AF_INET
	if a.Prefix.Addr().Is6() {
		family = unix.AF_INET6
	}
	header := nl.NewIfAddrmsg(family)
	header.Index = uint32(index)
	header.Scope = uint8(a.Scope)
	header.Prefixlen = uint8(a.Prefix.Bits())
	far := a.Prefix.Addr()
	if a.Peer.IsValid() {
		header.Prefixlen = uint8(a.Peer.Bits())
		far = a.Peer.Addr()
	}
	request := nl.NewNetlinkRequest(message, flags|unix.NLM_F_ACK)
	request.AddData(header)
	request.AddData(nl.NewRtAttr(unix.IFA_LOCAL, a.Prefix.Addr().AsSlice()))
	request.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, far.AsSlice()))
	if message == unix.RTM_NEWADDR {
		if f := a.flags(); f != 0 {
			request.AddData(nl.NewRtAttr(unix.IFA_FLAGS, nl.Uint32Attr(f)))
		}
		if a.Broadcast.IsValid() {
			request.AddData(nl.NewRtAttr(unix.IFA_BROADCAST, a.Broadcast.AsSlice()))
		}
		if a.Label != "" && family == unix.AF_INET {
			request.AddData(nl.NewRtAttr(unix.IFA_LABEL, nl.ZeroTerminated(a.Label)))
		}
		lifetime := nl.IfaCacheInfo{}
		lifetime.Valid = lease.seconds()
		lifetime.Prefered = lifetime.Valid
		if a.Deprecated {
			lifetime.Prefered = 0
		}
		request.AddData(nl.NewRtAttr(unix.IFA_CACHEINFO, lifetime.Serialize()))
	}
	return s.execute(request)
}

// listAddresses returns every address of the namespace, as far as Address can
// say it.
func (s *Stack) listAddresses() ([]Address, error) {
	links, err := retryDump(s.netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	names := make(map[int]string, len(links))
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	list, err := retryDump(func() ([]netlink.Addr, error) { return s.netlink.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	var out []Address
	for _, a := range list {
		prefix := prefixOf(a.IPNet)
		if !prefix.IsValid() {
			continue
		}
		entry := Address{Interface: names[a.LinkIndex], Prefix: prefix, Scope: Scope(a.Scope)}
		if a.Peer != nil {
			entry.Peer = prefixOf(a.Peer)
		}
		out = append(out, entry)
	}
	return out, nil
}

// retryDump asks again while the kernel says that its answer is a mixture of
// before and after a change.
func retryDump[T any](list func() ([]T, error)) ([]T, error) {
	const tries = 10
	for try := 1; ; try++ {
		out, err := list()
		if !errors.Is(err, netlink.ErrDumpInterrupted) || try == tries {
			return out, err
		}
	}
}

// addrOf converts an address of the netlink library.
func addrOf(ip []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}
