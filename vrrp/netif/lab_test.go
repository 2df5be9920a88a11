package netif_test

import (
	"net/netip"
	"os"
	"testing"

	"tandem/internal/lab"
	"tandem/vrrp/netif"
)

// bareEnv keeps a test binary that is run again out of the lab.
const bareEnv = "NETIF_TEST_BARE"

func TestMain(m *testing.M) {
	if os.Getenv(bareEnv) == "" {
		lab.Main()
	}
	os.Exit(m.Run())
}

func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lan is two hosts on a switch.
type lan struct {
	sw           *lab.Switch
	one, two     *lab.Host
	port1, port2 *lab.Port
}

func newLAN(t *testing.T) lan {
	t.Helper()
	lab.Needs(t, "ip")
	l := lab.New(t)
	sw := must[*lab.Switch](t)(l.Switch())
	one, two := must[*lab.Host](t)(l.Host("one")), must[*lab.Host](t)(l.Host("two"))
	return lan{
		sw: sw, one: one, two: two,
		port1: must[*lab.Port](t)(sw.Connect(one, "ens33", netip.MustParsePrefix("192.168.200.7/24"), netip.MustParsePrefix("fd00::7/64"))),
		port2: must[*lab.Port](t)(sw.Connect(two, "ens33", netip.MustParsePrefix("192.168.200.10/24"), netip.MustParsePrefix("fd00::10/64"))),
	}
}

// stack opens the host's network stack.
func stack(t *testing.T, h *lab.Host) *netif.Stack {
	t.Helper()
	var s *netif.Stack
	check(t, h.Do(func() (err error) { s, err = netif.Open(); return err }))
	t.Cleanup(func() { s.Close() })
	return s
}

// socket opens a VRRP socket on the host.
func socket(t *testing.T, h *lab.Host, c netif.SocketConfig) *netif.Socket {
	t.Helper()
	var s *netif.Socket
	check(t, h.Do(func() (err error) { s, err = netif.OpenSocket(c); return err }))
	t.Cleanup(func() { s.Close() })
	return s
}
