package bfd_test

import (
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"tandem/bfd"
	"tandem/bfd/packet"
	"tandem/bfd/session"
	"tandem/internal/lab"
)

func TestMain(m *testing.M) {
	lab.Main()
	os.Exit(m.Run())
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// speaker is one on a host, and what it has told.
type speaker struct {
	*bfd.Speaker
	mu     sync.Mutex
	up     map[string]bool
	silent []string
	lines  []string
}

// speak starts a speaker on a host.
func speak(t *testing.T, h *lab.Host) *speaker {
	t.Helper()
	var namespace int
	check(t, h.Do(func() (err error) {
		namespace, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		return err
	}))
	s := &speaker{up: map[string]bool{}}
	var err error
	s.Speaker, err = bfd.Start(bfd.Options{
		Report: func(name string, up bool) { s.mu.Lock(); defer s.mu.Unlock(); s.up[name] = up },
		Silent: func(name string, _ netip.Addr, _ time.Duration) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.silent = append(s.silent, name)
		},
		Log:    func(_ bool, text string) { s.mu.Lock(); defer s.mu.Unlock(); s.lines = append(s.lines, text) },
		Thread: func() error { return unix.Setns(namespace, unix.CLONE_NEWNET) },
	})
	check(t, err)
	t.Cleanup(func() {
		s.Stop()
		_ = unix.Close(namespace)
	})
	return s
}

// await waits until all sessions are up, or down.
func (s *speaker) await(t *testing.T, up bool, names ...string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		s.mu.Lock()
		done := !slices.ContainsFunc(names, func(name string) bool { return s.up[name] != up })
		s.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("up %v, want %t\n%q", s.up, up, s.lines)
		}
	}
}

// toward is a session with an address, by that name.
func toward(name, source, neighbor string) bfd.Instance {
	i := bfd.Instance{
		Config:   session.Config{Name: name, MinTx: 50 * time.Millisecond, MinRx: 50 * time.Millisecond, IdleTx: time.Second, Multiplier: 3},
		Neighbor: netip.MustParseAddr(neighbor), TTL: 255,
	}
	if source != "" {
		i.Source = netip.MustParseAddr(source)
	}
	return i
}

// Two systems on a LAN, by IPv4 and IPv6, to the multihop port, and without a source
// of their own: up, cut, up again, other intervals, and gone.
func TestSpeakers(t *testing.T) {
	lab.Needs(t, "ip")
	l := lab.New(t)
	sw, err := l.Switch()
	check(t, err)
	one, err := l.Host("one")
	check(t, err)
	two, err := l.Host("two")
	check(t, err)
	_, err = sw.Connect(one, "ens33", netip.MustParsePrefix("192.168.200.7/24"), netip.MustParsePrefix("fd00::7/64"), netip.MustParsePrefix("192.168.200.8/24"))
	check(t, err)
	port, err := sw.Connect(two, "ens33", netip.MustParsePrefix("192.168.200.10/24"), netip.MustParsePrefix("fd00::10/64"), netip.MustParsePrefix("192.168.200.11/24"))
	check(t, err)
	far := func(i bfd.Instance) bfd.Instance {
		i.Multihop, i.TTL, i.MaxHops = true, 64, 3
		return i
	}
	of := func(other, own6, other6, ownFar, otherFar string) []bfd.Instance {
		return []bfd.Instance{toward("four", "", other), toward("six", own6, other6), far(toward("far", ownFar, otherFar))}
	}
	a, b := speak(t, one), speak(t, two)
	first := of("192.168.200.10", "fd00::7", "fd00::10", "192.168.200.8", "192.168.200.11")
	a.Configure(first)
	b.Configure(of("192.168.200.7", "fd00::10", "fd00::7", "192.168.200.11", "192.168.200.8"))
	names := []string{"four", "six", "far"}
	a.await(t, true, names...)
	b.await(t, true, names...)

	check(t, port.Unplug())
	a.await(t, false, names...)
	b.await(t, false, names...)
	a.mu.Lock()
	for _, name := range names {
		if !slices.Contains(a.silent, name) {
			t.Errorf("silent: %q, not %s", a.silent, name)
		}
	}
	a.mu.Unlock()
	check(t, port.Plug())
	a.await(t, true, names...)

	// What is not for a session, or makes no sense, is counted and changes nothing.
	_, before := a.Status()
	forged := packet.Packet{State: packet.Down, Multiplier: 3, My: 7, MinTx: time.Second, MinRx: time.Second}
	conn, err := two.DialContext(t.Context(), "udp4", "192.168.200.7:3784")
	check(t, err)
	defer func() { _ = conn.Close() }()
	send := func() {
		forged.Your = 0
		short, known := []byte{1, 2, 3}, forged.Append(nil)
		forged.Your = 12345
		for _, b := range [][]byte{short, append(known, 0), forged.Append(nil)} {
			_, err := conn.Write(b)
			check(t, err)
		}
		forged.Your = 0
	}
	send()
	_, err = conn.Write(forged.Append(nil)) // it says Down, and by its TTL comes from afar
	check(t, err)
	check(t, ipv4.NewConn(conn).SetTTL(255))
	send()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, n := a.Status(); n == before+7 {
			break
		} else if time.Now().After(end) {
			t.Fatalf("%d packets discarded, want 7", n-before)
		}
	}
	a.await(t, true, names...)

	// Others' intervals, one session less.
	changed := first[:2]
	changed[0].MinTx, changed[0].Multiplier = 20*time.Millisecond, 5
	a.Configure(changed)
	a.await(t, true, "four", "six")
	b.await(t, false, "far")
	sessions, _ := a.Status()
	if len(sessions) != 2 || sessions[0].State != packet.Up || sessions[0].Sent == 0 || sessions[0].Received == 0 {
		t.Errorf("%+v", sessions)
	}
	b.Stop()
	a.await(t, false, "four", "six")
}
