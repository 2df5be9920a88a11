package netif_test

import (
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/vrrp/netif"
)

// events collects what a Watcher reports about IPv4 and links.
type events struct {
	mu    sync.Mutex
	all   []netif.Event
	told  chan struct{}
	delay chan struct{} // if set, each report waits for it
}

func watch(t *testing.T, h *lab.Host, s *netif.Stack, delay chan struct{}) *events {
	t.Helper()
	e := &events{told: make(chan struct{}, 1), delay: delay}
	w := watcher(t, h, s, func(event netif.Event) {
		e.mu.Lock()
		e.all = append(e.all, event)
		e.mu.Unlock()
		select {
		case e.told <- struct{}{}:
		default:
		}
		if e.delay != nil {
			<-e.delay
		}
	})
	t.Cleanup(w.Close)
	return e
}

// watcher watches on the host.
func watcher(t *testing.T, h *lab.Host, s *netif.Stack, notify func(netif.Event)) *netif.Watcher {
	t.Helper()
	var w *netif.Watcher
	check(t, h.Do(func() (err error) { w, err = s.Watch(notify); return err }))
	return w
}

// String is the events about ens interfaces, without IPv6's.
func (e *events) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var b strings.Builder
	for _, event := range e.all {
		if strings.HasPrefix(event.Interface.Name, "ens") && !event.Address.Addr().Is6() {
			fmt.Fprintln(&b, event)
		}
	}
	return b.String()
}

func (e *events) reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = nil
}

// expect waits until the events since the last call are these.
func (e *events) expect(t *testing.T, want ...string) {
	t.Helper()
	all := strings.Join(want, "\n") + "\n"
	for deadline := time.After(5 * time.Second); e.String() != all; {
		select {
		case <-e.told:
		case <-deadline:
			t.Fatalf("got\n%swant\n%s", e, all)
		}
	}
	e.reset()
}

func TestWatcher(t *testing.T) {
	p := newLAN(t)
	s := stack(t, p.one)
	e := watch(t, p.one, s, nil)
	e.expect(t, "interface ens33: appeared", "interface ens33: up", "interface ens33: address added 192.168.200.7/24")

	a := s.Addresses()
	vip := address("ens33", "192.168.200.254/32")
	check(t, a.Set([]netif.Address{vip}, netif.Lease(9*time.Second)))
	check(t, a.Set([]netif.Address{vip}, netif.Lease(9*time.Second)))
	e.expect(t, "interface ens33: address added 192.168.200.254/32 by us")
	check(t, p.port1.RemoveAddress(vip.Prefix))
	e.expect(t, "interface ens33: address deleted 192.168.200.254/32")
	check(t, p.port1.AddAddress(vip.Prefix))
	e.expect(t, "interface ens33: address added 192.168.200.254/32")
	check(t, a.Set(nil, netif.Forever))
	e.expect(t, "interface ens33: address deleted 192.168.200.254/32 by us")

	check(t, p.port1.Unplug())
	e.expect(t, "interface ens33: down")
	check(t, p.port1.Plug())
	e.expect(t, "interface ens33: up")
	check(t, p.port1.Down())
	e.expect(t, "interface ens33: down")
	check(t, p.port1.Up())
	e.expect(t, "interface ens33: up")

	before := must[netif.Interface](t)(s.Interface("ens33")).Index
	check(t, p.port1.Remove())
	e.expect(t, "interface ens33: down", "interface ens33: address deleted 192.168.200.7/24", "interface ens33: gone")
	must[*lab.Port](t)(p.sw.Connect(p.one, "ens33", netip.MustParsePrefix("192.168.200.7/24")))
	e.expect(t, "interface ens33: appeared", "interface ens33: up", "interface ens33: address added 192.168.200.7/24")
	if after := must[netif.Interface](t)(s.Interface("ens33")).Index; after == before {
		t.Errorf("the new interface has the old index %d: nothing was tested", after)
	}

	must[string](t)(p.one.Output("ip", "link", "set", "ens33", "down"))
	e.expect(t, "interface ens33: down")
	must[string](t)(p.one.Output("ip", "link", "set", "ens33", "name", "ens34"))
	e.expect(t, "interface ens33: address deleted 192.168.200.7/24", "interface ens33: gone",
		"interface ens34: appeared", "interface ens34: address added 192.168.200.7/24")
}

// TestWatcherOverflow changes far more than the kernel's buffer holds while
// nobody listens, and expects the last state to be known in the end.
func TestWatcherOverflow(t *testing.T) {
	p := newLAN(t)
	s := stack(t, p.one)
	gate := make(chan struct{})
	e := watch(t, p.one, s, gate)
	var batch strings.Builder
	for i := range 8000 {
		fmt.Fprintf(&batch, "addr add 10.%d.%d.1/32 dev ens33\naddr del 10.%d.%d.1/32 dev ens33\n", i/250, i%250, i/250, i%250)
	}
	batch.WriteString("addr add 10.99.99.99/32 dev ens33\naddr del 192.168.200.7/24 dev ens33\n")
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(batch.String())
	must[string](t)(p.one.OutputOf(cmd))
	close(gate)
	deadline := time.After(20 * time.Second)
	for {
		e.mu.Lock()
		n := len(e.all)
		has := map[string]bool{}
		for _, event := range e.all {
			switch event.Kind {
			case netif.AddressAdded:
				has[event.Address.String()] = true
			case netif.AddressDeleted:
				delete(has, event.Address.String())
			}
		}
		e.mu.Unlock()
		if has["10.99.99.99/32"] && !has["192.168.200.7/24"] {
			if n >= 16000 {
				t.Errorf("%d events: nothing was lost, so nothing was tested", n)
			}
			for a := range has {
				if strings.HasPrefix(a, "10.") && a != "10.99.99.99/32" {
					t.Errorf("%s is thought to be there", a)
				}
			}
			return
		}
		select {
		case <-e.told:
		case <-deadline:
			t.Fatal("the last state did not become known")
		}
	}
}
