package netif_test

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/vrrp/netif"
)

// shown is what `ip address` prints for an interface, an address a line, the
// seconds that are left replaced by N.
func shown(t *testing.T, h *lab.Host, args ...string) string {
	t.Helper()
	out := must[string](t)(h.Output("ip", append(args, "addr", "show", "dev", "ens33")...))
	var lines []string
	for _, line := range strings.Split(out, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "inet"):
			lines = append(lines, line)
		case strings.HasPrefix(line, "valid_lft") && len(lines) > 0:
			lines[len(lines)-1] += " | " + regexp.MustCompile(`\d+sec`).ReplaceAllString(line, "Nsec")
		}
	}
	return strings.Join(lines, "\n")
}

func TestAddressesLookLikeKeepaliveds(t *testing.T) {
	p := newLAN(t)
	a := stack(t, p.one).Addresses()
	vip := address("ens33", "192.168.200.254/32")
	const own = "inet 192.168.200.7/24 scope global ens33 | valid_lft forever preferred_lft forever"
	for _, c := range []struct {
		what   string
		change func(*netif.Address)
		lease  netif.Lease
		want   string
	}{
		{"bare", func(*netif.Address) {}, netif.Forever,
			"inet 192.168.200.254/32 scope global ens33 | valid_lft forever preferred_lft forever"},
		{"leased", func(*netif.Address) {}, netif.Lease(5 * time.Second),
			"inet 192.168.200.254/32 scope global dynamic ens33 | valid_lft Nsec preferred_lft Nsec"},
		{"prefix", func(a *netif.Address) { a.Prefix = netip.MustParsePrefix("10.1.2.3/28") }, netif.Forever,
			"inet 10.1.2.3/28 scope global ens33 | valid_lft forever preferred_lft forever"},
		{"broadcast", func(a *netif.Address) { a.Broadcast = netip.MustParseAddr("192.168.200.255") }, netif.Forever,
			"inet 192.168.200.254/32 brd 192.168.200.255 scope global ens33 | valid_lft forever preferred_lft forever"},
		{"label", func(a *netif.Address) { a.Label = "ens33:web" }, netif.Forever,
			"inet 192.168.200.254/32 scope global ens33:web | valid_lft forever preferred_lft forever"},
		{"scope", func(a *netif.Address) { a.Scope = netif.ScopeLink }, netif.Forever,
			"inet 192.168.200.254/32 scope link ens33 | valid_lft forever preferred_lft forever"},
		{"peer", func(a *netif.Address) { a.Peer = netip.MustParsePrefix("10.9.9.9/32") }, netif.Forever,
			"inet 192.168.200.254 peer 10.9.9.9/32 scope global ens33 | valid_lft forever preferred_lft forever"},
		{"noprefixroute", func(a *netif.Address) { a.Prefix = netip.MustParsePrefix("10.1.2.3/28"); a.NoPrefixRoute = true }, netif.Forever,
			"inet 10.1.2.3/28 scope global noprefixroute ens33 | valid_lft forever preferred_lft forever"},
	} {
		one := vip
		c.change(&one)
		check(t, a.Set([]netif.Address{one}, c.lease))
		if got := shown(t, p.one, "-4"); got != own+"\n"+c.want && got != c.want+"\n"+own {
			t.Errorf("%s:\n%s\nwant\n%s", c.what, got, c.want)
		}
		check(t, a.Set(nil, 0))
		if got := shown(t, p.one, "-4"); got != own {
			t.Errorf("%s: not removed:\n%s", c.what, got)
		}
	}
}

func TestIPv6Addresses(t *testing.T) {
	p := newLAN(t)
	a := stack(t, p.one).Addresses()
	vip := address("ens33", "fd00::254/128")
	check(t, a.Set([]netif.Address{vip}, netif.Forever))
	if got, want := shown(t, p.one, "-6"), "inet6 fd00::254/128 scope global nodad | valid_lft forever preferred_lft forever"; !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	vip.Deprecated = true
	check(t, a.Set([]netif.Address{vip}, netif.Forever))
	if got, want := shown(t, p.one, "-6"), "inet6 fd00::254/128 scope global nodad deprecated | valid_lft forever preferred_lft Nsec"; !strings.Contains(got, want) {
		t.Errorf("deprecated: got\n%s\nwant\n%s", got, want)
	}
	check(t, a.Set([]netif.Address{vip}, netif.Lease(5*time.Second)))
	if got, want := shown(t, p.one, "-6"), "inet6 fd00::254/128 scope global nodad deprecated dynamic | valid_lft Nsec preferred_lft Nsec"; !strings.Contains(got, want) {
		t.Errorf("leased: got\n%s\nwant\n%s", got, want)
	}
	check(t, a.Set(nil, 0))
	if got := shown(t, p.one, "-6"); strings.Contains(got, "fd00::254") {
		t.Errorf("not removed:\n%s", got)
	}
}

func TestSetIsIdempotentAndAdopts(t *testing.T) {
	p := newLAN(t)
	a := stack(t, p.one).Addresses()
	vip := address("ens33", "192.168.200.254/32")
	check(t, p.port1.AddAddress(vip.Prefix))
	for range 3 {
		check(t, a.Set([]netif.Address{vip}, netif.Lease(5*time.Second)))
	}
	if got := shown(t, p.one, "-4"); strings.Count(got, "192.168.200.254") != 1 || !strings.Contains(got, "dynamic") {
		t.Errorf("not taken over:\n%s", got)
	}
	// Gone behind its back: back with the next Set, and no error to remove.
	check(t, p.port1.RemoveAddress(vip.Prefix))
	check(t, a.Set([]netif.Address{vip}, netif.Forever))
	check(t, p.port1.RemoveAddress(vip.Prefix))
	check(t, a.Set(nil, netif.Forever))
}

// TestLeaseEnds leaves a lease alone, as a process that was killed does.
func TestLeaseEnds(t *testing.T) {
	p := newLAN(t)
	s := stack(t, p.one)
	vip := address("ens33", "192.168.200.254/32")
	deleted := make(chan netif.Event, 1)
	w := watcher(t, p.one, s, func(e netif.Event) {
		if e.Kind == netif.AddressDeleted && e.Address == vip.Prefix {
			deleted <- e
		}
	})
	defer w.Close()
	a := s.Addresses()
	stalls := lab.WatchStalls()
	defer stalls.Close()
	check(t, a.Set([]netif.Address{vip}, netif.Lease(time.Second)))
	begun := time.Now()
	select {
	case e := <-deleted:
		after := time.Since(begun)
		if _, stalled := stalls.Since(begun); after < 900*time.Millisecond || after > 4*time.Second+stalled {
			t.Errorf("a lease of 1 s ended after %v; the machine stalled for %v", after, stalled)
		}
		if e.Own {
			t.Error("the end of a lease counts as our own change")
		}
	case <-time.After(30 * time.Second):
		t.Fatal("a lease of 1 s did not end")
	}
	// Renewed in time it never ends.
	for range 15 {
		check(t, a.Set([]netif.Address{vip}, netif.Lease(2*time.Second)))
		renewed := time.Now()
		select {
		case <-deleted:
			if after := time.Since(renewed); after < 1900*time.Millisecond {
				t.Fatalf("a lease of 2 s ended %v after it was renewed", after)
			}
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func TestCleanupOfARealKernel(t *testing.T) {
	p := newLAN(t)
	check(t, p.port1.AddAddress(netip.MustParsePrefix("192.168.200.254/32")))
	check(t, p.port1.AddAddress(netip.MustParsePrefix("192.168.200.253/24")))
	a := stack(t, p.one).Addresses()
	removed, foreign, err := a.Cleanup([]netif.Address{
		address("ens33", "192.168.200.254/32"), address("ens33", "192.168.200.253/32"), address("ens99", "10.0.0.1/32"),
	})
	check(t, err)
	if len(removed) != 1 || removed[0] != address("ens33", "192.168.200.254/32") {
		t.Errorf("removed: %v", removed)
	}
	if got := shown(t, p.one, "-4"); strings.Contains(got, "192.168.200.254") || !strings.Contains(got, "192.168.200.253/24") {
		t.Errorf("after Cleanup:\n%s", got)
	}
	if len(foreign) != 1 || foreign[0] != address("ens33", "192.168.200.253/24") {
		t.Errorf("foreign: %v", foreign)
	}
}

func TestAddressWithoutInterface(t *testing.T) {
	p := newLAN(t)
	a := stack(t, p.one).Addresses()
	err := a.Set([]netif.Address{address("ens99", "10.0.0.1/32")}, netif.Forever)
	if err == nil || err.Error() != "add address 10.0.0.1/32 to ens99: interface does not exist" {
		t.Errorf("error %v", err)
	}
	check(t, a.Set(nil, netif.Forever))
}

func TestInterface(t *testing.T) {
	p := newLAN(t)
	s := stack(t, p.one)
	check(t, s.Addresses().Set([]netif.Address{address("ens33", "192.168.200.254/32")}, netif.Forever))
	i := must[netif.Interface](t)(s.Interface("ens33"))
	if !i.Up || !i.Running || i.Loopback || len(i.Hardware) != 6 || i.MTU != 1500 {
		t.Errorf("%+v", i)
	}
	virtual := func(a netip.Addr) bool { return a == netip.MustParseAddr("192.168.200.254") }
	if source, ok := i.Source(false, virtual); !ok || source != netip.MustParseAddr("192.168.200.7") {
		t.Errorf("source %v, %v", source, ok)
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		i = must[netif.Interface](t)(s.Interface("ens33"))
		if _, ok := i.Source(true, virtual); ok {
			break
		}
	}
	if source, ok := i.Source(true, virtual); !ok || !source.IsLinkLocalUnicast() || source.Zone() != "" {
		t.Errorf("IPv6 source %v, %v", source, ok)
	}
	if _, err := s.Interface("ens99"); err == nil || err.Error() != "interface ens99: interface does not exist" {
		t.Errorf("error %v", err)
	}
}
