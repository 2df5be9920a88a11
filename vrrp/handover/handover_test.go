package handover

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/vrrp"
	"tandem/vrrp/detour"
	"tandem/vrrp/fsm"
	"tandem/vrrp/netif"
	"tandem/vrrp/peerlink"
)

var (
	addrA = netip.MustParseAddr("192.0.2.1")
	addrB = netip.MustParseAddr("192.0.2.2")
	vip   = netip.MustParseAddr("192.0.2.254")
)

// node is a node with its router, its kernel, its web side and its end of the
// link, all of them played.
type node struct {
	*Handover
	name     string
	addr     netip.Addr
	priority uint8
	other    *node
	fake     netif.Fake

	mu     sync.Mutex
	role   fsm.Role
	leave  bool
	linked bool // to the other node
	deaf   bool // nothing that is sent arrives
	health string
	flows  map[detour.Flow]bool
	arp    netif.ARPSettings
	said   []string
}

// newPair returns a master and its backup, with an instance VI.
func newPair(t *testing.T) (a, b *node) {
	a, b = newNode(t, "a", addrA, 100), newNode(t, "b", addrB, 50)
	a.other, b.other = b, a
	a.role, b.role = fsm.Master, fsm.Backup
	return a, b
}

func newNode(t *testing.T, name string, addr netip.Addr, priority uint8) *node {
	n := &node{name: name, addr: addr, priority: priority, linked: true, flows: map[detour.Flow]bool{}}
	n.Handover = New(Config{
		Router: n, Link: n, Kernel: n, Web: n, Leftovers: filepath.Join(t.TempDir(), "leftovers"),
		Log: func(_, text string) { n.note("log: %s", text) }, Privileged: func(f func()) { f() },
		Redirect: func(c detour.Config) (Detour, error) {
			n.note("redirect %v to %v", c.Addresses, c.To)
			return fakeDetour{n}, nil
		},
		Connections: func([]netip.Addr, []detour.Listener) (map[detour.Flow]bool, error) {
			n.mu.Lock()
			defer n.mu.Unlock()
			return n.flows, nil
		},
	})
	n.Configure([]Instance{{Name: "VI", Addresses: []netif.Address{{Interface: "eth0", Prefix: netip.PrefixFrom(vip, 32)}}, Bound: 5 * time.Second, Plain: true}})
	return n
}

func (n *node) note(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said = append(n.said, fmt.Sprintf(format, args...))
}

// story returns what has happened since it was last asked.
func (n *node) story() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := strings.Join(n.said, "\n")
	n.said = nil
	return s
}

func (n *node) set(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

// busy gives the node that many connections.
func (n *node) busy(count int) {
	n.set(func() {
		n.flows = map[detour.Flow]bool{}
		for i := range count {
			n.flows[detour.Flow{Local: netip.AddrPortFrom(vip, 80), Remote: netip.AddrPortFrom(addrB, uint16(1000+i))}] = true
		}
	})
}

type fakeDetour struct{ n *node }

func (d fakeDetour) Forwarded() uint64 { return 7 }
func (d fakeDetour) Close()            { d.n.note("end of redirection") }

// Status implements Router.
func (n *node) Status(context.Context) (vrrp.Status, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	i := vrrp.InstanceStatus{Name: "VI", Role: n.role, Leaving: n.leave, Priority: n.priority, Source: n.addr}
	if n.role == fsm.Backup {
		i.Master = n.other.addr
	}
	return vrrp.Status{Instances: []vrrp.InstanceStatus{i}}, nil
}

// Await implements Router.
func (n *node) Await(ctx context.Context, wanted func(vrrp.Status) bool) (vrrp.Status, error) {
	for ; ; time.Sleep(time.Millisecond) {
		if err := ctx.Err(); err != nil {
			return vrrp.Status{}, err
		}
		if s, err := n.Status(ctx); err != nil || wanted(s) {
			return s, err
		}
	}
}

// SetLinked implements Router.
func (n *node) SetLinked(_ string, _ netip.Addr, on bool) { n.note("linked %v", on) }

// HandOver implements Router: good-bye is said.
func (n *node) HandOver(string) {
	n.set(func() { n.leave = true })
	n.note("good-bye")
}

// TakeOver implements Router: the node becomes master, and the other one hears
// it.
func (n *node) TakeOver(string, netip.Addr) {
	n.become(fsm.Master)
	n.other.become(fsm.Backup)
}

func (n *node) become(r fsm.Role) {
	var from fsm.Role
	n.set(func() { from, n.role, n.leave = n.role, r, false })
	n.note("is %v", r)
	n.Event(vrrp.Transition{Instance: "VI", From: from, To: r})
}

// Speaker implements Router.
func (n *node) Speaker(_ string, a netip.Addr) (vrrp.Speaker, bool) {
	if a != n.other.addr {
		return vrrp.Speaker{}, false
	}
	n.other.mu.Lock()
	defer n.other.mu.Unlock()
	return vrrp.Speaker{Addr: a, Priority: n.other.priority, Heard: time.Now()}, true
}

// Sessions implements Link.
func (n *node) Sessions() []peerlink.Session {
	n.mu.Lock()
	linked := n.linked
	n.mu.Unlock()
	if !linked {
		return nil
	}
	n.other.mu.Lock()
	defer n.other.mu.Unlock()
	return []peerlink.Session{{Instance: "VI", Addr: n.other.addr, Master: n.other.role == fsm.Master,
		Info: peerlink.Info{Node: n.other.name, Handover: true, Health: n.other.health}}}
}

// Send implements Link.
func (n *node) Send(instance string, to netip.Addr, h peerlink.Handover) error {
	n.note("says %s", h.Step)
	n.mu.Lock()
	linked, deaf := n.linked, n.deaf
	n.mu.Unlock()
	if !linked || to != n.other.addr {
		return peerlink.ErrNoPeer
	}
	if !deaf {
		go n.other.Heard(instance, n.addr, h)
	}
	return nil
}

// Interface implements Kernel.
func (n *node) Interface(name string) (netif.Interface, error) {
	return netif.Interface{Name: name, Hardware: net.HardwareAddr{2, 0, 0, 0, 0, n.addr.As4()[3]}, Addresses: []netip.Prefix{netip.PrefixFrom(n.addr, 24)}}, nil
}

// Addresses implements Kernel.
func (n *node) Addresses() netif.Addresses { return n.fake.Addresses() }

// ARPSettings implements Kernel.
func (n *node) ARPSettings(string) (netif.ARPSettings, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.arp, nil
}

// SetARPSettings implements Kernel.
func (n *node) SetARPSettings(_ string, a netif.ARPSettings) error {
	n.set(func() { n.arp = a })
	return nil
}

// Drain implements Web.
func (n *node) Drain(list []netip.Addr) { n.note("drain %v", list) }

// EndIdle implements Web.
func (n *node) EndIdle() {}

// Silent implements Web.
func (n *node) Silent(time.Duration, bool) int { return 0 }

// Cut implements Web.
func (n *node) Cut(list []netip.Addr) { n.note("cut %v", list) }

// Listeners implements Web.
func (n *node) Listeners() []detour.Listener { return nil }

func (n *node) goodbye() { n.HandOver("VI") }

// clean checks that nothing is left of a preparation.
func (n *node) clean(t *testing.T) {
	t.Helper()
	n.mu.Lock()
	arp := n.arp
	n.mu.Unlock()
	if left := n.fake.Present(); len(left) > 0 || arp != (netif.ARPSettings{}) || n.Preparing("VI") {
		t.Errorf("%s is left with %v and %+v", n.name, left, arp)
	}
	if _, err := os.Stat(n.c.Leftovers); !os.IsNotExist(err) {
		t.Errorf("%s: the note of what is to be undone is left: %v", n.name, err)
	}
}

func expect(t *testing.T, n *node, want string) {
	t.Helper()
	if got := n.story(); got != strings.TrimSpace(want) {
		t.Errorf("%s:\n%s\nwant:\n%s", n.name, got, want)
	}
}

func TestAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		a.busy(1)
		time.AfterFunc(98*time.Millisecond, func() {
			arp, _ := b.ARPSettings("eth0")
			if !b.Preparing("VI") || arp != (netif.ARPSettings{Announce: 2, Ignore: 1}) || len(b.fake.Present()) != 1 {
				t.Errorf("the successor is not prepared: %v %v", arp, b.fake.Present())
			}
			a.busy(0)
		})
		gone, stay := a.Away(t.Context(), nil, a.goodbye)
		if !slices.Equal(gone, []string{"VI"}) || stay != nil {
			t.Errorf("gone %v, stay %v", gone, stay)
		}
		time.Sleep(2 * quietRenewal)
		expect(t, a, `
drain [192.0.2.254]
says prepare
redirect [192.0.2.254] to 02:00:00:00:00:02
good-bye
says take
is BACKUP
cut [192.0.2.254]
log: handover: prepared in 0s, connections ended in 100ms, relieved in 1ms; 7 packets sent on
end of redirection
drain []`)
		expect(t, b, `
says ready
is MASTER`)
		b.clean(t)
	})
}

// Connections that do not end in time are cut while the address is still here: their
// clients hear of it, and come again, to the successor.
func TestCutInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		a.busy(1)
		gone, stay := a.Away(t.Context(), nil, a.goodbye)
		if !slices.Equal(gone, []string{"VI"}) || stay != nil {
			t.Errorf("gone %v, stay %v", gone, stay)
		}
		time.Sleep(2 * quietRenewal)
		expect(t, a, `
drain [192.0.2.254]
says prepare
redirect [192.0.2.254] to 02:00:00:00:00:02
log: 1 connections are cut: they did not end within 5s
cut [192.0.2.254]
good-bye
says take
is BACKUP
cut [192.0.2.254]
log: handover: prepared in 0s, connections ended in 5s, relieved in 1ms; 7 packets sent on
end of redirection
drain []`)
		b.clean(t)
	})
}

// The successor dies while connections are still to end: new ones come here
// again, and good-bye is said when the time is up, to whoever hears it.
func TestSuccessorDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		a.busy(1)
		begun := time.Now()
		time.AfterFunc(time.Second, func() { a.set(func() { a.linked = false }) })
		gone, stay := a.Away(t.Context(), nil, func() {
			a.goodbye()
			time.AfterFunc(1249500*time.Microsecond, func() { a.set(func() { a.leave = false }) }) // it stays master
		})
		if gone != nil || !slices.Equal(stay, []string{"VI"}) {
			t.Errorf("gone %v, stay %v", gone, stay)
		}
		if took := time.Since(begun); took > 5*time.Second+goodbyeLimit+answerLimit {
			t.Errorf("it took %v", took)
		}
		expect(t, a, `
drain [192.0.2.254]
says prepare
redirect [192.0.2.254] to 02:00:00:00:00:02
log: b is gone: its connections are served here again
end of redirection
log: 1 connections are cut: they did not end within 5s
good-bye
log: handover: prepared in 0s, connections ended in 5s, relieved in 1.25s; 7 packets sent on
drain []`)
		time.Sleep(time.Minute)
		b.clean(t)
	})
}

// What is sent does not arrive: the master does not wait for long, and the
// successor does not stay prepared.
func TestSilentLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		b.set(func() { b.deaf = true })
		begun := time.Now()
		time.AfterFunc(time.Second, func() { b.TakeOver("VI", addrA) }) // by priority 0
		gone, _ := a.Away(t.Context(), nil, a.goodbye)
		if took := time.Since(begun); len(gone) != 1 || took > 2*time.Second {
			t.Errorf("gone %v after %v", gone, took)
		}
		time.Sleep(time.Minute)
		b.clean(t)
	})
}

func TestSecondSignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		a.busy(3)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		begun := time.Now()
		gone, _ := a.Away(ctx, nil, a.goodbye)
		if took := time.Since(begun); len(gone) != 1 || took > 1100*time.Millisecond {
			t.Errorf("gone %v after %v", gone, took)
		}
		time.Sleep(time.Minute)
		b.clean(t)
	})
}

func TestNobodyThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newPair(t)
		a.set(func() { a.linked = false })
		a.busy(1)
		time.AfterFunc(50*time.Millisecond, func() { a.busy(0) })
		time.AfterFunc(time.Second, func() { a.set(func() { a.leave = false }) }) // it stays master
		gone, stay := a.Away(t.Context(), nil, a.goodbye)
		if gone != nil || !slices.Equal(stay, []string{"VI"}) {
			t.Errorf("gone %v, stay %v", gone, stay)
		}
		if s := a.story(); strings.Contains(s, "redirect") || strings.Contains(s, "says") {
			t.Errorf("without a successor:\n%s", s)
		}
	})
}

// pair is a router with another instance beside VI.
type pair struct {
	*node
	beside vrrp.InstanceStatus
}

func (p *pair) Status(ctx context.Context) (vrrp.Status, error) {
	s, err := p.node.Status(ctx)
	s.Instances = append(s.Instances, p.beside)
	return s, err
}

func (p *pair) Await(ctx context.Context, wanted func(vrrp.Status) bool) (vrrp.Status, error) {
	for ; ; time.Sleep(time.Millisecond) {
		if err := ctx.Err(); err != nil {
			return vrrp.Status{}, err
		}
		if s, _ := p.Status(ctx); wanted(s) {
			return s, nil
		}
	}
}

// One instance is relieved, and nobody wants the other one: each is told as it is.
func TestGoneInPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newPair(t)
		p := &pair{a, vrrp.InstanceStatus{Name: "VJ", Role: fsm.Master}}
		a.c.Router = p
		a.Configure([]Instance{{Name: "VI", Bound: time.Second}, {Name: "VJ", Bound: time.Second}})
		begun := time.Now()
		gone, stay := a.Away(t.Context(), nil, func() {
			a.goodbye()
			p.beside.Leaving = true
			time.AfterFunc(time.Second, func() { a.become(fsm.Backup) })
		})
		if !slices.Equal(gone, []string{"VI"}) || !slices.Equal(stay, []string{"VJ"}) {
			t.Errorf("gone %v, stay %v", gone, stay)
		}
		if took := time.Since(begun); took < goodbyeLimit || took > goodbyeLimit+10*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
}

// A backup of higher priority asks and gets it; one of lower priority does not.
func TestAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		b.Event(vrrp.HandoverWanted{Instance: "VI", Master: addrA})
		synctest.Wait()
		expect(t, b, "says ask\nlog: 192.0.2.1 does not hand over: priority 50 against 100\nlinked false")
		b.set(func() { b.priority = 150 })
		b.Event(vrrp.HandoverWanted{Instance: "VI", Master: addrA})
		time.Sleep(time.Minute)
		if s := b.story(); !strings.HasSuffix(s, "is MASTER") {
			t.Errorf("after asking:\n%s", s)
		}
		b.clean(t)
		if s := a.story(); !strings.Contains(s, "asks to take over") || !strings.Contains(s, "says take") {
			t.Errorf("asked:\n%s", s)
		}
	})
}

// A master that resigns calls the best backup that serves, and nobody else.
func TestCallForHelp(t *testing.T) {
	for _, sick := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			a, b := newPair(t)
			if sick {
				b.health = "502"
			}
			a.set(func() { a.leave = true })
			a.Event(vrrp.PriorityChange{Instance: "VI", Role: fsm.Master, Priority: fsm.PriorityLow})
			synctest.Wait()
			if called := strings.Contains(b.story(), "is MASTER"); called == sick {
				t.Errorf("called %v although the peer is sick %v", called, sick)
			}
		})
	}
}

// What a successor leaves that is killed is undone by the next process.
func TestCleanUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		a.busy(1)
		go a.Away(t.Context(), nil, a.goodbye)
		time.Sleep(time.Second)
		next := newNode(t, "b", addrB, 50)
		next.arp, _ = b.ARPSettings("eth0")
		for _, left := range b.fake.Present() {
			next.fake.Place(left)
		}
		if len(next.fake.Present()) != 1 {
			t.Fatal("the successor is not prepared")
		}
		text, err := os.ReadFile(b.c.Leftovers)
		if err == nil {
			err = os.WriteFile(next.c.Leftovers, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if found, err := CleanUp(next.c.Leftovers, next); !found || err != nil {
			t.Errorf("found %v, %v", found, err)
		}
		next.clean(t)
		if found, err := CleanUp(next.c.Leftovers, next); found || err != nil {
			t.Errorf("a second time: found %v, %v", found, err)
		}
		time.Sleep(time.Minute) // a ends
	})
}
