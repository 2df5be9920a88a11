package interop

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/vrrp/netif"
)

// eventually waits until the host prints what is wanted.
func eventually(t *testing.T, h *lab.Host, good func(string) bool, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		out, err := h.Output(name, args...)
		if err == nil && good(out) {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
	}
}

// From a VMAC come the adverts, the announcements and the answers, with the virtual router's hardware address, as
// from keepalived's; the machine is the same during it, and clean after.
func TestVMAC(t *testing.T) {
	t.Parallel()
	lab.Needs(t, "nft", "keepalived")
	for _, k := range []kind{kinds[9], kinds[11]} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			var settings []string
			for _, ourOwn := range []bool{true, false} {
				n := newNetwork(t, 2)
				c, err := n.ports[1].Capture()
				check(t, err)
				defer c.Close()
				held := n.holding(k.vip)
				s := n.start(ourOwn, 1, k.conf(100, 1, 2))
				n.await(held, 1, "alone", s)
				wantMAC := netif.VirtualMAC(k.ipv6(), 51)
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				for what, is := range map[string]func(f lab.Frame) bool{
					"advert":       func(f lab.Frame) bool { return len(advertsOf(f)) > 0 },
					"announcement": func(f lab.Frame) bool { return announces(f, netip.MustParseAddr(k.vip)) },
				} {
					f, err := c.Wait(ctx, is)
					if err != nil {
						t.Fatalf("%s: %v", what, err)
					}
					if !bytes.Equal(f.Data[6:12], wantMAC) {
						t.Errorf("ours %v: the %s comes from %v", ourOwn, what, net.HardwareAddr(f.Data[6:12]))
					}
				}
				var all []string
				for _, name := range []string{"arp_ignore", "accept_local", "rp_filter", "promote_secondaries"} {
					out, err := n.hosts[0].Output("cat", "/proc/sys/net/ipv4/conf/vrrp.51/"+name)
					check(t, err)
					all = append(all, name+" "+strings.TrimSpace(out))
				}
				out, err := n.hosts[0].Output("ip", "-o", "addr", "show", "dev", "vrrp.51")
				check(t, err)
				for line := range strings.Lines(out) {
					f := strings.Fields(line)
					all = append(all, f[2]+" "+f[3]) // not its lifetime
				}
				settings = append(settings, strings.Join(all, "\n"))
				s.stop()
				eventually(t, n.hosts[0], func(out string) bool { return !strings.Contains(out, "vrrp.51") }, "ip", "link")
				if ourOwn {
					out, err := n.hosts[0].Output("sh", "-c", "nft list ruleset; cat /proc/sys/net/ipv4/conf/ens33/arp_ignore /proc/sys/net/ipv4/conf/ens33/arp_filter")
					check(t, err)
					if strings.Trim(out, "0\n") != "" {
						t.Errorf("left behind:\n%s", out)
					}
				}
			}
			if sorted(settings[0]) != sorted(settings[1]) {
				t.Errorf("ours:\n%s\nkeepalived's:\n%s", settings[0], settings[1])
			}
		})
	}
}

func sorted(lines string) string {
	list := strings.Split(lines, "\n")
	slices.Sort(list)
	return strings.Join(list, "\n")
}

// advertsOf is the advert in a frame.
func advertsOf(f lab.Frame) []byte {
	if len(f.Data) < 54 {
		return nil
	}
	switch ip := f.Data[14:]; {
	case binary.BigEndian.Uint16(f.Data[12:]) == 0x0800 && ip[9] == 112, binary.BigEndian.Uint16(f.Data[12:]) == 0x86dd && ip[6] == 112:
		return ip
	}
	return nil
}

// announces says whether a frame is a gratuitous ARP or an unsolicited neighbour advertisement for the address.
func announces(f lab.Frame, a netip.Addr) bool {
	d := f.Data
	if a.Is4() {
		return len(d) >= 42 && binary.BigEndian.Uint16(d[12:]) == 0x0806 && bytes.Equal(d[28:32], a.AsSlice()) && bytes.Equal(d[38:42], a.AsSlice())
	}
	return len(d) >= 78 && binary.BigEndian.Uint16(d[12:]) == 0x86dd && d[20] == 58 && d[54] == 136 && bytes.Equal(d[62:78], a.AsSlice())
}

// A VMAC that somebody deletes is made again, and the instance takes part again.
func TestVMACDeleted(t *testing.T) {
	t.Parallel()
	k := kinds[9]
	n := newNetwork(t, 2)
	held := n.holding(k.vip)
	a := n.start(true, 1, k.conf(100, 1, 2))
	n.await(held, 1, "alone", a)
	_, err := n.hosts[0].Output("ip", "link", "del", "vrrp.51")
	check(t, err)
	eventually(t, n.hosts[0], func(out string) bool { return strings.Contains(out, "00:00:5e:00:01:33") }, "ip", "link")
	n.await(held, 1, "it is there again", a)
	if said := a.log(); !strings.Contains(said, "entering FAULT, priority 100: interface vrrp.51: does not exist") {
		t.Errorf("it has not been at fault:\n%s", said)
	}
}

// Addresses on other interfaces and of the other family get VMACs of their own, named as keepalived names them.
func TestVMACForAddresses(t *testing.T) {
	t.Parallel()
	const text = `
vrrp_instance VI_1 {
    interface ens33
    use_vmac
    use_vmac_addr
    virtual_router_id 51
    priority 200
    advert_int 1
    virtual_ipaddress {
        192.168.200.254
        10.1.0.1 dev ens34
    }
    virtual_ipaddress_excluded {
        fd00::254
    }
}
`
	var shown []string
	for _, ourOwn := range []bool{true, false} {
		n := newNetwork(t, 1)
		_, err := n.sw.Connect(n.hosts[0], "ens34")
		check(t, err)
		held := n.holding("192.168.200.254")
		s := n.start(ourOwn, 1, text)
		n.await(held, 1, "alone", s)
		eventually(t, n.hosts[0], func(out string) bool { return strings.Contains(out, "fd00::254/128") }, "ip", "addr")
		var all []string
		out, err := n.hosts[0].Output("ip", "-o", "addr")
		check(t, err)
		for line := range strings.Lines(out) {
			if f := strings.Fields(line); strings.HasPrefix(f[1], "vrrp") && !strings.HasPrefix(f[3], "fe80") {
				all = append(all, f[1]+" "+f[3])
			}
		}
		out, err = n.hosts[0].Output("ip", "-o", "link")
		check(t, err)
		for line := range strings.Lines(out) {
			if f := strings.Fields(line); strings.HasPrefix(f[1], "vrrp") {
				all = append(all, f[1]+" "+line[strings.Index(line, "link/ether"):][:28])
			}
		}
		shown = append(shown, sorted(strings.Join(all, "\n")))
		s.stop()
	}
	if shown[0] != shown[1] || !strings.Contains(shown[0], "vrrp6.51") {
		t.Errorf("ours:\n%s\nkeepalived's:\n%s", shown[0], shown[1])
	}
}

// With no_accept the VIP answers neither program's neighbours, and the address can be found; without a master nothing
// stays.
func TestNoAccept(t *testing.T) {
	t.Parallel()
	lab.Needs(t, "nft", "keepalived")
	for _, k := range []kind{kinds[3], kinds[4], kinds[9]} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t, 2)
			held := n.holding(k.vip)
			b := n.start(false, 2, k.conf(50, 2, 1, "no_accept"))
			a := n.start(true, 1, k.conf(100, 1, 2, "no_accept"))
			n.await(held, 1, "both started", a, b)
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			// Nobody listens: a host that takes the packet refuses the connection.
			if _, err := n.hosts[1].DialContext(ctx, "tcp", net.JoinHostPort(k.vip, "80")); !errors.Is(err, context.DeadlineExceeded) && !os.IsTimeout(err) {
				t.Errorf("the VIP answers: %v", err)
			}
			ip := "-4"
			if k.ipv6() {
				ip = "-6"
			}
			if out, _ := n.hosts[1].Output("ip", ip, "neigh", "show", k.vip); !strings.Contains(out, "lladdr") {
				t.Errorf("its hardware address is not known: %q", out)
			}
			a.stop()
			n.await(held, 2, "the master was stopped", a, b)
			if out, err := n.hosts[0].Output("nft", "list", "ruleset"); err != nil || out != "" {
				t.Errorf("left behind: %v\n%s", err, out)
			}
		})
	}
}
