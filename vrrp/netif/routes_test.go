package netif_test

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/keepalivedconf"
	"tandem/vrrp"
	"tandem/vrrp/netif"
)

// routesConf has one of everything that a small machine's kernel can do.
const routesConf = `
vrrp_instance VI_1 {
    interface ens33
    virtual_router_id 51
    priority 255
    state MASTER
    virtual_ipaddress {
        192.168.200.254
    }
    virtual_routes {
        10.1.0.0/16 via 192.168.200.1
        10.2.0.0/16 dev ens33
        10.3.0.0/16 via 192.168.200.1 dev ens33 metric 77 mtu 1400 advmss 1300 initcwnd 12 table 100
        10.4.0.0/16 src 192.168.200.254 via 192.168.200.1 onlink dev ens33
        blackhole 10.5.0.0/16
        unreachable 10.6.0.0/16
        prohibit 10.7.0.0/16 table 2000
        10.8.0.0/16 via 192.168.200.1 dev ens33 tos 0x10
        10.9.0.0/16 nexthop via 192.168.200.2 dev ens33 weight 3 nexthop via 192.168.200.3 dev ens33 weight 1
        10.10.0.0/16 via 192.168.200.1 rtt 100 rto_min 40 window 5000 mtu lock 1300 quickack 1 features ecn
        default via 192.168.200.1 metric 500
        fd01::/64 via fd00::1 dev ens33
        fd02::/64 dev ens33 metric 99 pref high
    }
    virtual_rules {
        from 192.168.200.254 table 100 priority 100
        to 10.3.0.0/16 iif ens33 table 2000 priority 101
        fwmark 0x10/0xf0 table 100 priority 102
        not from 10.9.0.0/16 tos 0x10 table 100 priority 103
        from 10.0.0.0/8 blackhole priority 104
        from 10.0.0.0/8 prohibit priority 105
        ipproto tcp sport 80-90 table 100 priority 106
        ipproto udp dport 53-54 table 100 priority 109
        uidrange 100-200 table main suppress_prefixlength 0 priority 107
        from fd01::/64 table 100 priority 108
        oif ens33 goto 32766 priority 99
    }
}
`

// routesOf reads routes and rules as the program does.
func routesOf(t *testing.T, h *lab.Host, text string) ([]netif.Route, []netif.Rule, string) {
	t.Helper()
	if lab.OneUser() {
		text = strings.Replace(text, "uidrange 100-200", "uidrange 0-0", 1)
	}
	file := filepath.Join(t.TempDir(), "keepalived.conf")
	check(t, os.WriteFile(file, []byte(text), 0o644))
	var c *keepalivedconf.Config
	check(t, h.Do(func() error {
		var reports keepalivedconf.Reports
		c, reports = keepalivedconf.Read(file, keepalivedconf.Options{})
		for _, r := range reports {
			t.Log(r)
		}
		return nil
	}))
	if len(c.Instances) != 1 {
		t.Fatalf("%d instances", len(c.Instances))
	}
	instance := vrrp.FromKeepalived(c, time.Hour).Instances[0]
	return instance.Routes, instance.Rules, file
}

// table is every route and rule of the host, without those of the kernel.
func table(t *testing.T, h *lab.Host) []string {
	t.Helper()
	var lines []string
	for _, args := range [][]string{{"-4", "-d", "route", "show", "table", "all"}, {"-6", "-d", "route", "show", "table", "all"},
		{"-4", "-d", "rule"}, {"-6", "-d", "rule"}} {
		for line := range strings.Lines(must[string](t)(h.Output("ip", args...))) {
			if line = strings.Join(strings.Fields(line), " "); strings.Contains(line, "keepalived") || strings.HasPrefix(line, "nexthop") {
				lines = append(lines, args[0]+" "+line)
			}
		}
	}
	slices.Sort(lines)
	return lines
}

func TestRoutes(t *testing.T) {
	p := newLAN(t)
	s := stack(t, p.one)
	routes, rules, _ := routesOf(t, p.one, routesConf)
	if len(routes) != 13 || len(rules) != 11 {
		t.Fatalf("%d routes and %d rules were read", len(routes), len(rules))
	}
	check(t, s.Addresses().Set([]netif.Address{address("ens33", "192.168.200.254/32")}, netif.Forever))
	before := table(t, p.one)
	r := s.Routes()
	check(t, r.Set(routes, rules))
	all := table(t, p.one)
	if len(all) < 24 {
		t.Errorf("not everything is there:\n%s", strings.Join(all, "\n"))
	}
	check(t, r.Set(routes, rules))
	if again := table(t, p.one); !slices.Equal(all, again) {
		t.Errorf("set again:\n%s\nwant\n%s", strings.Join(again, "\n"), strings.Join(all, "\n"))
	}
	// Only the difference.
	check(t, r.Set(routes[:3], rules[:2]))
	if some := table(t, p.one); len(some) != 5 {
		t.Errorf("three routes and two rules:\n%s", strings.Join(some, "\n"))
	}
	// What the kernel dropped with the interface comes back.
	check(t, r.Set(routes, rules))
	check(t, p.port1.Down())
	check(t, p.port1.Up())
	check(t, p.port1.AddAddress(netip.MustParsePrefix("fd00::7/64"))) // IPv6 addresses go as well
	deadline := time.Now().Add(5 * time.Second)
	for {
		err := r.Set(routes, rules)
		if again := table(t, p.one); err == nil && slices.Equal(all, again) {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("after the interface was down: %v\n%s\nwant\n%s", err, strings.Join(again, "\n"), strings.Join(all, "\n"))
		}
	}
	// Another process cleans up.
	check(t, s.Routes().Cleanup(routes, rules))
	if left := table(t, p.one); !slices.Equal(left, before) {
		t.Errorf("left:\n%s", strings.Join(left, "\n"))
	}
	check(t, r.Set(nil, nil))
	check(t, s.Routes().Cleanup(routes, rules))
}

func TestRouteErrors(t *testing.T) {
	p := newLAN(t)
	s := stack(t, p.one)
	routes, rules, _ := routesOf(t, p.one, strings.Replace(routesConf, "10.1.0.0/16 via 192.168.200.1", "10.1.0.0/16 via 172.16.0.1", 1))
	r := s.Routes()
	err := r.Set(routes[:2], rules[:1])
	if err == nil || !strings.HasPrefix(err.Error(), "add route 10.1.0.0/16 via 172.16.0.1 table 254 protocol 18: ") {
		t.Errorf("error %v", err)
	}
	if got := table(t, p.one); len(got) != 2 {
		t.Errorf("the others:\n%s", strings.Join(got, "\n"))
	}
}

// TestRoutesAsKeepalived compares with what keepalived makes of the same file.
func TestRoutesAsKeepalived(t *testing.T) {
	binary, err := exec.LookPath("keepalived")
	if err != nil {
		t.Skip(err)
	}
	p := newLAN(t)
	routes, rules, file := routesOf(t, p.one, routesConf)
	s := stack(t, p.one)
	check(t, s.Addresses().Set([]netif.Address{address("ens33", "192.168.200.254/32")}, netif.Forever))
	check(t, s.Routes().Set(routes, rules))
	want := table(t, p.one)

	dir := t.TempDir()
	cmd := exec.Command(binary, "--dont-fork", "--log-console", "--vrrp", "-f", file,
		"-p", filepath.Join(dir, "keepalived.pid"), "-r", filepath.Join(dir, "vrrp.pid"))
	process := must[*lab.Process](t)(p.two.Start(cmd))
	defer process.Kill()
	for deadline := time.Now().Add(10 * time.Second); ; {
		got := table(t, p.two)
		if slices.Equal(got, want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("keepalived:\n%s\nwe:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		time.Sleep(50 * time.Millisecond)
	}
}
