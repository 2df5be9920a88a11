package vrrp_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/vrrp"
	"tandem/vrrp/vrrptest"
)

// member is a vrrp_instance VI_n with virtual router n and address 192.168.200.n.
func member(n int, more ...string) string {
	text := strings.NewReplacer("virtual_router_id 51", fmt.Sprintf("virtual_router_id %d", n), "200.254", fmt.Sprintf("200.%d", n))
	return text.Replace(seed(fmt.Sprintf("VI_%d", n), 100, more...))
}

// group is a vrrp_sync_group of members.
func group(name string, members ...int) string {
	text := "vrrp_sync_group " + name + " {\n group {\n"
	for _, n := range members {
		text += fmt.Sprintf("VI_%d\n", n)
	}
	return text + " }\n}\n"
}

// What a reload does to the sync groups of a master: nobody who stays loses an address, no group that stays master is
// told anything else, and a new member follows once nobody else has claimed its addresses.
func TestReloadOfSyncGroups(t *testing.T) {
	const others, soon = "192.168.200.1 192.168.200.2", 4 * time.Second
	for _, c := range []struct {
		name, before, after string
		// at once and later are the addresses held; events what was told until then.
		atOnce, later string
		events        string
	}{
		{
			"member deleted", group("VG", 1, 2, 3) + member(1) + member(2) + member(3), group("VG", 1, 2) + member(1) + member(2),
			others, others, "(VI_3) DELETED: no longer configured\n",
		}, {
			"member leaves", group("VG", 1, 2, 3) + member(1) + member(2) + member(3), group("VG", 1, 2) + member(1) + member(2) + member(3),
			others + " 192.168.200.3", others + " 192.168.200.3", "",
		}, {
			"member added", group("VG", 1, 2) + member(1) + member(2), group("VG", 1, 2, 3) + member(1) + member(2) + member(3),
			others, others + " 192.168.200.3", `
(VI_3) entering BACKUP, priority 100: started
(VI_3) entering MASTER, priority 100: master down timer expired: no advert heard for 3.61 s
`,
		}, {
			"member first in the file added", group("VG", 1, 2) + member(1) + member(2), group("VG", 3, 1, 2) + member(3) + member(1) + member(2),
			others, others + " 192.168.200.3", `
(VI_3) entering BACKUP, priority 100: started
(VI_3) entering MASTER, priority 100: master down timer expired: no advert heard for 3.61 s
`,
		}, {
			"member gets another virtual router", group("VG", 1, 2, 3) + member(1) + member(2) + member(3),
			group("VG", 1, 2, 3) + member(1) + member(2) + strings.Replace(member(3), "virtual_router_id 3", "virtual_router_id 30", 1),
			others, others + " 192.168.200.3", `
(VI_3) DELETED: no longer configured
(VI_3) entering BACKUP, priority 100: started
(VI_3) entering MASTER, priority 100: master down timer expired: no advert heard for 3.61 s
`,
		}, {
			"group renamed", group("VG", 1, 2) + member(1) + member(2), group("WG", 1, 2) + member(1) + member(2), others, others, "",
		}, {
			"group deleted", group("VG", 1, 2) + member(1) + member(2), member(1) + member(2), others, others, "",
		}, {
			"group deleted with its members", group("VG", 2, 3) + member(1) + member(2) + member(3), member(1),
			"192.168.200.1", "192.168.200.1", "(VI_2) DELETED: no longer configured\n(VI_3) DELETED: no longer configured\n",
		}, {
			"group made", member(1) + member(2), group("VG", 1, 2) + member(1) + member(2), others, others, "",
		}, {
			"groups exchange a member", group("VG", 1, 2, 3) + group("WG", 4, 5) + member(1) + member(2) + member(3) + member(4) + member(5),
			group("VG", 1, 2) + group("WG", 3, 4, 5) + member(1) + member(2) + member(3) + member(4) + member(5),
			others + " 192.168.200.3 192.168.200.4 192.168.200.5", others + " 192.168.200.3 192.168.200.4 192.168.200.5", "",
		}, {
			"group gets a script", group("VG", 1, 2) + member(1) + member(2),
			"global_defs {\n enable_script_security\n script_user root\n}\nvrrp_script chk {\n script /bin/true\n}\n" + strings.Replace(group("VG", 1, 2), "{\n", "{\n track_script {\n chk\n }\n", 1) + member(1) + member(2),
			others, others, "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lan := vrrptest.NewLAN()
				n := start(t, lan.Host("a", "192.168.200.107/24"), c.before)
				pass(10 * time.Second)
				n.said()
				if err := n.Reload(context.Background(), conf(t, c.after)); err != nil {
					t.Fatal(err)
				}
				n.SetHealth("", vrrp.Health{OK: true, Text: "answers"})
				synctest.Wait()
				expect(t, "addresses at once", n.held(), c.atOnce)
				pass(soon)
				expect(t, "addresses later", n.held(), c.later)
				// Two instances are told in no particular order.
				said := slices.Sorted(strings.Lines(n.said()))
				expect(t, "events", strings.Join(said, ""), c.events)
				n.stop()
			})
		})
	}
}

// held returns the addresses that the host has.
func (n *node) held() string {
	var all []string
	for _, a := range n.Present() {
		all = append(all, a.Prefix.Addr().String())
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// A new member that must not be master takes its group with it, as at the start.
func TestReloadAddsFaultyMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		n := start(t, lan.Host("a", "192.168.200.107/24"), group("VG", 1, 2)+member(1)+member(2))
		pass(10 * time.Second)
		n.said()
		bad := strings.Replace(member(3), "interface ens33", "interface ens34", 1)
		if err := n.Reload(context.Background(), conf(t, group("VG", 1, 2, 3)+member(1)+member(2)+bad)); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if n.holds() || !strings.Contains(n.said(), "sync group VG: entering FAULT") {
			t.Error("a group with a faulty member is still master")
		}
		n.stop()
	})
}

// A new member whose addresses another node holds does not move them, nor the rest of its group.
func TestReloadAddsMemberHeldElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		a := start(t, lan.Host("a", "192.168.200.107/24"), group("VG", 1, 2)+member(1)+member(2))
		b := start(t, lan.Host("b", "192.168.200.108/24"), strings.Replace(member(3), "priority 100", "priority 150", 1))
		pass(10 * time.Second)
		a.said()
		if err := a.Reload(context.Background(), conf(t, group("VG", 1, 2, 3)+member(1)+member(2)+member(3))); err != nil {
			t.Fatal(err)
		}
		a.SetHealth("", vrrp.Health{OK: true, Text: "answers"})
		pass(10 * time.Second)
		expect(t, "a", a.held(), "192.168.200.1 192.168.200.2")
		expect(t, "b", b.held(), "192.168.200.3")
		// When that one is gone the group comes together.
		b.stop()
		pass(2 * time.Second)
		expect(t, "a alone", a.held(), "192.168.200.1 192.168.200.2 192.168.200.3")
		a.stop()
	})
}
