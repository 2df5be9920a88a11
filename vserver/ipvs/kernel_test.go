package ipvs

import (
	"github.com/vishvananda/netlink/nl"

	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/vserver/table"
)

// These tests are about the kernel itself.

// What is set is what the kernel says that it has, and what ipvsadm lists.
func TestKernelTable(t *testing.T) {
	l := lab.New(t)
	h, err := l.Host("director")
	must(t, err)
	e := open(t, h)
	want := tableOf(web(20, 21), dns(), mark())
	// The kernel has no scheduler flags that sh does not know, and mh knows the same.
	mh := service(table.DirectRouting, 8080, 1, 0)
	mh.Scheduler, mh.Flags, mh.Persistence, mh.Mask = "mh", table.HashFallback|table.HashPort, time.Minute, 0xffffff00
	gre := service(table.Tunneling, 8081, 3)
	gre.Destinations[0].Tunnel = table.Tunnel{Type: table.GRE, Checksum: table.WithChecksum}
	ipip := service(table.Tunneling, 8082, 3)
	sctp := service(table.Masquerading, 8083, 65535)
	sctp.Protocol = table.SCTP
	four := table.Service{Key: table.Key{Mark: 9}, Scheduler: "nq"}
	want.Services = append(want.Services, mh, gre, ipip, sctp, four)
	for _, name := range []string{"rr", "lc", "wlc", "lblc", "lblcr", "dh", "sed", "fo", "ovf"} {
		s := service(table.Masquerading, uint16(9000+len(want.Services)), 1)
		s.Scheduler = name
		want.Services = append(want.Services, s)
	}
	must(t, e.Set(want))
	got, err := e.Table()
	must(t, err)
	if got.String() != want.String() {
		t.Errorf("the kernel has\n%swant\n%s", got, want)
	}
	if out, err := h.Output("ipvsadm", "-Sn"); err != nil {
		t.Logf("ipvsadm: %v", err)
	} else if listed := withoutThresholds(want.String()); out != listed {
		t.Errorf("ipvsadm -Sn\n%swant\n%s", out, listed)
	}
	// Nothing is changed by another process that wants the same.
	again := open(t, h)
	again.kernel = &counting{kernel: again.kernel}
	must(t, again.Set(want))
	if n := again.kernel.(*counting).changes; n != 0 {
		t.Errorf("%d changes", n)
	}
	twos := service(table.Masquerading, 8085, 1)
	twos.Scheduler = "nosuch"
	err = e.Set(tableOf(append(want.Services, twos)...))
	if err == nil || !strings.Contains(err.Error(), "cannot add virtual server -t 192.168.200.100:8085: the kernel has no scheduler nosuch (module ip_vs_nosuch)") {
		t.Errorf("error %v", err)
	}
	must(t, e.Set(table.Table{}))
	if got, err = e.Table(); err != nil || len(got.Services) != 0 {
		t.Errorf("%v, left\n%s", err, got)
	}
}

// withoutThresholds is a list of rules as ipvsadm prints it.
func withoutThresholds(rules string) string {
	return strings.ReplaceAll(strings.ReplaceAll(rules, " -x 9", ""), " -y 5", "")
}

// counting is a kernel of which the changes are counted.
type counting struct {
	kernel
	changes int
}

func (c *counting) execute(command uint8, dump bool, attrs ...*nl.RtAttr) ([][]byte, error) {
	if !dump {
		c.changes++
	}
	return c.kernel.execute(command, dump, attrs...)
}

// Connections are spread by weight, and go on when their real server has weight 0.
func TestKernelNAT(t *testing.T) {
	n := newNetwork(t, 2)
	n.set(service(table.Masquerading, 80, 3, 1))
	if got := n.who("192.168.200.100:80", 8); got != "1:6 2:2" {
		t.Errorf("with weights 3 and 1 %s answered", got)
	}
	c, err := n.dial("192.168.200.100:80")
	must(t, err)
	first, err := ask(c)
	must(t, err)
	weights := map[string][]uint32{"1": {0, 1}, "2": {1, 0}}[first]
	n.set(service(table.Masquerading, 80, weights...))
	if again, err := ask(c); err != nil || again != first {
		t.Errorf("the connection to %s goes on with %q, %v", first, again, err)
	}
	if got := n.who("192.168.200.100:80", 4); strings.Contains(got, first+":") {
		t.Errorf("with weight 0 for %s, %s answered", first, got)
	}
	// The kernel sums up every two seconds.
	stats := n.counted(13)
	if len(stats) != 1 || len(stats[0].Destinations) != 2 || stats[0].InBytes == 0 {
		t.Errorf("stats %+v", stats)
	}
	active := uint32(0)
	for _, d := range stats[0].Destinations {
		active += d.Active
	}
	if active != 1 {
		t.Errorf("%d active connections", active)
	}
	// Another service changes nothing for this one.
	n.set(service(table.Masquerading, 80, weights...), service(table.Masquerading, 81, 1))
	if again, err := ask(c); err != nil || again != first {
		t.Errorf("beside another service: %q, %v", again, err)
	}
	n.counted(13)
}

// counted waits until the first service has had so many connections.
func (n *network) counted(connections uint64) []table.ServiceStats {
	n.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		stats, err := n.engine.Stats()
		must(n.t, err)
		if len(stats) > 0 && stats[0].Connections == connections {
			return stats
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("not %d connections: %+v", connections, stats)
		}
	}
}

func TestKernelNATv6AndMark(t *testing.T) {
	n := newNetwork(t, 2)
	lab.Needs(t, "nft")
	six := service(table.Masquerading, 80)
	six.Address = netip.AddrPortFrom(vip6, 80)
	for i := range 2 {
		six.Destinations = append(six.Destinations, table.Destination{Address: netip.AddrPortFrom(realAddr6(i+1), 8080), Weight: 1})
	}
	marked := service(table.Masquerading, 8080, 1, 1)
	marked.Key = table.Key{Mark: 5}
	n.run(n.director, "nft add table ip t", "nft add chain ip t c { type filter hook prerouting priority -150 ; }",
		"nft add rule ip t c ip daddr 192.168.200.100 tcp dport 7000-7009 meta mark set 5")
	n.set(six, marked)
	if got := n.who("[2001:db8:200::100]:80", 4); got != "1:2 2:2" {
		t.Errorf("over IPv6 %s answered", got)
	}
	for port := 7000; port < 7003; port++ {
		if got := n.who(fmt.Sprintf("192.168.200.100:%d", port), 2); got != "1:1 2:1" {
			t.Errorf("at port %d %s answered", port, got)
		}
	}
}

// quiet gives a real server the VIP as DR and TUN want it: nobody hears of it.
func (n *network) quiet(h *lab.Host, device string) {
	n.t.Helper()
	for _, s := range []string{"all", "eth0"} {
		must(n.t, h.Sysctl("net/ipv4/conf/"+s+"/arp_ignore", "1"), h.Sysctl("net/ipv4/conf/"+s+"/arp_announce", "2"),
			h.Sysctl("net/ipv4/conf/"+s+"/rp_filter", "0"))
	}
	n.run(h, "ip addr add 192.168.200.100/32 dev "+device)
}

func TestKernelDR(t *testing.T) {
	n := newNetwork(t, 2)
	for _, h := range n.reals {
		n.quiet(h, "lo")
	}
	// Answers come back through the director only because it is the real servers' router; it must not take them for
	// packets of its own address.
	must(t, n.director.Sysctl("net/ipv4/conf/all/rp_filter", "0"), n.director.Sysctl("net/ipv4/conf/eth1/accept_local", "1"))
	n.directWay()
	n.set(service(table.DirectRouting, 8080, 1, 2))
	if got := n.who("192.168.200.100:8080", 6); got != "1:2 2:4" {
		t.Errorf("with weights 1 and 2 %s answered", got)
	}
	n.set(service(table.DirectRouting, 8080, 1))
	if got := n.who("192.168.200.100:8080", 3); got != "1:3" {
		t.Errorf("with one real server %s answered", got)
	}
}

// directWay gives real servers a way to clients that does not lead over the director.
func (n *network) directWay() {
	n.t.Helper()
	for i, h := range n.reals {
		_, err := n.front.Connect(h, "eth1", in(clientNet, byte(10+i)))
		must(n.t, err, h.Sysctl("net/ipv4/conf/eth1/arp_ignore", "1"), h.Sysctl("net/ipv4/conf/eth1/arp_announce", "2"))
	}
}

func TestKernelTUN(t *testing.T) {
	n := newNetwork(t, 2)
	n.directWay()
	for i, h := range n.reals {
		n.run(h, fmt.Sprintf("ip link add tun1 type ipip local 198.51.100.%d", i+1), "ip link set tun1 up")
		must(t, h.Sysctl("net/ipv4/conf/tun1/rp_filter", "0"))
		n.quiet(h, "tun1")
	}
	n.set(service(table.Tunneling, 8080, 1, 1))
	if got := n.who("192.168.200.100:8080", 4); got != "1:2 2:2" {
		t.Errorf("through tunnels %s answered", got)
	}
}

func TestKernelPersistence(t *testing.T) {
	n := newNetwork(t, 2)
	s := service(table.Masquerading, 80, 1, 1)
	s.Persistence = time.Minute
	n.set(s)
	if got := n.who("192.168.200.100:80", 5); got != "1:5" && got != "2:5" {
		t.Errorf("with persistence %s answered", got)
	}
	stats, err := n.engine.Stats()
	must(t, err)
	persistent := uint32(0)
	for _, d := range stats[0].Destinations {
		persistent += d.Persistent
	}
	if persistent != 1 {
		t.Errorf("%d clients are bound", persistent)
	}
	s.Persistence = 0
	n.set(s)
	if got := n.who("192.168.200.100:80", 4); got != "1:2 2:2" {
		t.Errorf("without persistence %s answered", got)
	}
}

// With the threshold reached no connection is added.
func TestKernelThresholds(t *testing.T) {
	n := newNetwork(t, 2)
	s := service(table.Masquerading, 80, 100, 1)
	s.Destinations[0].Upper, s.Destinations[0].Lower = 2, 1
	n.set(s)
	count := map[string]int{}
	for range 6 {
		c, err := n.dial("192.168.200.100:80")
		must(t, err)
		name, err := ask(c)
		must(t, err)
		count[name]++
	}
	if count["1"] != 2 || count["2"] != 4 {
		t.Errorf("connections %v", count)
	}
}

// Each datagram goes its own way.
func TestKernelUDPOnePacket(t *testing.T) {
	n := newNetwork(t, 2)
	n.directWay()
	for i, h := range n.reals {
		n.quiet(h, "lo")
		echoPackets(t, h, "192.168.200.100:8081", fmt.Sprint(i+1))
	}
	s := service(table.DirectRouting, 8081, 1, 1)
	for i := range s.Destinations {
		a := &s.Destinations[i].Address
		*a = netip.AddrPortFrom(a.Addr(), 8081)
	}
	s.Protocol, s.Flags = table.UDP, table.OnePacket
	n.set(s)
	var c net.Conn
	must(t, n.client.Do(func() (err error) {
		c, err = net.Dial("udp", "192.168.200.100:8081")
		return err
	}))
	defer c.Close()
	seen := map[string]bool{}
	for range 4 {
		_ = c.SetDeadline(time.Now().Add(patience))
		_, err := c.Write([]byte("x"))
		must(t, err)
		answer := make([]byte, 10)
		size, err := c.Read(answer)
		must(t, err)
		seen[string(answer[:size])] = true
	}
	if len(seen) != 2 {
		t.Errorf("one client's datagrams went to %v", seen)
	}
}

// A backup director hears of the connections of the master, and of time-outs.
func TestKernelSyncDaemon(t *testing.T) {
	n := newNetwork(t, 1)
	other, err := n.lab.Host("backup")
	must(t, err)
	_, err = n.front.Connect(other, "eth0", in(clientNet, 3))
	must(t, err)
	backup := open(t, other)
	d := Daemon{Interface: "eth0", ID: 7, MaxLen: 1000, Port: 8850, TTL: 2, Group: netip.MustParseAddr("224.0.0.99")}
	must(t, n.engine.SetDaemon(d, Master), backup.SetDaemon(d, Backup))
	// They run on when the same is wanted again.
	master, hears := &counting{kernel: n.engine.kernel}, &counting{kernel: backup.kernel}
	n.engine.kernel, backup.kernel = master, hears
	must(t, backup.SetDaemon(d, Backup), n.engine.SetDaemon(d, Master))
	if master.changes+hears.changes != 0 {
		t.Errorf("%d and %d changes", master.changes, hears.changes)
	}
	s := service(table.Masquerading, 80, 1)
	must(t, backup.Set(tableOf(s)))
	n.set(s)
	must(t, n.director.Sysctl("net/ipv4/vs/sync_threshold", "1 2"))
	c, err := n.dial("192.168.200.100:80")
	must(t, err)
	deadline := time.Now().Add(3 * patience)
	for {
		_, err = ask(c)
		must(t, err)
		var table []byte
		must(t, other.Do(func() (err error) {
			table, err = os.ReadFile("/proc/thread-self/net/ip_vs_conn")
			return err
		}))
		if strings.Contains(string(table), "C0A8C802") { // 192.168.200.2
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the backup has not heard of the connection:\n%s", table)
		}
		time.Sleep(50 * time.Millisecond)
	}
	must(t, n.engine.SetDaemon(Daemon{}, None))
	for range 10 { // the kernel stops them before they have begun
		must(t, backup.SetDaemon(d, Both), backup.SetDaemon(d, None))
	}

	before, err := timeoutsOf(backup)
	must(t, err, backup.SetTimeouts(Timeouts{TCP: 77 * time.Second}))
	if now, err := timeoutsOf(backup); err != nil || now != (Timeouts{77 * time.Second, before.TCPFIN, before.UDP}) {
		t.Errorf("%v, time-outs %v", err, now)
	}
	must(t, backup.SetTimeouts(Timeouts{}))
	if now, err := timeoutsOf(backup); err != nil || now != before {
		t.Errorf("%v, time-outs %v, before %v", err, now, before)
	}
}

func timeoutsOf(e *Engine) (Timeouts, error) {
	answers, err := e.kernel.execute(cmdGetConfig, false)
	if err != nil || len(answers) != 1 {
		return Timeouts{}, fmt.Errorf("%d answers, %w", len(answers), err)
	}
	return decodeTimeouts(answers[0])
}
