package vrrp_test

import (
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"tandem/keepalivedconf"
	"tandem/keepalivedconf/text"
	"tandem/vrrp"
	"tandem/vrrp/fsm"
	"tandem/vrrp/netif"
	"tandem/vrrp/packet"
)

// converted is the one instance of a configuration with the given lines in its vrrp_instance, whatever is reported.
func converted(t *testing.T, lines string) vrrp.InstanceConfig {
	t.Helper()
	config := fmt.Sprintf("vrrp_instance VI_1 {\n interface ens33\n virtual_router_id 51\n virtual_ipaddress {\n 192.168.200.254\n }\n %s\n}\n", lines)
	k, _ := keepalivedconf.Read("keepalived.conf", keepalivedconf.Options{
		Text: text.Options{ReadFile: func(string) ([]byte, error) { return []byte(config), nil }}, Host: anyHost{}})
	c := vrrp.FromKeepalived(k, time.Hour)
	if len(c.Instances) != 1 {
		t.Fatalf("%d instances", len(c.Instances))
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return c.Instances[0]
}

// advert_int is 1 s by default; whole seconds in VRRPv2, multiples of 10 ms up to 40.95 s in VRRPv3.
func TestAdvertInterval(t *testing.T) {
	for lines, want := range map[string]time.Duration{
		"":                            time.Second,
		"advert_int 3":                3 * time.Second,
		"advert_int 255":              255 * time.Second,
		"version 3\nadvert_int 0.01":  10 * time.Millisecond,
		"version 3\nadvert_int 40.95": 40950 * time.Millisecond,
		"version 3\nadvert_int 0.555": 560 * time.Millisecond,
		"version 2\nadvert_int 0.2":   time.Second,
		"version 2\nadvert_int 1.5":   2 * time.Second,
	} {
		ic := converted(t, lines)
		if ic.FSM.Interval != want || ic.Packet.Interval != want {
			t.Errorf("%q: %v and %v, want %v", lines, ic.FSM.Interval, ic.Packet.Interval, want)
		}
	}
}

// No priority is 255 for "state MASTER", else 100; no state is MASTER only with 255.
func TestPriority(t *testing.T) {
	for lines, want := range map[string]struct {
		priority uint8
		master   bool
	}{
		"":                           {100, false},
		"state MASTER":               {255, true},
		"state BACKUP":               {100, false},
		"priority 255":               {255, true},
		"priority 150":               {150, false},
		"priority 0\nstate BACKUP":   {100, false},
		"priority 256\nstate BACKUP": {100, false},
	} {
		ic := converted(t, lines)
		if ic.FSM.Priority != want.priority || ic.FSM.StartMaster != want.master {
			t.Errorf("%q: priority %d, master %v, want %+v", lines, ic.FSM.Priority, ic.FSM.StartMaster, want)
		}
	}
}

// Version 2 for IPv4, 3 for IPv6, unless it is given.
func TestVersion(t *testing.T) {
	if v := converted(t, "").Packet.Version; v != packet.V2 {
		t.Errorf("IPv4: %v", v)
	}
	if v := converted(t, "version 3").Packet.Version; v != packet.V3 {
		t.Errorf("version 3: %v", v)
	}
	k, _ := keepalivedconf.Read("keepalived.conf", keepalivedconf.Options{Host: anyHost{}, Text: text.Options{ReadFile: func(string) ([]byte, error) {
		return []byte(strings.ReplaceAll(seed("VI_1", 100), "192.168.200.254", "fe80::254")), nil
	}}})
	if in := vrrp.FromKeepalived(k, 0).Instances[0]; in.Packet.Version != packet.V3 || in.Packet.Family != packet.IPv6 {
		t.Errorf("IPv6: %v, %v", in.Packet.Version, in.Packet.Family)
	}
}

// An unknown state, or one in small letters, is BACKUP.
func TestStateWords(t *testing.T) {
	for word, want := range map[string]bool{"MASTER": true, "BACKUP": false, "master": false, "Master": false, "FOO": false} {
		if got := converted(t, "priority 100\nstate "+word).FSM.StartMaster; got != want {
			t.Errorf("state %s: master %v", word, got)
		}
	}
}

// nopreempt and preempt_delay are cleared for "state MASTER".
func TestPreemptionOfMaster(t *testing.T) {
	ic := converted(t, "state MASTER\npriority 100\nnopreempt\npreempt_delay 60")
	if ic.FSM.NoPreempt || ic.FSM.PreemptDelay != 0 {
		t.Errorf("nopreempt %v, preempt_delay %v", ic.FSM.NoPreempt, ic.FSM.PreemptDelay)
	}
	if ic = converted(t, "priority 100\npreempt_delay 60"); ic.FSM.PreemptDelay != time.Minute {
		t.Errorf("preempt_delay %v", ic.FSM.PreemptDelay)
	}
	if ic = converted(t, "priority 100\nnopreempt"); !ic.FSM.NoPreempt {
		t.Error("nopreempt is lost")
	}
}

// The schedule of gratuitous ARP.
func TestAnnouncements(t *testing.T) {
	ic := converted(t, "")
	want := fsm.Announcements{Repeat: 5, Delay: 5 * time.Second, RefreshRepeat: 1, LowerRepeat: 5, LowerDelay: 5 * time.Second}
	want.Contested = ic.FSM.Announcements.Contested
	if ic.FSM.Announcements != want {
		t.Errorf("defaults: %+v, want %+v", ic.FSM.Announcements, want)
	}
	ic = converted(t, "garp_master_delay 1\ngarp_master_repeat 2\ngarp_master_refresh 60\ngarp_master_refresh_repeat 3\ngarp_lower_prio_delay 4\ngarp_lower_prio_repeat 6")
	want = fsm.Announcements{Repeat: 2, Delay: time.Second, Refresh: time.Minute, RefreshRepeat: 3, LowerRepeat: 6, LowerDelay: 4 * time.Second}
	want.Contested = ic.FSM.Announcements.Contested
	if ic.FSM.Announcements != want {
		t.Errorf("given: %+v, want %+v", ic.FSM.Announcements, want)
	}
}

// Addresses are /32, scope global, no broadcast; what is written is taken over.
func TestAddresses(t *testing.T) {
	ic := converted(t, "virtual_ipaddress_excluded {\n 10.1.2.3/24 brd 10.1.2.255 dev eth9 scope link label eth9:x\n}")
	want := []netif.Address{{Interface: "ens33", Prefix: netip.MustParsePrefix("192.168.200.254/32")}}
	if !reflect.DeepEqual(ic.Addresses, want) {
		t.Errorf("got %+v, want %+v", ic.Addresses, want)
	}
	want = []netif.Address{{Interface: "eth9", Prefix: netip.MustParsePrefix("10.1.2.3/24"), Broadcast: netip.MustParseAddr("10.1.2.255"),
		Scope: netif.ScopeLink, Label: "eth9:x"}}
	if !reflect.DeepEqual(ic.Excluded, want) {
		t.Errorf("got %+v, want %+v", ic.Excluded, want)
	}
	if len(ic.Packet.Addresses) != 1 {
		t.Errorf("in the adverts: %v", ic.Packet.Addresses)
	}
}

// The password is cut to eight bytes.
func TestPassword(t *testing.T) {
	ic := converted(t, "authentication {\n auth_type PASS\n auth_pass toolongpassword\n}")
	if ic.Packet.Auth != packet.AuthPass || string(ic.Packet.Key[:]) != "toolongp" {
		t.Errorf("%v %q", ic.Packet.Auth, ic.Packet.Key)
	}
}

// The source of unicast adverts is checked, unlike in keepalived.
func TestUnicastSource(t *testing.T) {
	ic := converted(t, "unicast_src_ip 192.168.200.7\nunicast_peer {\n 192.168.200.10\n}")
	if !ic.Packet.CheckSource || len(ic.Packet.Peers) != 1 || ic.FSM.Source != netip.MustParseAddr("192.168.200.7") {
		t.Errorf("check %v, peers %v, source %v", ic.Packet.CheckSource, ic.Packet.Peers, ic.FSM.Source)
	}
}

// The auth_hmac trailer.
func TestHMAC(t *testing.T) {
	ic := converted(t, "auth_hmac {\n key 7 hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n active_key 7\n mode permissive\n anti_replay monotonic\n}")
	tr := ic.Packet.Trailer
	if tr == nil || tr.Active != 7 || tr.Mode != packet.TrailerPermissive || tr.Window != 0 || len(tr.Keys) != 1 || len(tr.Keys[0].Secret) != 32 {
		t.Errorf("%+v", tr)
	}
}

// A planned stop waits for a successor, but not for longer than drain_timeout; 0 is keepalived's order.
func TestHandover(t *testing.T) {
	for lines, want := range map[string]time.Duration{
		"":                            1250 * time.Millisecond,
		"advert_int 5":                1250 * time.Millisecond,
		"version 3\nadvert_int 0.1":   350 * time.Millisecond,
		"@tandem drain_timeout 200ms": 200 * time.Millisecond,
		"@tandem drain_timeout 0":     0,
	} {
		if got := converted(t, lines).FSM.Handover; got != want {
			t.Errorf("%q: %v, want %v", lines, got, want)
		}
	}
}

// The interfaces that are made: their names as keepalived finds them, and what goes where.
func TestConvertLinks(t *testing.T) {
	c := conf(t, `
global_defs {
    vmac_addr_prefix extra
}
vrrp_instance A {
    interface ens33
    use_vmac
    virtual_router_id 51
    virtual_ipaddress {
        192.168.200.254
        192.168.200.253 dev ens34 use_vmac
        192.168.200.252 dev ens35
    }
}
vrrp_instance B {
    interface ens33
    use_vmac
    virtual_router_id 51
    virtual_ipaddress {
        fe80::254
    }
}
vrrp_instance C {
    interface ens36
    use_vmac vrrp1.51 02:00:00:00:07
    vmac_xmit_base
    virtual_router_id 51
    virtual_ipaddress {
        192.168.201.254
    }
}
vrrp_instance D {
    interface ens37
    use_vmac
    virtual_router_id 51
    virtual_ipaddress {
        192.168.202.254
    }
}
vrrp_instance E {
    interface ens38
    use_ipvlan 192.168.203.7/24 private
    virtual_router_id 52
    virtual_ipaddress {
        192.168.203.254
    }
}
vrrp_instance F {
    interface ens39
    virtual_router_id 53
    promote_secondaries
    virtual_ipaddress {
        192.168.204.254/24
        192.168.205.254/24 dev ens40
    }
}
`)
	var got strings.Builder
	for _, ic := range c.Instances {
		fmt.Fprintf(&got, "%s: adverts %q", ic.Name(), ic.AdvertInterface)
		for _, v := range ic.VMACs {
			fmt.Fprintf(&got, "; %s on %s %v %v %v", v.Name, v.Base, v.Hardware, v.Mode, v.Address.IsValid())
		}
		for _, a := range ic.Addresses {
			fmt.Fprintf(&got, "; %v", a)
		}
		for _, p := range ic.Promote {
			fmt.Fprintf(&got, "; promotes %s", p)
		}
		got.WriteByte('\n')
	}
	want := `A: adverts "vrrp.51"; vrrp.51 on ens33 00:00:5e:00:01:33  false; extra.51 on ens34 00:00:5e:00:01:33  false; 192.168.200.254/32 dev vrrp.51; 192.168.200.253/32 dev extra.51; 192.168.200.252/32 dev ens35
B: adverts "vrrp6.51"; vrrp6.51 on ens33 00:00:5e:00:02:33  false; fe80::254/128 dev vrrp6.51 nodad preferred_lft 0
C: adverts ""; vrrp1.51 on ens36 02:00:00:00:07:33  false; 192.168.201.254/32 dev vrrp1.51
D: adverts "vrrp2.51"; vrrp2.51 on ens37 00:00:5e:00:01:33  false; 192.168.202.254/32 dev vrrp2.51
E: adverts "vrrp.52"; vrrp.52 on ens38  private true; 192.168.203.254/32 dev ens38
F: adverts ""; 192.168.204.254/24 dev ens39; 192.168.205.254/24 dev ens40; promotes ens39; promotes ens40
`
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

// What paces announcements, and whose loss of an interface is a fault.
func TestConvertPacesAndNeeds(t *testing.T) {
	c := conf(t, `
global_defs {
    vrrp_garp_interval 0.001
    default_interface ens39
}
garp_group {
    garp_interval 0.01
    interface ens33
}
garp_group {
    gna_interval 0.02
    interfaces {
        ens34
        ens35
    }
}
track_group watched {
    group {
        A
    }
}
static_ipaddress {
    10.1.0.1/24 dev ens36 track_group watched
    10.1.1.1/24 dev ens37
}
vrrp_instance A {
    interface ens33
    use_vmac
    virtual_router_id 51
    virtual_ipaddress {
        192.168.200.254
        192.168.201.254 dev ens34
        192.168.202.254 dev ens40 no_track
    }
    virtual_routes {
        10.2.0.0/16 dev ens35
        10.3.0.0/16 dev ens41 no_track
    }
}
vrrp_instance B {
    unicast_src_ip 192.168.200.7
    unicast_peer {
        192.168.200.10
    }
    virtual_router_id 52
    virtual_ipaddress {
        192.168.203.254
    }
}
`)
	a, b := c.Instances[0], c.Instances[1]
	paces := map[string]vrrp.Pace{
		"ens33":   {GARP: 10 * time.Millisecond},
		"vrrp.51": {GARP: 10 * time.Millisecond},
		"ens34":   {GARP: time.Millisecond, NA: 40 * time.Millisecond},
		"ens35":   {GARP: time.Millisecond, NA: 40 * time.Millisecond},
	}
	if !maps.Equal(a.Paces, paces) || a.Pace != (vrrp.Pace{GARP: time.Millisecond}) {
		t.Errorf("paces %v, %v", a.Paces, a.Pace)
	}
	if got := strings.Join(a.Needs, " "); got != "ens34 ens35 ens36" {
		t.Errorf("needs %q", got)
	}
	if got := fmt.Sprint(a.Untracked); got != "[192.168.202.254]" {
		t.Errorf("untracked %s", got)
	}
	if got := b.Addresses[0].Interface; got != "ens39" {
		t.Errorf("an address of an instance without an interface is on %q", got)
	}
}
