package scenario_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/lab"
	"tandem/internal/scenario"
	"tandem/status"
)

// linkPort is where masters listen for their backups.
const linkPort = "11200"

// linked waits until a node says that it is linked with the other one in every
// instance, and returns what it says.
func linked(t *testing.T, n *scenario.Node, want func(status.Peer) bool) (r status.Report) {
	t.Helper()
	var out []byte
	for ctx := within(t); ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		cmd := exec.Command(scenario.Binary(), "status", "--json", "-p", n.Prefix, "-c", "conf/nginx.conf")
		text, err := n.Host.OutputOf(cmd)
		out = []byte(text)
		r = status.Report{}
		if json.Unmarshal(out, &r) != nil || err != nil && !strings.Contains(err.Error(), "exit code 1:") || len(r.Instances) == 0 {
			continue
		}
		good := true
		for _, i := range r.Instances {
			good = good && len(i.Peers) == 1 && want(i.Peers[0])
		}
		if good {
			return r
		}
	}
	t.Fatalf("%s is not linked as it should be:\n%s\n%s", n.Name, out, n.LastWords())
	return r
}

// dialWith connects from a host with a TTL.
func dialWith(ctx context.Context, h *lab.Host, address string, ttl int) (conn net.Conn, err error) {
	err = h.Do(func() error {
		d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
			var err error
			ctlErr := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, ttl) })
			return errors.Join(ctlErr, err)
		}}
		conn, err = d.DialContext(ctx, "tcp4", address)
		return err
	})
	return conn, err
}

// lies is what somebody says who wants the addresses to move: as the first version
// of the link had it, and as this one has it.
var lies = []string{
	`{"hello":{"protocol":1,"vrid":51,"process":"00","nonce":"00"}}` + "\n",
	"tandem-link 2 51 inet plain\n" + `{"opening":{"process":"ab","vrid":51,"from":"192.168.200.100","to":"192.168.200.7"}}` + "\n" +
		`{"info":{"node":"liar","handover":true}}` + "\n" + `{"handover":{"step":"ask"}}` + "\n" + `{"handover":{"step":"take"}}` + "\n" +
		`{"handover":{"step":"ready","hardware":{"192.168.200.254":"02:00:00:00:00:09"}}}` + "\n",
}

// TestLinkAttacked has strangers, from another network and from the nodes' own,
// do to the link what they can. The roles stay, nothing is told, and in the end
// the backup still gets its proof that the master's process is dead.
func TestLinkAttacked(t *testing.T) {
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, seed)
	one, two := p.Nodes[0], p.Nodes[1]
	router, err := p.Lab.Host("router")
	check(t, err)
	check(t, router.Sysctl("net/ipv4/ip_forward", "1"))
	far, err := p.Lab.Switch()
	check(t, err)
	outside, err := p.Lab.Host("outside")
	check(t, err)
	for _, c := range []struct {
		sw      *lab.Switch
		host    *lab.Host
		iface   string
		address string
	}{
		{p.Switch, router, "eth0", "192.168.200.1/24"}, {far, router, "eth1", "198.51.100.1/24"}, {far, outside, "eth0", "198.51.100.66/24"},
	} {
		_, err := c.sw.Connect(c.host, c.iface, netip.MustParsePrefix(c.address))
		check(t, err)
	}
	for h, route := range map[*lab.Host][]string{
		one.Host: {"198.51.100.0/24", "via", "192.168.200.1"}, two.Host: {"198.51.100.0/24", "via", "192.168.200.1"}, outside: {"default", "via", "198.51.100.1"},
	} {
		_, err := h.Output("ip", append([]string{"route", "add"}, route...)...)
		check(t, err)
	}
	observe(t, p, "start", started(one, two), one)
	linked(t, two, func(peer status.Peer) bool { return peer.Master && !peer.Secure })
	linked(t, one, func(peer status.Peer) bool { return !peer.Master && peer.Priority == 50 })

	attacked := observe(t, p, "attacked", func(context.Context) error {
		// From another network: the page is there, the link is not.
		for _, n := range p.Nodes {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			c, err := dialWith(ctx, outside, n.Address.Addr().String()+":80", 255)
			cancel()
			if err != nil {
				return fmt.Errorf("the other network does not reach %s: %w", n.Name, err)
			}
			_ = c.Close()
		}
		for _, host := range []string{"192.168.200.7", "192.168.200.10", vip.String()} {
			for _, ttl := range []int{64, 255} {
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				c, err := dialWith(ctx, outside, net.JoinHostPort(host, linkPort), ttl)
				cancel()
				if err == nil {
					_ = c.Close()
					t.Errorf("connected from another network with %s, TTL %d", host, ttl)
				}
			}
		}
		// From the same network: nobody listens at the virtual address, and who
		// does not speak VRRP hears nothing.
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if c, err := dialWith(ctx, p.Client, net.JoinHostPort(vip.String(), linkPort), 255); !errors.Is(err, syscall.ECONNREFUSED) {
			if err == nil {
				_ = c.Close()
			}
			t.Errorf("the virtual address: %v", err)
		}
		for _, host := range []string{"192.168.200.7", "192.168.200.10"} {
			for _, lie := range lies {
				for range 100 {
					c, err := dialWith(ctx, p.Client, net.JoinHostPort(host, linkPort), 255)
					if errors.Is(err, syscall.ECONNRESET) {
						continue // closed before it was noticed that it was open
					}
					if err != nil {
						return err
					}
					defer func() { _ = c.Close() }() // held as long as it can be
					_, _ = c.Write([]byte(lie))
					_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
					if line, err := bufio.NewReader(c).ReadString('\n'); line != "" || errors.Is(err, os.ErrDeadlineExceeded) {
						t.Errorf("a stranger is told %q, %v", line, err)
					}
				}
			}
		}
		return one.AwaitLog(ctx, "192.168.200.100 is refused: it does not speak VRRP here")
	}, one)
	lossless(t, "attacked", attacked)
	if r := linked(t, one, func(peer status.Peer) bool { return !peer.Master }); r.LinkRefused["stranger"] < uint64(100*len(lies)) {
		t.Errorf("refused: %v", r.LinkRefused)
	}
	if spans := two.Holding.Spans(); len(spans) != 0 {
		t.Errorf("node 2 held the VIP: %v", spans)
	}
	// The backup starts anew among all of it.
	check(t, two.Kill(within(t)))
	check(t, two.Start())
	linked(t, two, func(peer status.Peer) bool { return peer.Master })
	killed := observe(t, p, "kill -9", one.Kill, two)
	atMost(t, "kill -9", killed, 500*time.Millisecond, 4*time.Second)
}

// withKey adds a line to global_defs of a node's keepalived.conf.
func withKey(c scenario.Config, line string) scenario.Config {
	return edit(c, "keepalived.conf", func(s string) string {
		return strings.Replace(s, "global_defs {", "global_defs {\n"+line, 1)
	})
}

// TestPeerKey hands over and fails over inside of TLS, in both families, on several
// interfaces; without the same key on both nodes there is no link and VRRP goes on
// by itself.
func TestPeerKey(t *testing.T) {
	line := "@tandem peer_key AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	nodes := [2]scenario.Config{withKey(manyAddresses(seed[0]), line), withKey(manyAddresses(seed[1]), line)}
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, nodes)
	one, two := p.Nodes[0], p.Nodes[1]
	other, err := p.Lab.Switch()
	check(t, err)
	for host, last := range map[*lab.Host]string{one.Host: "7", two.Host: "10"} {
		_, err := other.Connect(host, "ens34", netip.MustParsePrefix("10.7.0."+last+"/24"))
		check(t, err)
	}
	observe(t, p, "start", started(one, two), one)
	for _, n := range p.Nodes {
		linked(t, n, func(peer status.Peer) bool { return peer.Secure && peer.Master == (n == two) })
	}
	lossless(t, "planned stop", observe(t, p, "planned stop", one.Stop, two))
	lossless(t, "return", observe(t, p, "return", started(one), one))
	linked(t, two, func(peer status.Peer) bool { return peer.Secure && peer.Master })
	atMost(t, "kill -9", observe(t, p, "kill -9", one.Kill, two), 500*time.Millisecond, 4*time.Second)
}

// TestPeerKeyOfOne gives only one of the nodes a key.
func TestPeerKeyOfOne(t *testing.T) {
	nodes := seed
	nodes[0] = withKey(nodes[0], "@tandem peer_key AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, nodes)
	one, two := p.Nodes[0], p.Nodes[1]
	observe(t, p, "start", started(one, two), one)
	check(t, two.AwaitLog(within(t), "it has a peer_key, and this node has none: only VRRP's own timers apply"))
	check(t, two.AwaitLog(within(t), "tandem pair prints a line for both keepalived.conf"))
	check(t, one.AwaitLog(within(t), "192.168.200.10 is refused: it has another peer_key, or none"))
	atMost(t, "kill -9", observe(t, p, "kill -9", one.Kill, two), 5*time.Second, 4*time.Second)
}
