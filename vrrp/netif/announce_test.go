package netif_test

import (
	"context"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/vrrp/netif"
)

// announcements are the captured frames that announce the address, in hex.
func announcements(c *lab.Capture, address string) (found []lab.Frame) {
	body := hex.EncodeToString(netip.MustParseAddr(address).AsSlice())
	for _, f := range c.Frames() {
		dump := hex.EncodeToString(f.Data)
		arp, na := dump[24:28] == "0806", dump[24:28] == "86dd" && dump[108:110] == "88"
		if (arp || na) && strings.Contains(dump, body) {
			found = append(found, f)
		}
	}
	return found
}

// await waits for n announcements of the address.
func await(t *testing.T, c *lab.Capture, address string, n int) []lab.Frame {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := c.Wait(ctx, func(lab.Frame) bool { return len(announcements(c, address)) >= n }); err != nil {
		t.Fatalf("%d announcements of %s, want %d: %v", len(announcements(c, address)), address, n, err)
	}
	return announcements(c, address)
}

func announcer(t *testing.T, h *lab.Host) *netif.NeighborAnnouncer {
	t.Helper()
	s := stack(t, h)
	var n *netif.NeighborAnnouncer
	check(t, h.Do(func() (err error) { n, err = s.Announcer(); return err }))
	t.Cleanup(func() { check(t, n.Close()) })
	return n
}

func TestGratuitousARP(t *testing.T) {
	p := newLAN(t)
	capture := must[*lab.Capture](t)(p.port2.Capture())
	defer capture.Close()
	n := announcer(t, p.one)
	n.Announce(netif.Announcement{Interface: "ens33", Addresses: []netip.Addr{netip.MustParseAddr("192.168.200.254")}, Repeat: 5})
	frames := await(t, capture, "192.168.200.254", 5)
	mac := hex.EncodeToString(must[netif.Interface](t)(stack(t, p.one).Interface("ens33")).Hardware)
	// Broadcast, from us, ARP: Ethernet, IPv4, lengths 6 and 4, request;
	// sender and target are the address.
	want := "ffffffffffff" + mac + "0806" + "0001" + "0800" + "06" + "04" + "0001" + mac + "c0a8c8fe" + "ffffffffffff" + "c0a8c8fe"
	for _, f := range frames {
		if got := hex.EncodeToString(f.Data); !strings.HasPrefix(got, want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestNeighborAdvertisement(t *testing.T) {
	p := newLAN(t)
	vip := address("ens33", "fd00::254/128")
	const text = "fd000000000000000000000000000254"
	s := stack(t, p.one)
	check(t, s.Addresses().Set([]netif.Address{vip}, netif.Forever))
	capture := must[*lab.Capture](t)(p.port2.Capture())
	defer capture.Close()
	n := announcer(t, p.one)
	mac := hex.EncodeToString(must[netif.Interface](t)(s.Interface("ens33")).Hardware)
	for i, forwarding := range []string{"0", "1"} {
		check(t, p.one.Sysctl("net/ipv6/conf/ens33/forwarding", forwarding))
		n.Announce(netif.Announcement{Interface: "ens33", Addresses: []netip.Addr{vip.Prefix.Addr()}})
		frames := await(t, capture, "fd00::254", i+1)
		got := hex.EncodeToString(frames[i].Data)
		flags := "20000000" // override
		if forwarding == "1" {
			flags = "a0000000" // router and override
		}
		head := "333300000001" + mac + "86dd" + "60000000" + "0020" + "3a" + "ff" + text + "ff020000000000000000000000000001" + "8800"
		tail := flags + text + "0201" + mac
		if !strings.HasPrefix(got, head) || got[len(head)+4:] != tail {
			t.Errorf("forwarding %s:\ngot  %s\nwant %s....%s", forwarding, got, head, tail)
		}
		// The checksum is right if the neighbour learns from it.
	}
	must[string](t)(p.two.Output("ip", "-6", "neigh", "replace", "fd00::254", "lladdr", "02:00:00:00:00:99", "dev", "ens33", "nud", "stale"))
	n.Announce(netif.Announcement{Interface: "ens33", Addresses: []netip.Addr{vip.Prefix.Addr()}})
	learned := ""
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		learned = must[string](t)(p.two.Output("ip", "-6", "neigh", "show", "fd00::254"))
		if strings.Contains(strings.ReplaceAll(learned, ":", ""), mac) {
			return
		}
	}
	t.Errorf("the neighbour has %s, want %s", learned, mac)
}

func TestPaceAndWithdraw(t *testing.T) {
	p := newLAN(t)
	capture := must[*lab.Capture](t)(p.port2.Capture())
	defer capture.Close()
	n := announcer(t, p.one)
	first, second := netip.MustParseAddr("192.168.200.254"), netip.MustParseAddr("192.168.200.253")
	stalls := lab.WatchStalls()
	defer stalls.Close()
	begun := time.Now()
	n.Announce(netif.Announcement{Interface: "ens33", Addresses: []netip.Addr{first, second}, Repeat: 3, GARPInterval: 100 * time.Millisecond})
	took := time.Since(begun)
	if _, stalled := stalls.Since(begun); took > 200*time.Millisecond+stalled {
		t.Errorf("Announce took %v; the machine stalled for %v", took, stalled)
	}
	frames := await(t, capture, second.String(), 1)
	// second is in the second of six places.
	if gap := frames[0].At.Sub(announcements(capture, first.String())[0].At); gap < 80*time.Millisecond {
		t.Errorf("%v between two packets, want 100ms", gap)
	}
	n.Withdraw("ens33", []netip.Addr{first})
	await(t, capture, second.String(), 3)
	if got := len(announcements(capture, first.String())); got > 2 {
		t.Errorf("%d announcements of a withdrawn address", got)
	}
	// The pause counts from the last packet, whoever asked for it.
	n.Announce(netif.Announcement{Interface: "ens33", Addresses: []netip.Addr{second}})
	frames = await(t, capture, second.String(), 4)
	if gap := frames[3].At.Sub(frames[2].At); gap < 80*time.Millisecond {
		t.Errorf("%v after the last packet, want 100ms", gap)
	}
}

func TestAnnounceNowhere(t *testing.T) {
	p := newLAN(t)
	n := announcer(t, p.one)
	for _, iface := range []string{"lo", "ens99"} {
		n.Announce(netif.Announcement{Interface: iface, Addresses: []netip.Addr{addr1}})
	}
	for deadline := time.Now().Add(5 * time.Second); ; {
		if sent, lost := n.Counts(); lost == 2 {
			return
		} else if sent != 0 || time.Now().After(deadline) {
			t.Fatalf("%d sent, %d lost", sent, lost)
		}
	}
}
