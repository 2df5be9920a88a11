package interop

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/lab"
)

// sort is a sort of interface that an instance may be on.
type sort struct {
	name string
	// links make the interface on a host; a host's number is in place of N.
	links []string
	// on is the interface of the instance; lines is what else it says.
	on, lines string
	// vrf is the VRF that the interface is in, if it is in one.
	vrf string
}

var sorts = []sort{
	{name: "VLAN", on: "ens33.7", links: []string{
		"link add link ens33 name ens33.7 type vlan id 7", "link set ens33.7 up", "addr add 198.51.100.N/24 dev ens33.7",
	}},
	{name: "bond", on: "bond0", links: []string{
		"link add bond0 type bond mode active-backup miimon 50", "link set ens33 down", "link set ens33 master bond0",
		"link set bond0 up", "addr add 198.51.100.N/24 dev bond0",
	}},
	{name: "VLAN on a bond", on: "bond0.7", links: []string{
		"link add bond0 type bond mode active-backup miimon 50", "link set ens33 down", "link set ens33 master bond0",
		"link set bond0 up", "link add link bond0 name bond0.7 type vlan id 7", "link set bond0.7 up", "addr add 198.51.100.N/24 dev bond0.7",
	}},
	{name: "VRF", on: "ens33", vrf: "red", links: []string{
		"link add red type vrf table 100", "link set red up", "link set ens33 master red", "addr add 198.51.100.N/24 dev ens33",
	}},
	{name: "ipvlan", on: "ens33", lines: "use_ipvlan ipv51 198.51.100.10N/24", links: []string{
		"link add probe0 link ens33 type ipvlan mode l2", "link del probe0", "addr add 198.51.100.N/24 dev ens33",
	}},
	{name: "VMAC on a VLAN", on: "ens33.7", lines: "use_vmac", links: []string{
		"link add link ens33 name ens33.7 type vlan id 7", "link set ens33.7 up", "addr add 198.51.100.N/24 dev ens33.7",
	}},
}

// make makes the interface on every host. A kernel that cannot has the test skipped.
func (s sort) make(t *testing.T, n *network) {
	t.Helper()
	for i, h := range n.hosts {
		for at, line := range s.links {
			_, err := h.Output("ip", strings.Fields(strings.ReplaceAll(line, ".N/", fmt.Sprintf(".%d/", i+1)))...)
			if err != nil && at == 0 && (strings.Contains(err.Error(), "Unknown device type") || strings.Contains(err.Error(), "not supported")) {
				t.Skipf("this kernel has no %s; internal/kernellab runs this test on one that has", s.name)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

const sortVIP = "198.51.100.254"

func (s sort) conf(priority, own int) string {
	return fmt.Sprintf(`global_defs {
    router_id node%d
}
vrrp_instance VI_1 {
    state BACKUP
    version 3
    interface %s
    virtual_router_id 51
    priority %d
    advert_int 1
    %s
    virtual_ipaddress {
        %s/24
    }
}
`, own, s.on, priority, strings.ReplaceAll(s.lines, "N/", fmt.Sprintf("%d/", own)), sortVIP)
}

// Instances on interfaces of every sort, beside keepalived: who has the higher priority is master, its address is
// reached, it stops and returns, and loses its link.
func TestKernelInterfaces(t *testing.T) {
	lab.Needs(t, "keepalived")
	for _, s := range sorts {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t, 2)
			s.make(t, n)
			held := n.holding(sortVIP)
			b := n.start(false, 2, s.conf(50, 2))
			a := n.start(true, 1, s.conf(100, 1))
			n.await(held, 1, "both started", a, b)
			n.reached(s)
			a.stop()
			n.await(held, 2, "the master was stopped", a, b)
			a = n.start(true, 1, s.conf(100, 1))
			n.await(held, 1, "the master returned", a, b)
			check(t, n.ports[0].Unplug())
			n.await(held, 2, "the master's cable is out", a, b)
			check(t, n.ports[0].Plug())
			n.await(held, 1, "the master's cable is in again", a, b)
			a.(*ours).noDrops()
			n.reached(s)
			b.stop()
			a.stop()
			out, err := n.hosts[0].Output("ip", "addr")
			check(t, err)
			if strings.Contains(out, sortVIP) || strings.Contains(out, "vrrp.51") || strings.Contains(out, "ipv51") {
				t.Errorf("left behind:\n%s", out)
			}
		})
	}
}

// reached connects from the second host to the address at the first one.
func (n *network) reached(s sort) {
	n.t.Helper()
	bound := func(_, _ string, raw syscall.RawConn) (err error) {
		if s.vrf == "" {
			return nil
		}
		return errors.Join(raw.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), s.vrf) }), err)
	}
	// Who is master may change once more on a machine that is late.
	deadline := time.Now().Add(patience)
	for {
		err := n.connect(bound)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("the address is not reached: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// connect listens at the address and connects to it.
func (n *network) connect(bound func(string, string, syscall.RawConn) error) error {
	var l net.Listener
	err := n.hosts[0].Do(func() (err error) {
		l, err = (&net.ListenConfig{Control: bound}).Listen(n.t.Context(), "tcp", sortVIP+":80")
		return err
	})
	if err != nil {
		return err
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	dialer := net.Dialer{Timeout: patience / 4, Control: bound}
	var c net.Conn
	if err = n.hosts[1].Do(func() (err error) {
		c, err = dialer.Dial("tcp", sortVIP+":80")
		return err
	}); err != nil {
		return err
	}
	return c.Close()
}
