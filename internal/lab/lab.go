package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// Lab is a set of hosts and switches. All of it goes when Close is called, or
// when the process ends in whatever way.
type Lab struct {
	fabric   *namespace      // where the switches and the far ends of all cables are
	netlink  *netlink.Handle // in fabric
	mu       sync.Mutex
	hosts    []*Host
	switches int // made so far, for their names
	cables   int // made so far, for their names
}

// TB is what New needs of a *testing.T. A package that the program itself uses
// does not import testing.
type TB interface {
	Helper()
	Cleanup(func())
	Error(args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
}

// New makes an empty lab for one test, closed when the test ends. Where the
// kernel refuses namespaces the test is skipped with the reason.
func New(t TB) *Lab {
	t.Helper()
	if unavailable != nil {
		if os.Getenv(requireEnv) != "" {
			t.Fatalf("no lab, and %s is set: %v", requireEnv, unavailable)
		}
		t.Skipf("no lab: %v", unavailable)
	}
	l, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// Needs skips the test where one of the programs is not installed.
func Needs(t TB, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed", name)
		}
	}
}

// OneUser reports whether the lab has but one user, as one has that was made
// without privileges.
func OneUser() bool {
	users, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return true
	}
	fields := strings.Fields(string(users)) // inside, outside, how many
	return len(fields) == 3 && fields[2] == "1"
}

// Open makes an empty lab. The process must be one that Enter returned to
// with done false and no error.
func Open() (*Lab, error) {
	if unavailable != nil {
		return nil, unavailable
	}
	fabric, err := newNamespace("switch")
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	// The bridges are to forward, not to take part.
	err = fabric.do(func() error {
		return os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0)
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		fabric.close()
		return nil, fmt.Errorf("lab: %w", err)
	}
	handle, err := netlink.NewHandleAt(netns.NsHandle(fabric.network.Fd()))
	if err != nil {
		fabric.close()
		return nil, fmt.Errorf("lab: netlink: %w", err)
	}
	return &Lab{fabric: fabric, netlink: handle}, nil
}

// Close kills every process that still runs on a host and lets go of all
// namespaces.
func (l *Lab) Close() error {
	l.mu.Lock()
	hosts := l.hosts
	l.hosts = nil
	l.mu.Unlock()
	var errs []error
	for _, h := range hosts {
		errs = append(errs, h.close())
	}
	l.netlink.Close()
	l.fabric.close()
	return errors.Join(errs...)
}
