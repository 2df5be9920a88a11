package interop

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/internal/lab"
)

// belongings is what a host has of addresses, routes and rules that a VRRP router may have set, one in a line.
func belongings(t *testing.T, h *lab.Host) string {
	t.Helper()
	var list []string
	for _, args := range [][]string{{"-o", "-4", "addr"}, {"-o", "-6", "addr", "show", "scope", "global"}, {"-4", "route", "show", "table", "all", "proto", "keepalived"}, {"-6", "route", "show", "table", "all", "proto", "keepalived"}, {"rule"}} {
		out, err := h.Output("ip", args...)
		check(t, err)
		for line := range strings.Lines(out) {
			f := strings.Fields(line)
			if args[0] == "-o" {
				f = f[1:4] // not flags and lifetimes
			}
			list = append(list, strings.Join(f, " "))
		}
	}
	slices.Sort(list)
	return strings.Join(list, "\n")
}

var static = regexp.MustCompile(`(?s)static_\w+ \{.*?\n\}`)

// keepalived's own samples, alone: the machine gets from ours what it gets from keepalived, and is the same afterwards.
func TestSamples(t *testing.T) {
	t.Parallel()
	const dir = "/usr/share/doc/keepalived/samples"
	for _, name := range []string{"sample", "vrrp", "vrrp.sync", "vrrp.routes", "vrrp.rules", "SSL_GET"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join(dir, "keepalived.conf."+name))
			if err != nil {
				t.Skip(err)
			}
			n := newNetwork(t, 1)
			for i := range 4 {
				_, err := n.sw.Connect(n.hosts[0], fmt.Sprintf("eth%d", i), netip.MustParsePrefix(fmt.Sprintf("192.168.%d.7/24", 100+i)))
				check(t, err)
			}
			// What is static is the program's, not the router's.
			text = static.ReplaceAll(text, nil)
			before := belongings(t, n.hosts[0])
			var during []string
			for _, ourOwn := range []bool{false, true} {
				s := n.start(ourOwn, 1, string(text))
				during = append(during, settled(t, n.hosts[0], before))
				s.stop()
				eventually(t, n.hosts[0], func(string) bool { return belongings(t, n.hosts[0]) == before }, "true")
			}
			if during[0] != during[1] {
				t.Errorf("with keepalived:\n%s\n\nwith ours:\n%s", during[0], during[1])
			}
		})
	}
}

// settled waits until a host has got something beside what it had, and nothing more for longer than instances take to
// become master.
func settled(t *testing.T, h *lab.Host, before string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	last, since := "", time.Now()
	for {
		now := belongings(t, h)
		if now != last {
			last, since = now, time.Now()
		}
		if last != before && time.Since(since) > 4*time.Second {
			return last
		}
		if ctx.Err() != nil {
			t.Fatalf("nothing happens:\n%s", last)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// grouped is a sync group of two links, with routes and rules, and a third link that is worth a weight.
const grouped = `
vrrp_sync_group G1 {
    group {
        VI_1
        VI_2
    }
    sync_group_tracking_weight
}
vrrp_instance VI_1 {
    interface ens33
    virtual_router_id 51
    priority PRIORITY
    version 3
    advert_int 0.3
    virtual_ipaddress {
        192.168.200.254
    }
    virtual_routes {
        10.1.0.0/16 via 192.168.200.99
    }
    virtual_rules {
        from 10.2.0.0/16 table 77
    }
    track_interface {
        ens35 weight 60
    }
}
vrrp_instance VI_2 {
    interface ens34
    virtual_router_id 52
    priority PRIORITY
    version 3
    advert_int 0.3
    virtual_ipaddress {
        192.168.201.254
    }
    track_interface {
        ens35 weight 60
    }
}
`

// A sync group beside keepalived's, in both roles: both addresses move together, when one link is lost, when a
// weight makes the other node the better one, and when a route is removed by hand.
func TestPairOfGroups(t *testing.T) {
	t.Parallel()
	for _, oursFirst := range []bool{true, false} {
		t.Run(fmt.Sprintf("ours is master %v", oursFirst), func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t, 2)
			for i, h := range n.hosts {
				_, err := n.sw.Connect(h, "ens34", netip.MustParsePrefix(fmt.Sprintf("192.168.201.%d/24", i+1)))
				check(t, err)
				_, err = n.sw.Connect(h, "ens35")
				check(t, err)
			}
			first, second := n.holding("192.168.200.254"), n.holding("192.168.201.254")
			conf := func(priority string) string { return strings.ReplaceAll(grouped, "PRIORITY", priority) }
			b := n.start(!oursFirst, 2, conf("80"))
			a := n.start(oursFirst, 1, conf("100"))
			both := func(host int, what string) {
				t.Helper()
				n.await(first, host, what, a, b)
				n.await(second, host, what, a, b)
			}
			link := func(iface, state string) {
				t.Helper()
				_, err := n.hosts[0].Output("ip", "link", "set", iface, state)
				check(t, err)
			}
			both(1, "both started")
			link("ens34", "down")
			both(2, "one link of the group was lost")
			link("ens34", "up")
			both(1, "it came back")
			link("ens35", "down")
			both(2, "60 points were lost")
			link("ens35", "up")
			both(1, "they came back")
			if oursFirst {
				_, err := n.hosts[0].Output("ip", "route", "del", "10.1.0.0/16")
				check(t, err)
				eventually(t, n.hosts[0], func(string) bool {
					return strings.Contains(a.log(), "entering BACKUP, priority 160: route 10.1.0.0/16") && strings.Contains(a.log(), "was deleted by somebody else")
				}, "true")
				both(1, "the route is there again")
			}
		})
	}
}
