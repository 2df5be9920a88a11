package netif_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

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
	route := func(to string) netif.Route {
		return netif.Route{Type: unix.RTN_UNICAST, Destination: netip.MustParsePrefix(to), Device: "ens33", Table: 254, Protocol: 18,
			Metric: new(uint32(7)), NextHops: []netif.NextHop{}}
	}
	rule := func() netif.Rule {
		return netif.Rule{From: netip.MustParsePrefix("10.0.0.0/8"), Priority: 100, Action: unix.FR_ACT_TO_TBL, Table: 100,
			UIDs: &[2]uint32{1, 2}, Protocol: 18}
	}
	if err := r.Set([]netif.Route{route("10.1.0.0/16"), route("10.2.0.0/16")}, []netif.Rule{rule()}); err != nil {
		t.Fatal(err)
	}
	const add = "ip route add 10.1.0.0/16 dev ens33 table 254 protocol 18 metric 7\n" +
		"ip route add 10.2.0.0/16 dev ens33 table 254 protocol 18 metric 7\n" +
		"ip rule add from 10.0.0.0/8 priority 100 uidrange 1-2 table 100 protocol 18\n"
	if diff := cmp.Diff(add, f.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if err := r.Set([]netif.Route{route("10.2.0.0/16")}, nil); err != nil {
		t.Fatal(err)
	}
	const less = "ip rule del from 10.0.0.0/8 priority 100 uidrange 1-2 table 100 protocol 18\n" +
		"ip route del 10.1.0.0/16 dev ens33 table 254 protocol 18 metric 7\n" +
		"ip route add 10.2.0.0/16 dev ens33 table 254 protocol 18 metric 7\n"
	if diff := cmp.Diff(less, f.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// What is held and was removed is told; what is not held is nobody's.
	missing := r.Mend([]netif.Route{route("10.1.0.0/16"), route("10.2.0.0/16")}, []netif.Rule{rule()})
	if want := []string{"route 10.2.0.0/16 dev ens33 table 254 protocol 18 metric 7"}; !slices.Equal(missing, want) {
		t.Errorf("missing %q, want %q", missing, want)
	}
}

// A route that differs in anything is another one, and what cannot be removed is tried again.
func TestRoutesByValue(t *testing.T) {
	f := &netif.Fake{}
	r := f.Routes()
	route := netif.Route{Type: unix.RTN_UNICAST, Destination: netip.MustParsePrefix("10.1.0.0/16"), Device: "ens33", Table: 254}
	other := route
	other.Metrics.Locked = 1 << unix.RTAX_CC_ALGO // which is not printed: there is no algorithm
	if route.String() != other.String() {
		t.Fatalf("%v and %v", route, other)
	}
	if err := r.Set([]netif.Route{route}, nil); err != nil {
		t.Fatal(err)
	}
	_ = f.String()
	f.Fail = func(line string) error {
		if strings.HasPrefix(line, "ip route del") {
			return errors.New("not now")
		}
		return nil
	}
	if err := r.Set([]netif.Route{other}, nil); err == nil {
		t.Error("a route was removed that cannot be")
	}
	f.Fail = nil
	_ = f.String()
	if err := r.Set([]netif.Route{other}, nil); err != nil {
		t.Fatal(err)
	}
	line := route.String() + "\n"
	if diff := cmp.Diff("ip route del "+line+"ip route add "+line, f.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRouteAndRuleLines(t *testing.T) {
	p, a := netip.MustParsePrefix, netip.MustParseAddr
	for _, c := range []struct {
		got  fmt.Stringer
		want string
	}{
		{netif.Route{Type: unix.RTN_BLACKHOLE, Destination: p("0.0.0.0/0"), Table: 2000}, "blackhole 0.0.0.0/0 table 2000 protocol 0"},
		{netif.Route{Type: 99, Destination: p("10.0.0.0/8"), VRF: "red"}, "type 99 10.0.0.0/8 vrf red protocol 0"},
		{netif.Route{Type: unix.RTN_UNICAST, Destination: p("fd01::/64"), From: p("fd02::/64"), Source: a("fd03::1"), Via: a("fe80::1"), Device: "eth0",
			Table: 254, Protocol: 18, Scope: new(netif.ScopeLink), TOS: 8, OnLink: true, Realms: 1<<16 | 2, Expires: time.Minute,
			Preference: new(uint8(3)), TTLPropagate: new(false)},
			"fd01::/64 from fd02::/64 src fd03::1 via fe80::1 dev eth0 table 254 protocol 18 scope link tos 8 onlink realms 1/2 expires 60 pref 3 ttl-propagate false"},
		{netif.Route{Type: unix.RTN_UNICAST, Destination: p("10.0.0.0/8"), Metrics: netif.Metrics{
			Values: [unix.RTAX_MAX + 1]uint32{unix.RTAX_MTU: 1400, unix.RTAX_FEATURES: 1}, Locked: 1 << unix.RTAX_MTU, CongestionControl: "reno"},
			NextHops: []netif.NextHop{{Via: a("10.0.0.1"), Weight: 2, OnLink: true}, {Device: "eth1", Weight: 1, Realms: 3}}},
			"10.0.0.0/8 table 0 protocol 0 mtu lock 1400 features ecn congctl reno nexthop via 10.0.0.1 weight 2 onlink nexthop dev eth1 weight 1 realms 0/3"},
		{netif.Rule{IPv6: true, Invert: true, From: p("fd01::/64"), To: p("fd02::/64"), Priority: 9, TOS: 4, Mark: new(uint32(16)), Mask: 255, Input: "eth0",
			Output: "eth1", TunnelID: 5, UIDs: &[2]uint32{0, 9}, IPProtocol: new(uint8(6)), SourcePort: &[2]uint16{1, 2}, DestPort: &[2]uint16{3, 4},
			Action: unix.FR_ACT_GOTO, Goto: 100, Protocol: 18},
			"inet6 not from fd01::/64 to fd02::/64 priority 9 tos 4 fwmark 0x10/0xff iif eth0 oif eth1 tunnel-id 5 uidrange 0-9 ipproto 6 " +
				"sport 1-2 dport 3-4 goto 100 protocol 18"},
		{netif.Rule{Action: unix.FR_ACT_TO_TBL, L3MDev: true, SuppressPrefixLength: new(uint32(0)), SuppressGroup: new(uint32(7)), Realms: 4},
			"priority 0 l3mdev realms 0/4 suppress_prefixlength 0 suppress_ifgroup 7 protocol 0"},
		{netif.Rule{Action: unix.FR_ACT_PROHIBIT}, "priority 0 prohibit protocol 0"},
	} {
		if got := c.got.String(); got != c.want {
			t.Errorf("%s\nwant\n%s", got, c.want)
		}
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
