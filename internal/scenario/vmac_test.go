package scenario_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/internal/scenario"
)

// vmacs is the pair with a VMAC on each node.
func vmacs() [2]scenario.Config {
	nodes := seed
	for i := range nodes {
		nodes[i] = inInstance(nodes[i], "", "use_vmac")
	}
	return nodes
}

// TestVMAC serves through VMACs: a stop, a kill and a return, with tandem and
// with nginx and keepalived as the other node, and nothing is left behind.
func TestVMAC(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		peer func(*testing.T) scenario.Program
		stop time.Duration // how long a planned stop may take
	}{
		{"tandem and tandem", func(*testing.T) scenario.Program { return tandem() }, 500 * time.Millisecond},
		// keepalived announces nothing behind what this node answers while it still has the address.
		{"tandem and classic", classic, 1500 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			lab.Needs(t, "nft")
			p := newPair(t, [2]scenario.Program{tandem(), c.peer(t)}, vmacs())
			one, two := p.Nodes[0], p.Nodes[1]
			// What the node has of a VMAC: the interface, rules, and what it does to its base.
			left := func() string {
				out, err := one.Host.Output("sh", "-c", "ip -br link show type macvlan; nft list ruleset; grep -v '^0$' /proc/sys/net/ipv4/conf/ens33/arp_ignore /proc/sys/net/ipv4/conf/ens33/arp_filter")
				if err != nil && out == "" {
					return "" // grep has found nothing
				}
				return out
			}
			observe(t, p, "start", started(one, two), one)
			if got := left(); !strings.Contains(got, "vrrp.51@ens33") {
				t.Errorf("it has no VMAC:\n%s", got)
			}
			stop := observe(t, p, "planned stop", one.Stop, two)
			atMost(t, "planned stop", stop, c.stop, time.Second)
			if got := left(); got != "" {
				t.Errorf("left by a stop:\n%s", got)
			}
			back := observe(t, p, "return", started(one), one)
			atMost(t, "return", back, 500*time.Millisecond, time.Second)
			killed := observe(t, p, "kill -9", one.Kill, two)
			atMost(t, "kill -9", killed, 5*time.Second, 4*time.Second)
			release := exec.Command(scenario.Binary(), "--release", "-p", one.Prefix, "-c", "conf/nginx.conf", "-k", "keepalived.conf")
			release.Dir = one.Prefix
			process, err := one.Host.Start(release)
			check(t, err)
			<-process.Ended()
			if got := left(); got != "" {
				t.Errorf("left by --release:\n%s", got)
			}
			observe(t, p, "return after a kill", started(one), one)
		})
	}
}

// TestVMACReload changes use_vmac while the node is master, without a pause: the
// address moves from the interface to the VMAC and back.
func TestVMACReload(t *testing.T) {
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, seed)
	one, two := p.Nodes[0], p.Nodes[1]
	observe(t, p, "start", started(one, two), one)
	file := filepath.Join(one.Prefix, "keepalived.conf")
	plain, err := os.ReadFile(file)
	check(t, err)
	for _, c := range []struct{ what, text, device string }{
		{"to a VMAC", strings.Replace(string(plain), "advert_int 1", "advert_int 1\n use_vmac", 1), "vrrp.51"},
		{"back", string(plain), "ens33"},
	} {
		check(t, os.WriteFile(file, []byte(c.text), 0o644))
		// The others take the new hardware address from the announcement.
		seen := observe(t, p, c.what, func(context.Context) error {
			reload := exec.Command(scenario.Binary(), "-s", "reload", "-p", one.Prefix, "-c", "conf/nginx.conf", "-k", "keepalived.conf")
			process, err := one.Host.Start(reload)
			if err != nil {
				return err
			}
			<-process.Ended()
			return nil
		}, one)
		atMost(t, c.what, seen, time.Second, 0)
		out, err := one.Host.Output("ip", "-o", "-4", "addr")
		check(t, err)
		if !strings.Contains(out, " "+c.device+"    inet 192.168.200.254/32") || strings.Count(out, "192.168.200.254/") != 1 {
			t.Errorf("%s:\n%s", c.what, out)
		}
		// The old interface goes when the address is on the new one.
		want := map[bool]int{true: 0, false: 1}[c.device == "ens33"]
		for deadline := time.Now().Add(5 * time.Second); ; {
			out, err = one.Host.Output("ip", "-br", "link", "show", "type", "macvlan")
			check(t, err)
			if strings.Count(out, "@ens33") == want {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: VMACs:\n%s", c.what, out)
			}
		}
	}
	check(t, two.Stop(within(t)))
}
