package netif_test

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tandem/keepalivedconf"
	"tandem/vrrp/netif"
)

func address(iface, prefix string) netif.Address {
	return netif.Address{Interface: iface, Prefix: netip.MustParsePrefix(prefix)}
}

func TestSetOnlyTheDifference(t *testing.T) {
	f := &netif.Fake{}
	a := f.Addresses()
	one, two := address("ens33", "192.168.200.254/32"), address("ens33", "192.168.200.253/24")
	labelled := one
	labelled.Label = "ens33:web"
	for _, step := range []struct {
		what    string
		desired []netif.Address
		lease   netif.Lease
		want    string
	}{
		{"nothing", nil, 0, ""},
		{"one", []netif.Address{one}, netif.Lease(3 * time.Second), "ip addr replace 192.168.200.254/32 dev ens33 valid_lft 3sec\n"},
		{"again", []netif.Address{one}, netif.Lease(2500 * time.Millisecond), "ip addr replace 192.168.200.254/32 dev ens33 valid_lft 3sec\n"},
		{"another", []netif.Address{two}, netif.Forever,
			"ip addr del 192.168.200.254/32 dev ens33\nip addr replace 192.168.200.253/24 dev ens33 valid_lft forever\n"},
		{"both", []netif.Address{one, two}, netif.Forever,
			"ip addr replace 192.168.200.254/32 dev ens33 valid_lft forever\nip addr replace 192.168.200.253/24 dev ens33 valid_lft forever\n"},
		{"another label", []netif.Address{labelled, two}, netif.Forever,
			"ip addr del 192.168.200.254/32 dev ens33\n" +
				"ip addr replace 192.168.200.254/32 dev ens33 label ens33:web valid_lft forever\n" +
				"ip addr replace 192.168.200.253/24 dev ens33 valid_lft forever\n"},
		{"without the second", []netif.Address{labelled}, netif.Forever,
			"ip addr del 192.168.200.253/24 dev ens33\nip addr replace 192.168.200.254/32 dev ens33 label ens33:web valid_lft forever\n"},
		{"nothing again", nil, 0, "ip addr del 192.168.200.254/32 dev ens33\n"},
		{"still nothing", nil, 0, ""},
	} {
		if err := a.Set(step.desired, step.lease); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		if diff := cmp.Diff(step.want, f.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.what, diff)
		}
	}
}

func TestSetGoesOnAfterAnError(t *testing.T) {
	refused := errors.New("refused")
	f := &netif.Fake{}
	f.Fail = func(line string) error {
		if strings.Contains(line, ".253") {
			return refused
		}
		return nil
	}
	a := f.Addresses()
	all := []netif.Address{address("ens33", "10.0.0.253/32"), address("ens33", "10.0.0.254/32")}
	if err := a.Set(all, netif.Forever); !errors.Is(err, refused) {
		t.Errorf("error %v", err)
	}
	if got, want := f.String(), "ip addr replace 10.0.0.254/32 dev ens33 valid_lft forever\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	f.Fail = nil
	if err := a.Set(nil, netif.Forever); err != nil {
		t.Error(err)
	}
	if got, want := f.String(), "ip addr del 10.0.0.254/32 dev ens33\n"; got != want {
		t.Errorf("what was never added is removed: got %s, want %s", got, want)
	}
}

func TestCleanup(t *testing.T) {
	f := &netif.Fake{}
	f.Place(address("ens33", "192.168.200.7/24"))
	f.Place(address("ens33", "192.168.200.254/32"))
	f.Place(address("ens34", "192.168.200.254/32"))
	f.Place(address("ens33", "192.168.200.254/24"))
	removed, foreign, err := f.Addresses().Cleanup([]netif.Address{address("ens33", "192.168.200.254/32"), address("ens33", "192.168.200.253/32")})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := f.String(), "ip addr del 192.168.200.254/32 dev ens33\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(removed) != 1 || removed[0] != address("ens33", "192.168.200.254/32") {
		t.Errorf("removed: %v", removed)
	}
	want := []netif.Address{address("ens34", "192.168.200.254/32"), address("ens33", "192.168.200.254/24")}
	if diff := cmp.Diff(want, foreign, cmp.Comparer(func(a, b netif.Address) bool { return a == b })); diff != "" {
		t.Errorf("foreign (-want +got):\n%s", diff)
	}
}

// TestAnyOrderEndsInTheSameState sets random desired states and checks each
// against the dumbest possible reference: the desired state itself.
func TestAnyOrderEndsInTheSameState(t *testing.T) {
	pool := []netif.Address{
		address("ens33", "10.0.0.1/32"), address("ens33", "10.0.0.1/24"), address("ens34", "10.0.0.1/32"),
		address("ens33", "10.0.0.2/32"), address("ens33", "fd00::1/128"), address("ens33", "fd00::1/64"),
	}
	random := rand.New(rand.NewPCG(1, 2))
	f := &netif.Fake{}
	a := f.Addresses()
	for range 2000 {
		var desired []netif.Address
		for _, i := range random.Perm(len(pool))[:random.IntN(len(pool)+1)] {
			one := pool[i]
			if random.IntN(4) == 0 && one.Prefix.Addr().Is4() {
				one.Label = "ens33:x"
			}
			desired = append(desired, one)
		}
		if err := a.Set(desired, netif.Forever); err != nil {
			t.Fatal(err)
		}
		want := map[netif.Address]bool{}
		for _, d := range desired {
			want[d] = true
		}
		got := map[netif.Address]bool{}
		for _, p := range f.Present() {
			got[p] = true
		}
		if len(got) != len(want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		for w := range want {
			if !got[w] {
				t.Fatalf("got %v, want %v", got, want)
			}
		}
	}
}

func TestRoutesInOrder(t *testing.T) {
	f := &netif.Fake{}
	r := f.Routes()
	route := func(to string) keepalivedconf.Route {
		return keepalivedconf.Route{Type: "unicast", Destination: netip.MustParsePrefix(to), Device: "ens33", Table: 254, Protocol: 18}
	}
	rule := keepalivedconf.Rule{From: netip.MustParsePrefix("10.0.0.0/8"), Priority: 100, IPProto: -1, Action: keepalivedconf.RuleTable,
		Table: 100, SuppressPrefixLength: -1, SuppressGroup: -1, Protocol: 18}
	one, two := route("10.1.0.0/16"), route("10.2.0.0/16")
	if err := r.Set([]keepalivedconf.Route{one, two}, []keepalivedconf.Rule{rule}); err != nil {
		t.Fatal(err)
	}
	const add = "ip route add 10.1.0.0/16 dev ens33 table 254 protocol 18\n" +
		"ip route add 10.2.0.0/16 dev ens33 table 254 protocol 18\n" +
		"ip rule add from 10.0.0.0/8 priority 100 table 100 protocol 18\n"
	if diff := cmp.Diff(add, f.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if err := r.Set([]keepalivedconf.Route{two}, nil); err != nil {
		t.Fatal(err)
	}
	const less = "ip rule del from 10.0.0.0/8 priority 100 table 100 protocol 18\n" +
		"ip route del 10.1.0.0/16 dev ens33 table 254 protocol 18\n" +
		"ip route add 10.2.0.0/16 dev ens33 table 254 protocol 18\n"
	if diff := cmp.Diff(less, f.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFakeAnnouncer(t *testing.T) {
	f := &netif.Fake{}
	n := f.Announcer()
	n.Announce(netif.Announcement{Interface: "ens33", Repeat: 5, NAInterval: time.Millisecond,
		Addresses: []netip.Addr{netip.MustParseAddr("192.168.200.254"), netip.MustParseAddr("fd00::1")}})
	n.Withdraw("ens33", []netip.Addr{netip.MustParseAddr("fd00::1")})
	want := "garp 192.168.200.254 dev ens33 repeat 5\nna fd00::1 dev ens33 repeat 5 interval 1ms\nwithdraw fd00::1 dev ens33\n"
	if diff := cmp.Diff(want, f.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
