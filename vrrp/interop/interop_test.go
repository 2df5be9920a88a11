package interop

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/lab"
	"tandem/keepalivedconf"
	"tandem/keepalivedconf/text"
	"tandem/vrrp"
	"tandem/vrrp/netif"
)

func TestMain(m *testing.M) {
	lab.Main()
	// These tests wait much and reckon little.
	_ = flag.Set("test.parallel", "12")
	os.Exit(m.Run())
}

// kind is one way of speaking VRRP.
type kind struct {
	name string
	// vip is the virtual address; lines what else stands in the vrrp_instance.
	vip string
	// lines make it unicast if they name the other's address as PEER.
	lines    string
	interval time.Duration
}

var kinds = []kind{
	{"v2", "192.168.200.254", "advert_int 1", time.Second},
	{"v2 PASS", "192.168.200.254", "advert_int 1\nauthentication {\nauth_type PASS\nauth_pass 1111\n}", time.Second},
	{"v2 AH", "192.168.200.254", "advert_int 1\nauthentication {\nauth_type AH\nauth_pass 1111\n}", time.Second},
	{"v3", "192.168.200.254", "version 3\nadvert_int 0.3", 300 * time.Millisecond},
	{"v3 IPv6", "fd00::254", "advert_int 0.3", 300 * time.Millisecond},
	{"v2 unicast", "192.168.200.254", "advert_int 1\nunicast_peer {\nPEER\n}\nauthentication {\nauth_type PASS\nauth_pass 1111\n}", time.Second},
	{"v2 unicast AH", "192.168.200.254", "advert_int 1\nunicast_peer {\nPEER\n}\nauthentication {\nauth_type AH\nauth_pass 1111\n}", time.Second},
	{"v3 unicast", "192.168.200.254", "version 3\nadvert_int 0.3\nunicast_peer {\nPEER\n}", 300 * time.Millisecond},
	{"v3 IPv6 unicast", "fd00::254", "advert_int 0.3\nunicast_peer {\nPEER\n}", 300 * time.Millisecond},
	{"v2 VMAC", "192.168.200.254", "use_vmac\nadvert_int 1", time.Second},
	{"v3 VMAC, sent from the base", "192.168.200.254", "version 3\nuse_vmac vmac0\nvmac_xmit_base\nadvert_int 0.3", 300 * time.Millisecond},
	{"v3 IPv6 VMAC", "fd00::254", "use_vmac\nadvert_int 0.3", 300 * time.Millisecond},
	{"v3 unicast VMAC", "192.168.200.254", "version 3\nuse_vmac\nvmac_xmit_base\nadvert_int 0.3\nunicast_peer {\nPEER\n}", 300 * time.Millisecond},
}

func (k kind) ipv6() bool { return strings.Contains(k.vip, ":") }

// conf is the keepalived.conf of a node; own and peer are the numbers of the nodes, more further lines.
func (k kind) conf(priority, own, peer int, more ...string) string {
	lines := strings.ReplaceAll(k.lines, "PEER", k.address(peer))
	if strings.Contains(k.lines, "PEER") {
		lines += "\nunicast_src_ip " + k.address(own)
	}
	vips := k.vip
	if k.ipv6() {
		vips = "fe80::254\n" + vips // RFC 9568: the first address of an advert is link-local
	}
	return fmt.Sprintf(`global_defs {
    router_id node%d
}
vrrp_instance VI_1 {
    state BACKUP
    interface ens33
    virtual_router_id 51
    priority %d
    %s
    virtual_ipaddress {
        %s
    }
    %s
}
`, own, priority, lines, vips, strings.Join(more, "\n"))
}

// address is a node's own address, by its number.
func (k kind) address(n int) string {
	if k.ipv6() {
		return fmt.Sprintf("fe80::%d", n)
	}
	return fmt.Sprintf("192.168.200.%d", n)
}

// network is a switch with some hosts, numbered from 1.
type network struct {
	t     *testing.T
	sw    *lab.Switch
	hosts []*lab.Host
	ports []*lab.Port
}

func newNetwork(t *testing.T, hosts int) *network {
	t.Helper()
	if testing.Short() {
		t.Skip("takes a minute of waiting")
	}
	lab.Needs(t, "ip")
	l := lab.New(t)
	sw, err := l.Switch()
	check(t, err)
	n := &network{t: t, sw: sw}
	for i := 1; i <= hosts; i++ {
		h, err := l.Host(fmt.Sprintf("node%d", i))
		check(t, err)
		p, err := sw.Connect(h, "ens33", netip.MustParsePrefix(fmt.Sprintf("192.168.200.%d/24", i)),
			netip.MustParsePrefix(fmt.Sprintf("fd00::%d/64", i)))
		check(t, err)
		// Known link-local addresses, and no others.
		_, err = h.Output("ip", "-6", "addr", "flush", "dev", "ens33", "scope", "link")
		check(t, err)
		check(t, p.AddAddress(netip.MustParsePrefix(fmt.Sprintf("fe80::%d/64", i))))
		n.hosts, n.ports = append(n.hosts, h), append(n.ports, p)
	}
	return n
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// speaker is a VRRP router on a host: ours or keepalived.
type speaker interface {
	// stop ends it as an operator would.
	stop()
	// log is what it has said.
	log() string
}

// ours is a router of this program.
type ours struct {
	t      *testing.T
	router *vrrp.Router
	stack  *netif.Stack
	mu     sync.Mutex
	said   []string
	once   sync.Once
}

func startOurs(t *testing.T, h *lab.Host, config string) *ours {
	t.Helper()
	o := &ours{t: t}
	check(t, h.Do(func() error {
		k, reports := keepalivedconf.Read("keepalived.conf", keepalivedconf.Options{
			Text: text.Options{ReadFile: func(string) ([]byte, error) { return []byte(config), nil }}})
		if reports.Stops() {
			return fmt.Errorf("configuration: %s", reports)
		}
		c := vrrp.FromKeepalived(k, time.Hour)
		var err error
		if o.stack, err = netif.Open(); err != nil {
			return err
		}
		o.router, err = vrrp.Start(c, vrrp.Machine(o.stack), vrrp.Options{Events: o.event})
		return err
	}))
	o.router.SetHealth("", vrrp.Health{OK: true})
	t.Cleanup(o.stop)
	return o
}

func (o *ours) event(e vrrp.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.said = append(o.said, e.String())
}

func (o *ours) log() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.said, "\n")
}

func (o *ours) stop() {
	o.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := o.router.Stop(ctx); err != nil {
			o.t.Error(err)
		}
		_ = o.stack.Close()
	})
}

// theirs is Debian's keepalived.
type theirs struct {
	t       *testing.T
	process *lab.Process
	output  string
}

func startTheirs(t *testing.T, h *lab.Host, text string) *theirs {
	t.Helper()
	path, err := exec.LookPath("keepalived")
	if err != nil {
		t.Skip("keepalived is not installed")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "keepalived.conf")
	check(t, os.WriteFile(file, []byte(text), 0o644))
	k := &theirs{t: t, output: filepath.Join(dir, "log")}
	out, err := os.Create(k.output)
	check(t, err)
	defer out.Close()
	cmd := exec.Command(path, "-n", "-l", "-D", "-P", "-f", file, "-p", filepath.Join(dir, "pid"), "-r", filepath.Join(dir, "vrrp.pid"))
	cmd.Stdout, cmd.Stderr = out, out
	k.process, err = h.Start(cmd)
	check(t, err)
	t.Cleanup(k.stop)
	return k
}

func (k *theirs) stop() {
	_ = k.process.Signal(unix.SIGTERM)
	<-k.process.Ended()
}

func (k *theirs) log() string {
	text, _ := os.ReadFile(k.output)
	return string(text)
}

// start starts ours or keepalived on a host.
func (n *network) start(ourOwn bool, host int, text string) speaker {
	n.t.Helper()
	if ourOwn {
		return startOurs(n.t, n.hosts[host-1], text)
	}
	return startTheirs(n.t, n.hosts[host-1], text)
}

// holding watches the address on all hosts.
func (n *network) holding(vip string) []*lab.Holding {
	n.t.Helper()
	var list []*lab.Holding
	for _, h := range n.hosts {
		w, err := h.Holding(netip.MustParseAddr(vip), nil)
		check(n.t, err)
		list = append(list, w)
	}
	return list
}

// patience is how long anything may take that takes a few adverts.
const patience = 40 * time.Second

// await waits until exactly that host (by number; 0: none) holds the address.
func (n *network) await(list []*lab.Holding, host int, what string, speakers ...speaker) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for i, w := range list {
		if err := w.Wait(ctx, i+1 == host); err != nil {
			for k, s := range speakers {
				n.t.Logf("speaker %d:\n%s", k+1, s.log())
			}
			n.t.Fatalf("%s: host %d holding: want %v: %v", what, i+1, i+1 == host, err)
		}
	}
}

// says waits until a speaker has said one of the texts.
func says(t *testing.T, s speaker, texts ...string) {
	t.Helper()
	for until := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		log := s.log()
		if slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(log, text) }) {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("no word of %q:\n%s", texts, log)
		}
	}
}

// Ours and keepalived as one pair, in every way of speaking, both roles: who has the higher priority is master; it
// stops and the other takes over within the skew time; it returns and preempts.
func TestPair(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		for _, oursFirst := range []bool{true, false} {
			name := k.name + ", keepalived is master"
			if oursFirst {
				name = k.name + ", ours is master"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				n := newNetwork(t, 2)
				held := n.holding(k.vip)
				b := n.start(!oursFirst, 2, k.conf(50, 2, 1))
				a := n.start(oursFirst, 1, k.conf(100, 1, 2))
				n.await(held, 1, "both started", a, b)
				a.stop()
				n.await(held, 2, "the master was stopped", a, b)
				// Not after the whole master-down time, but after the skew time.
				says(t, b, "priority 0 heard", "received priority 0")
				a = n.start(oursFirst, 1, k.conf(100, 1, 2))
				n.await(held, 1, "the master returned", a, b)
				for _, s := range []speaker{a, b} {
					if o, ok := s.(*ours); ok {
						o.noDrops()
					}
				}
			})
		}
	}
}

// noDrops demands that every packet heard was accepted.
func (o *ours) noDrops() {
	o.t.Helper()
	s, err := o.router.Status(context.Background())
	check(o.t, err)
	if d := s.Instances[0].Counters.Dropped; len(d) > 0 {
		o.t.Errorf("packets dropped: %v\n%s", d, o.log())
	}
}

// nopreempt: the one that returns does not take over, whoever it is.
func TestNoPreempt(t *testing.T) {
	t.Parallel()
	for _, oursReturns := range []bool{true, false} {
		t.Run(fmt.Sprintf("ours returns %v", oursReturns), func(t *testing.T) {
			t.Parallel()
			k := kinds[3]
			n := newNetwork(t, 2)
			held := n.holding(k.vip)
			b := n.start(!oursReturns, 2, k.conf(50, 2, 1))
			n.await(held, 2, "alone", b)
			a := n.start(oursReturns, 1, k.conf(100, 1, 2, "nopreempt"))
			time.Sleep(8 * k.interval) // nothing is to happen: more than twice the master-down time
			n.await(held, 2, "the other one came", a, b)
			b.stop()
			n.await(held, 1, "the master was stopped", a, b)
		})
	}
}

// preempt_delay: it takes over after the delay, and not before.
func TestPreemptDelay(t *testing.T) {
	t.Parallel()
	for _, oursReturns := range []bool{true, false} {
		t.Run(fmt.Sprintf("ours returns %v", oursReturns), func(t *testing.T) {
			t.Parallel()
			k := kinds[3]
			n := newNetwork(t, 2)
			held := n.holding(k.vip)
			b := n.start(!oursReturns, 2, k.conf(50, 2, 1))
			n.await(held, 2, "alone", b)
			begin := time.Now()
			a := n.start(oursReturns, 1, k.conf(100, 1, 2, "preempt_delay 3"))
			n.await(held, 1, "after the delay", a, b)
			if d := time.Since(begin); d < 3*time.Second {
				t.Errorf("it took over after %v", d)
			}
		})
	}
}

// Equal priorities: after a split has healed the higher address is master.
func TestSplitAndHeal(t *testing.T) {
	t.Parallel()
	for _, oursIsHigher := range []bool{true, false} {
		for _, equal := range []bool{true, false} {
			t.Run(fmt.Sprintf("ours is higher %v, equal priorities %v", oursIsHigher, equal), func(t *testing.T) {
				t.Parallel()
				k := kinds[3]
				n := newNetwork(t, 2)
				held := n.holding(k.vip)
				low := 100
				if !equal {
					low = 60
				}
				a := n.start(!oursIsHigher, 1, k.conf(low, 1, 2))
				n.await(held, 1, "alone", a)
				check(t, n.sw.Split(n.ports[:1], n.ports[1:]))
				b := n.start(oursIsHigher, 2, k.conf(100, 2, 1))
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				check(t, held[1].Wait(ctx, true))
				stalls := lab.WatchStalls()
				defer stalls.Close()
				healed := time.Now()
				check(t, n.sw.Heal())
				n.await(held, 2, "healed", a, b)
				_, stalled := stalls.Since(healed)
				if d := lab.Together(held[0].Spans(), held[1].Spans(), healed); d > 2*k.interval+time.Second+stalled {
					t.Errorf("both held the address for %v after the split was healed; the machine stalled for %v", d, stalled)
				}
			})
		}
	}
}

// Three nodes, one of them ours in each place of the order.
func TestThree(t *testing.T) {
	t.Parallel()
	for ourPlace := 1; ourPlace <= 3; ourPlace++ {
		t.Run(fmt.Sprintf("ours is number %d", ourPlace), func(t *testing.T) {
			t.Parallel()
			k := kinds[3]
			n := newNetwork(t, 3)
			held := n.holding(k.vip)
			var list []speaker
			for i := 1; i <= 3; i++ {
				list = append(list, n.start(i == ourPlace, i, k.conf(150-i*40, i, 0)))
			}
			n.await(held, 1, "all started", list...)
			list[0].stop()
			n.await(held, 2, "the first was stopped", list...)
			list[1].stop()
			n.await(held, 3, "the second was stopped", list...)
		})
	}
}

// A peer that is configured differently is not accepted, and what differs is named: by both, as far as keepalived
// names it.
func TestMismatch(t *testing.T) {
	t.Parallel()
	pass := kinds[1]
	for _, tt := range []struct {
		name   string
		change func(string) string
		want   string
	}{
		{"password", func(s string) string { return strings.ReplaceAll(s, "1111", "2222") },
			"(VI_1) packet dropped, from 192.168.200.1: auth_pass differs from ours"},
		{"interval", func(s string) string { return strings.ReplaceAll(s, "advert_int 1", "advert_int 2") },
			"(VI_1) packet dropped, from 192.168.200.1: interval 1 s, ours 2 s"},
		{"authentication", func(s string) string {
			return strings.ReplaceAll(s, "authentication {\nauth_type PASS\nauth_pass 1111\n}", "")
		},
			"(VI_1) packet dropped, from 192.168.200.1: auth_type PASS, ours none"},
		{"version", func(s string) string { return strings.ReplaceAll(kinds[3].conf(50, 2, 1), "0.3", "1") },
			"(VI_1) packet dropped, from 192.168.200.1: VRRPv2, ours VRRPv3"},
		{"addresses", func(s string) string { return strings.ReplaceAll(s, "200.254", "200.253") },
			"(VI_1) 192.168.200.1: virtual addresses [192.168.200.254], ours [192.168.200.253]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t, 2)
			held := n.holding(pass.vip)
			a := n.start(false, 1, pass.conf(100, 1, 2))
			n.await(held, 1, "alone", a)
			b := startOurs(t, n.hosts[1], tt.change(pass.conf(50, 2, 1)))
			deadline := time.Now().Add(patience)
			for !strings.Contains(b.log(), tt.want) {
				if time.Now().After(deadline) {
					t.Fatalf("not told: %s\nbut:\n%s", tt.want, b.log())
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
}

// Unicast without an interface: the routing table says where adverts go out. keepalived 2.2 does not know that yet.
func TestNoInterface(t *testing.T) {
	t.Parallel()
	k := kinds[7]
	without := func(text string) string {
		return strings.Replace(strings.Replace(text, "interface ens33", "", 1), k.vip+"\n", k.vip+" dev ens33\n", 1)
	}
	n := newNetwork(t, 2)
	held := n.holding(k.vip)
	b := startOurs(t, n.hosts[1], without(k.conf(50, 2, 1)))
	a := startOurs(t, n.hosts[0], without(k.conf(100, 1, 2)))
	n.await(held, 1, "both started", a, b)
	a.noDrops()
	a.stop()
	n.await(held, 2, "the master was stopped", a, b)
}

// A firewall that drops adverts makes two masters; ours says why, and what to do.
func TestFirewallDropsAdverts(t *testing.T) {
	t.Parallel()
	lab.Needs(t, "nft", "keepalived")
	for _, k := range []kind{kinds[0], kinds[2], kinds[4]} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t, 2)
			held := n.holding(k.vip)
			protocol := "112"
			if strings.Contains(k.name, "AH") {
				protocol = "51"
			}
			_, err := n.hosts[1].Output("nft", "add table inet filter; add chain inet filter input { type filter hook input priority 0; }; add rule inet filter input meta l4proto "+protocol+" drop")
			check(t, err)
			a := n.start(false, 1, k.conf(100, 1, 2))
			n.await(held, 1, "alone", a)
			b := startOurs(t, n.hosts[1], k.conf(50, 2, 1))
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			check(t, held[1].Wait(ctx, true))
			want := fmt.Sprintf("(VI_1) adverts from %s arrive on ens33 and a firewall drops them, so that both nodes are master. "+
				`Let them in, in the chain that drops them: nft insert rule inet filter input iifname "ens33" meta l4proto %s accept, or `, k.address(1), protocol)
			for !strings.Contains(b.log(), want) {
				if ctx.Err() != nil {
					t.Fatalf("not told: %s\nbut:\n%s", want, b.log())
				}
				time.Sleep(20 * time.Millisecond)
			}
			// The command that it says is the right one.
			_, err = n.hosts[1].Output("nft", `insert rule inet filter input iifname "ens33" meta l4proto `+protocol+` accept`)
			check(t, err)
			n.await(held, 1, "let in", a, b)
		})
	}
}
