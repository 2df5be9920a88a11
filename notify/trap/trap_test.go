package trap

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"tandem/vrrp"
	"tandem/vrrp/fsm"
)

// receiver listens for notifications.
type receiver struct{ *net.UDPConn }

func listen(t *testing.T) receiver {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return receiver{c}
}

// next waits for a notification and returns its variables, without the time.
func (r receiver) next(t *testing.T) string {
	t.Helper()
	if err := r.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2048)
	n, err := r.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	p, err := (&gosnmp.GoSNMP{}).UnmarshalTrap(buf[:n], false)
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{p.Version.String() + " " + p.Community}
	for i, v := range p.Variables {
		if i == 0 {
			if v.Name != ".1.3.6.1.2.1.1.3.0" {
				t.Errorf("begins with %s, not with sysUpTime", v.Name)
			}
			continue
		}
		value := fmt.Sprint(v.Value)
		if b, ok := v.Value.([]byte); ok {
			value = fmt.Sprintf("%q", b)
		}
		lines = append(lines, v.Name+" "+value)
	}
	return strings.Join(lines, "\n")
}

// Every notification that keepalived sends about VRRP, in its words.
func TestNotifications(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Skip(err)
	}
	r := listen(t)
	s := New(func(text string) { t.Error(text) })
	s.Configure(Config{
		Receivers: []Receiver{{r.LocalAddr().String(), "secret"}}, RouterID: "LVS_7", Keepalived: true, RFC2787: true, RFC6527: true,
		Instances: map[string]Instance{
			"v2": {VRID: 51, Interface: "lo", Version: 2, Master: true}, "v3": {VRID: 52, Interface: "lo", Version: 3},
			"v6": {VRID: 53, Interface: "no-such", IPv6: true, Version: 3, DeletedEvent: true},
		},
	})
	const head, router = "2c secret\n.1.3.6.1.6.3.1.1.4.1.0 ", "\n.1.3.6.1.4.1.9586.100.5.1.2.0 \"LVS_7\""
	instance := func(name string, state, initial int) string {
		const base = ".1.3.6.1.4.1.9586.100.5.2."
		return fmt.Sprintf("%s%s10.0.2\n%[2]s3.1.2 %[3]q\n%[2]s3.1.4 %[4]d\n%[2]s3.1.5 %[5]d%[6]s", head, base, name, state, initial, router)
	}
	source, source6 := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("fe80::7")
	for _, c := range []struct {
		event vrrp.Event
		want  []string
	}{
		{vrrp.Transition{Instance: "v2", To: fsm.Backup, Source: source}, []string{instance("v2", 1, 2)}},
		{vrrp.Transition{Instance: "v2", To: fsm.Master, Source: source}, []string{
			instance("v2", 2, 2),
			fmt.Sprintf("%s.1.3.6.1.2.1.68.0.1\n.1.3.6.1.2.1.68.1.3.1.7.%d.51 192.0.2.7", head, lo.Index),
		}},
		{vrrp.Transition{Instance: "v3", To: fsm.Master, Source: source, Reason: fsm.Reason{Code: fsm.ByPreemption}}, []string{
			instance("v3", 2, 1),
			fmt.Sprintf("%s.1.3.6.1.2.1.207.0.1\n.1.3.6.1.2.1.207.1.1.1.1.3.%d.52.1 \"\\xc0\\x00\\x02\\a\"\n.1.3.6.1.2.1.207.1.2.5.1.2.%[2]d.52.1 2", head, lo.Index),
		}},
		{vrrp.Transition{Instance: "v6", To: fsm.Master, Source: source6, Reason: fsm.Reason{Code: fsm.ByTimeout}}, []string{
			instance("v6", 2, 1),
			head + ".1.3.6.1.2.1.207.0.1\n.1.3.6.1.2.1.207.1.1.1.1.3.0.53.2 \"\\xfe\\x80\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\a\"\n.1.3.6.1.2.1.207.1.2.5.1.2.0.53.2 3",
		}},
		{vrrp.Transition{Instance: "v3", To: fsm.Fault}, []string{instance("v3", 3, 1)}},
		{vrrp.Transition{Instance: "v3", To: fsm.Stopped}, []string{instance("v3", 5, 1)}},
		{vrrp.Transition{Instance: "v3", To: fsm.Stopped, Deleted: true}, []string{instance("v3", 3, 1)}},
		{vrrp.Transition{Instance: "v6", To: fsm.Stopped, Deleted: true}, []string{instance("v6", 6, 1)}},
		{vrrp.GroupTransition{Group: "G", To: fsm.Master}, []string{
			head + ".1.3.6.1.4.1.9586.100.5.2.10.0.1\n.1.3.6.1.4.1.9586.100.5.2.1.1.2 \"G\"\n.1.3.6.1.4.1.9586.100.5.2.1.1.3 2" + router,
		}},
	} {
		s.Event(c.event)
		for _, want := range c.want {
			if got := r.next(t); got != want {
				t.Errorf("%v:\ngot\n%s\nwant\n%s", c.event, got, want)
			}
		}
	}
	// What a reload removes is told as it was; what is off is not told.
	s.Configure(Config{Receivers: []Receiver{{r.LocalAddr().String(), "secret"}}})
	s.Event(vrrp.Transition{Instance: "v6", To: fsm.Stopped, Deleted: true})
	if got, want := r.next(t), instance("v6", 6, 1); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	s.Configure(Config{RFC2787: true, Receivers: []Receiver{{r.LocalAddr().String(), "secret"}}, Instances: map[string]Instance{"v3": {Version: 3}}})
	s.Event(vrrp.GroupTransition{Group: "G", To: fsm.Master})
	s.Event(vrrp.Transition{Instance: "v3", To: fsm.Master, Source: source})
	s.Close()
	if err := r.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes more", n)
	}
}

// A receiver that is not there is told in the log, and the next one gets what it
// is due.
func TestReceiverGone(t *testing.T) {
	r := listen(t)
	var log []string
	s := New(func(text string) { log = append(log, text) })
	s.Configure(Config{Keepalived: true, Receivers: []Receiver{{"nowhere.invalid:162", "x"}, {"127.0.0.1:x", "x"}, {r.LocalAddr().String(), "x"}}})
	s.Event(vrrp.GroupTransition{Group: "G", To: fsm.Master})
	r.next(t)
	s.Close()
	if len(log) != 2 || !strings.HasPrefix(log[0], "SNMP notification vrrpSyncGroupStateChange to nowhere.invalid:162: ") || !strings.Contains(log[1], `port "x"`) {
		t.Errorf("log %q", log)
	}
}
