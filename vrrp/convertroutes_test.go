package vrrp_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tandem/keepalivedconf"
	"tandem/keepalivedconf/text"
	"tandem/vrrp"
)

// printed are the lines of a list.
func printed[T interface{ String() string }](list []T) string {
	var out strings.Builder
	for _, one := range list {
		out.WriteString(one.String() + "\n")
	}
	return out.String()
}

func TestRoutesFromKeepalived(t *testing.T) {
	const config = `
static_routes {
    10.200.0.0/16 dev eth0 no_track
    10.201.0.0/16 dev eth0
}
static_rules {
    from 10.200.0.0/16 table 7 priority 7
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        192.0.2.9
    }
    virtual_routes {
        10.1.0.0/16 via 192.0.2.1 dev eth0 metric 0 scope link tos 8 onlink table 2000 append
        blackhole 10.2.0.0/16 no_track
        77 10.3.0.0/16 dev eth0
        10.4.0.0/16 dev eth0 mtu lock 1400 congctl lock reno quickack 1 fastopen_no_cookie 1 features ecn ttl-propagate enabled
        10.5.0.0/16 nexthop via 192.0.2.2 dev eth0 weight 3 nexthop via 192.0.2.3 dev eth0 onlink
        fd01::/64 from fd02::/64 dev eth0 expires 60 pref high
        default dev eth0 add
    }
    virtual_rules {
        not from 10.1.0.0/16 to 10.2.0.0/16 iif eth0 oif eth0 fwmark 16/0xff priority 1 table 100
        ipproto udp sport 1-2 dport 3-4 uidrange 0-9 tunnel-id 5 goto 200 priority 100
        inet6 l3mdev priority 3 no_track
        from 10.0.0.0/8 table main suppress_prefixlength 0 suppress_ifgroup 7 realms 4 priority 4
        from 10.3.0.0/16 unreachable priority 5
    }
}
`
	k, reports := keepalivedconf.Read("keepalived.conf", keepalivedconf.Options{
		Text: text.Options{ReadFile: func(string) ([]byte, error) { return []byte(config), nil }}, Host: anyHost{}})
	if errors := reports.Of(text.KindGeneral); len(errors) > 0 {
		t.Fatal(errors)
	}
	in := vrrp.FromKeepalived(k, time.Hour).Instances[0]
	const routes = `10.1.0.0/16 via 192.0.2.1 dev eth0 table 2000 protocol 18 scope link tos 8 metric 0 onlink
blackhole 10.2.0.0/16 table 254 protocol 0
type 77 10.3.0.0/16 dev eth0 table 254 protocol 18
10.4.0.0/16 dev eth0 table 254 protocol 18 ttl-propagate true mtu lock 1400 quickack 1 fastopen_no_cookie 1 features ecn congctl lock reno
10.5.0.0/16 table 254 protocol 18 nexthop via 192.0.2.2 dev eth0 weight 3 nexthop via 192.0.2.3 dev eth0 weight 1 onlink
fd01::/64 from fd02::/64 dev eth0 table 254 protocol 18 expires 60 pref 1
0.0.0.0/0 dev eth0 table 254 protocol 18
`
	const rules = `not from 10.1.0.0/16 to 10.2.0.0/16 priority 1 fwmark 0x10/0xff iif eth0 oif eth0 table 100 protocol 18
priority 100 tunnel-id 5 uidrange 0-9 ipproto 17 sport 1-2 dport 3-4 goto 200 protocol 18
inet6 priority 3 l3mdev protocol 0
from 10.0.0.0/8 priority 4 table 254 realms 0/4 suppress_prefixlength 0 suppress_ifgroup 7 protocol 18
from 10.3.0.0/16 priority 5 unreachable protocol 18
`
	for _, c := range []struct{ what, want, got string }{
		{"routes", routes, printed(in.Routes)},
		{"rules", rules, printed(in.Rules)},
		{"tracked routes", strings.Replace(routes, "blackhole 10.2.0.0/16 table 254 protocol 0\n", "", 1), printed(in.TrackedRoutes)},
		{"tracked rules", strings.Replace(rules, "inet6 priority 3 l3mdev protocol 0\n", "", 1), printed(in.TrackedRules)},
		{"static routes", "10.200.0.0/16 dev eth0 table 254 protocol 0\n10.201.0.0/16 dev eth0 table 254 protocol 18\n", printed(vrrp.StaticRoutes(k))},
		{"static rules", "from 10.200.0.0/16 priority 7 table 7 protocol 18\n", printed(vrrp.StaticRules(k))},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
	}
}

// A line that has moved in the file is the same route.
func TestRoutesThatMove(t *testing.T) {
	one := seed("VI_1", 100)
	one = one[:strings.LastIndex(one, "}")] + "virtual_routes {\n 10.1.0.0/16 dev ens33\n}\n}\n"
	before, after := conf(t, one).Instances[0], conf(t, "# a comment\n\n"+one).Instances[0]
	if len(before.Routes) != 1 || !reflect.DeepEqual(before.Routes, after.Routes) {
		t.Errorf("%v and %v", before.Routes, after.Routes)
	}
}
