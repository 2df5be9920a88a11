package netif_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"tandem/internal/lab"
	"tandem/internal/privilege"
	"tandem/vrrp/netif"
)

// TestWithoutPrivileges runs as a user without any, outside of every lab.
func TestWithoutPrivileges(t *testing.T) {
	if os.Getenv(bareEnv) == "" {
		t.Setenv(bareEnv, "1")
		out, err := lab.AsNobody(t, "-test.v", "-test.run=^TestWithoutPrivileges$")
		if err != nil || !strings.Contains(out, "--- PASS: TestWithoutPrivileges") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	err := privilege.Check(privilege.NetBindService, privilege.NetAdmin, privilege.NetRaw)
	const want = "missing privilege: CAP_NET_BIND_SERVICE (to listen on ports below 1024), " +
		"and CAP_NET_ADMIN (to add and remove virtual addresses), " +
		"and CAP_NET_RAW (to send and receive VRRP and gratuitous ARP); " +
		"run as root or grant it, with systemd's AmbientCapabilities= or " +
		"docker run --cap-add NET_BIND_SERVICE --cap-add NET_ADMIN --cap-add NET_RAW for instance"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	var missing *privilege.MissingError
	if _, err := netif.OpenSocket(netif.SocketConfig{Interface: "lo"}); !errors.As(err, &missing) || missing.Missing[0] != privilege.NetRaw {
		t.Errorf("socket: %v", err)
	}
	s, err := netif.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Addresses().Set([]netif.Address{address("lo", "127.0.0.254/32")}, netif.Forever); !errors.As(err, &missing) || missing.Missing[0] != privilege.NetAdmin {
		t.Errorf("address: %v", err)
	}
	if _, err := s.Announcer(); !errors.As(err, &missing) || missing.Missing[0] != privilege.NetRaw {
		t.Errorf("announcer: %v", err)
	}
	if err := privilege.Check(); err != nil {
		t.Errorf("nothing needed: %v", err)
	}
}

// TestAsAnotherUser runs some of this package's tests in a lab that a user
// without any privilege made.
func TestAsAnotherUser(t *testing.T) {
	lab.New(t)
	out, err := lab.AsNobody(t, "-test.v", "-test.run=^(TestMulticast|TestIPv6Addresses|TestGratuitousARP|TestWatcher|TestInterfaceAppearsLater)$")
	switch {
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	case strings.Contains(out, "no lab: "):
		t.Skipf("no lab for an unprivileged user here:\n%s", out)
	case !strings.Contains(out, "--- PASS: TestWatcher"):
		t.Errorf("not all tests ran:\n%s", out)
	}
}
