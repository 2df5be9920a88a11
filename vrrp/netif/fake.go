package netif

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Fake is a kernel for tests, without interfaces and without privileges. The
// decisions (what differs, what is removed first) are those of the real one.
type Fake struct {
	// Fail, if set, is asked before every change, given as the line that
	// String would print; an error refuses the change.
	Fail func(line string) error

	mu      sync.Mutex
	present []Address
	lines   []string
	arp     map[string]ARPSettings
}

// Addresses returns a new holder of addresses in the fake kernel.
func (f *Fake) Addresses() Addresses { return newAddresses(f) }

// Routes returns a new holder of routes and rules in the fake kernel.
func (f *Fake) Routes() Routes { return newRoutes(fakeRoutes{f}) }

// Hold returns new, empty holders in the fake kernel.
func (f *Fake) Hold() Holders {
	return Holders{f.Addresses(), f.Routes(), newLinks(fakeLinks{f}), &fakeFilter{fake: f}, deaf{}}
}

// Announcer returns an announcer that prints.
func (f *Fake) Announcer() Announcer { return fakeAnnouncer{f} }

// Place puts an address into the fake kernel as somebody else would.
func (f *Fake) Place(a Address) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.present = append(f.present, a)
}

// Present returns the addresses that the fake kernel has, in the order in
// which they were added.
func (f *Fake) Present() []Address {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Address(nil), f.present...)
}

// Expire removes the addresses that were set, as the kernel does when nobody
// renews their lease.
func (f *Fake) Expire() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.present = nil
}

// ARPSettings returns what SetARPSettings has set.
func (f *Fake) ARPSettings(iface string) (ARPSettings, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.arp[iface], nil
}

// SetARPSettings sets how an interface answers for addresses.
func (f *Fake) SetARPSettings(iface string, a ARPSettings) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.print("arp_announce %d arp_ignore %d dev %s", a.Announce, a.Ignore, iface); err != nil {
		return err
	}
	if f.arp == nil {
		f.arp = map[string]ARPSettings{}
	}
	f.arp[iface] = a
	return nil
}

// String returns every change since the last call, a line each:
//
//	ip addr replace 192.168.200.254/32 dev ens33 valid_lft 3sec
//	garp 192.168.200.254 dev ens33 repeat 5
//	ip addr del 192.168.200.254/32 dev ens33
func (f *Fake) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := strings.Join(f.lines, "")
	f.lines = nil
	return out
}

// print asks Fail, and notes the line.
func (f *Fake) print(format string, args ...any) error {
	line := fmt.Sprintf(format, args...)
	if f.Fail != nil {
		if err := f.Fail(line); err != nil {
			return err
		}
	}
	f.lines = append(f.lines, line+"\n")
	return nil
}

func (f *Fake) awaitAddress(Address) {}

func (f *Fake) setAddress(a Address, lease Lease) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.print("ip addr replace %s valid_lft %s", a, lease); err != nil {
		return err
	}
	for i, p := range f.present {
		if p.key() == a.key() {
			f.present[i] = a
			return nil
		}
	}
	f.present = append(f.present, a)
	return nil
}

func (f *Fake) removeAddress(a Address) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.print("ip addr del %s dev %s", a.Prefix, a.Interface); err != nil {
		return err
	}
	for i, p := range f.present {
		if p.key() == a.key() {
			f.present = append(f.present[:i], f.present[i+1:]...)
			break
		}
	}
	return nil
}

func (f *Fake) listAddresses() ([]Address, error) { return f.Present(), nil }

// fakeRoutes prints changes of routes and rules into its Fake, in which
// nothing is ever there already.
type fakeRoutes struct{ fake *Fake }

func (r fakeRoutes) addRoute(x Route) (bool, error) {
	return true, r.print("ip route add %v", x)
}
func (r fakeRoutes) removeRoute(x Route) error { return r.print("ip route del %v", x) }
func (r fakeRoutes) addRule(x Rule) (bool, error) {
	return true, r.print("ip rule add %v", x)
}
func (r fakeRoutes) removeRule(x Rule) error { return r.print("ip rule del %v", x) }

func (r fakeRoutes) print(format string, x any) error {
	r.fake.mu.Lock()
	defer r.fake.mu.Unlock()
	return r.fake.print(format, x)
}

// fakeLinks prints changes of interfaces into its Fake.
type fakeLinks struct{ fake *Fake }

func (l fakeLinks) addVMAC(v VMAC) error {
	kind := "macvlan mode private address " + v.Hardware.String()
	if v.Hardware == nil {
		kind = "ipvlan mode l2 " + v.Mode
	}
	own := ""
	if v.Address.IsValid() {
		own = ", " + v.Address.String()
	}
	return l.print("ip link add %s link %s type %s%s", v.Name, v.Base, kind, own)
}

func (l fakeLinks) reachable(VMAC) error { return nil }

func (l fakeLinks) removeVMAC(name string) error { return l.print("ip link del %s", name) }

func (l fakeLinks) promoteSecondaries(iface string, on bool) (was bool, err error) {
	return false, l.print("promote_secondaries of %s: %v", iface, on)
}

func (l fakeLinks) print(format string, args ...any) error {
	l.fake.mu.Lock()
	defer l.fake.mu.Unlock()
	return l.fake.print(format, args...)
}

// fakeFilter prints what it drops into its Fake.
type fakeFilter struct {
	fake    *Fake
	dropped []Address
}

func (f *fakeFilter) Set(addresses []Address) error {
	f.fake.mu.Lock()
	defer f.fake.mu.Unlock()
	if slices.Equal(f.dropped, addresses) {
		return nil
	}
	var list []string
	for _, a := range addresses {
		list = append(list, a.Prefix.Addr().String())
	}
	f.dropped = slices.Clone(addresses)
	return f.fake.print("nft drop { %s }", strings.Join(list, ", "))
}

// deaf hears nobody.
type deaf struct{}

func (deaf) Listen(SocketConfig, time.Duration) ([]netip.Addr, error) { return nil, nil }
func (deaf) Close() error                                             { return nil }

// fakeAnnouncer prints announcements into its Fake.
type fakeAnnouncer struct{ fake *Fake }

func (n fakeAnnouncer) Announce(a Announcement) {
	n.fake.mu.Lock()
	defer n.fake.mu.Unlock()
	for _, address := range a.Addresses {
		what, interval := "garp", a.GARPInterval
		if address.Is6() {
			what, interval = "na", a.NAInterval
		}
		line := fmt.Sprintf("%s %s dev %s repeat %d", what, address, a.Interface, max(a.Repeat, 1))
		if interval > 0 {
			line += fmt.Sprintf(" interval %v", interval)
		}
		_ = n.fake.print("%s", line) // nobody to tell: announcing has no errors
	}
}

func (n fakeAnnouncer) Withdraw(iface string, addresses []netip.Addr) {
	n.fake.mu.Lock()
	defer n.fake.mu.Unlock()
	for _, address := range addresses {
		_ = n.fake.print("withdraw %s dev %s", address, iface)
	}
}
