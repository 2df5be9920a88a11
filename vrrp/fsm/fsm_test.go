package fsm

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"tandem/vrrp/packet"
)

// Step is a function of its arguments: the same ones give the same result, and the state given to it is not changed.
func TestStepIsPure(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	c := &Config{Name: "VI_1", VRID: 51, Version: packet.V3, Source: netip.MustParseAddr("192.0.2.1"), Priority: 100,
		Interval: 100 * time.Millisecond, Handover: 200 * time.Millisecond, PreemptDelay: time.Second, NoAccept: true,
		Announcements: Announcements{Repeat: 5, Delay: time.Second, Refresh: time.Second, RefreshRepeat: 1, LowerRepeat: 1, Contested: time.Second}}
	old := *c
	old.Priority = 90
	peer := func() netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(rng.IntN(4))}) }
	events := []func() Event{
		func() Event { return Start{} },
		func() Event { return Timer{} },
		func() Event { return Advert{Source: peer(), Priority: uint8(rng.IntN(256)), Interval: c.Interval} },
		func() Event { return PriorityChanged{Weights: rng.IntN(100) - 50} },
		func() Event { return FaultSet{Cause{FaultKind(rng.IntN(int(PendingGroup) + 1)), "x", ""}} },
		func() Event { return FaultCleared{FaultKind(rng.IntN(int(PendingGroup) + 1)), "x", ""} },
		func() Event { return AddressLost{Address: peer()} },
		func() Event { return Resign{Text: "x", Alone: rng.IntN(2) == 0} },
		func() Event { return SelfOK{} },
		func() Event { return Demote{} },
		func() Event { return Linked{Source: peer(), On: rng.IntN(4) > 0} },
		func() Event { return HandOver{} },
		func() Event { return TakeOver{Source: peer()} },
		func() Event { return Promote{} },
		func() Event { return PeerGone{Source: peer(), Best: rng.IntN(2) == 0} },
		func() Event { return Reconfigured{Old: &old, Changed: true, Added: true} },
		func() Event { return groupMaster{"y"} },
		func() Event { return groupBackup{"y", true, true} },
		func() Event { return groupResigned{"y", rng.IntN(2) == 0} },
	}
	now := time.Unix(0, 0)
	s := NewState(c, now)
	roles := map[Role]int{}
	steps := 200_000
	if testing.Short() {
		steps = 20_000
	}
	for i := range steps {
		now = now.Add(time.Duration(rng.IntN(100)) * time.Millisecond)
		ev := events[rng.IntN(len(events))]()
		if i%1000 == 999 {
			ev = Stop{Now: i%2000 == 999}
		}
		before := s
		before.Faults = slices.Clone(s.Faults)
		next, acts := alone(c, s, ev, now)
		if !reflect.DeepEqual(s, before) {
			t.Fatalf("%v changed the state given:\n%+v\nto\n%+v", ev, before, s)
		}
		again, actsAgain := alone(c, s, ev, now)
		if !reflect.DeepEqual(next, again) || !reflect.DeepEqual(acts, actsAgain) {
			t.Fatalf("%v gave different results:\n%+v %v\n%+v %v", ev, next, acts, again, actsAgain)
		}
		check(t, &next, now)
		roles[next.Role]++
		if s = next; s.Role == Stopped {
			s = NewState(c, now)
		}
	}
	for _, r := range []Role{Init, Backup, Master, Fault, Stopped} {
		if roles[r] == 0 {
			t.Errorf("the walk never came to %v", r)
		}
	}
}

// check holds what is true of every state.
func check(t *testing.T, s *State, now time.Time) {
	t.Helper()
	at, what, ok := s.Deadline()
	if waits := s.Role == Backup || s.Role == Master; ok != waits {
		t.Fatalf("%v has a deadline: %v", s.Role, ok)
	}
	if ok && at.Before(now.Add(-time.Hour)) {
		t.Fatalf("%s was due at %v, now %v", what, at, now)
	}
	if s.Role == Fault && !causes(s.Faults).faulty() && len(s.Faults) == 0 {
		t.Fatal("FAULT without a cause")
	}
	if (s.Role == Backup || s.Role == Master) && causes(s.Faults).faulty() {
		t.Fatalf("%v with %v", s.Role, causes(s.Faults))
	}
	if s.Leaving() && s.Role != Master {
		t.Fatalf("%v is leaving", s.Role)
	}
}

// The timer event before the deadline changes nothing; at the deadline it changes the deadline.
func TestTimerOnlyWhenDue(t *testing.T) {
	c := &Config{Name: "VI_1", Version: packet.V2, Source: netip.MustParseAddr("192.0.2.1"), Priority: 100, Interval: time.Second}
	now := time.Unix(0, 0)
	s, _ := alone(c, NewState(c, now), Start{}, now)
	for range 10 {
		at, _, ok := s.Deadline()
		if !ok {
			t.Fatal("no deadline")
		}
		early, acts := alone(c, s, Timer{}, at.Add(-time.Nanosecond))
		if len(acts) != 0 || !reflect.DeepEqual(early, s) {
			t.Fatalf("early timer: %v", acts)
		}
		s, acts = alone(c, s, Timer{}, at)
		if next, _, _ := s.Deadline(); len(acts) == 0 || !next.After(at) {
			t.Fatalf("timer at %v: %v, next %v", at, acts, next)
		}
	}
}

// A timer that fires late does not shift the adverts that follow.
func TestAdvertScheduleDoesNotDrift(t *testing.T) {
	c := &Config{Name: "VI_1", Version: packet.V2, Source: netip.MustParseAddr("192.0.2.1"), Priority: 255, StartMaster: true, Interval: time.Second}
	begin := time.Unix(0, 0)
	s, _ := alone(c, NewState(c, begin), Start{}, begin)
	for i := 1; i <= 100; i++ {
		at, _, _ := s.Deadline()
		if want := begin.Add(time.Duration(i) * time.Second); !at.Equal(want) {
			t.Fatalf("advert %d is due at %v, want %v", i, at, want)
		}
		s, _ = alone(c, s, Timer{}, at.Add(9*time.Millisecond))
	}
}

// Every enum prints itself; an impossible value panics with the package's name.
func TestEnums(t *testing.T) {
	for k := FaultKind(0); k <= PendingGroup; k++ {
		if k.String() == "" {
			t.Errorf("fault kind %d has no name", k)
		}
	}
	for k := Advertise; k <= Log; k++ {
		if k.String() == "" {
			t.Errorf("action %d has no name", k)
		}
	}
	for c := ByStart; c <= ByReport; c++ {
		if c.String() == "" {
			t.Errorf("code %d has no name", c)
		}
	}
	for name, f := range map[string]func(){
		"role":   func() { _ = Role(99).String() },
		"fault":  func() { _ = FaultKind(99).String() },
		"action": func() { _ = ActionKind(99).String() },
		"code":   func() { _ = Code(99).String() },
		"event":  func() { alone(&Config{}, State{}, nil, time.Time{}) },
		"group": func() {
			NewRouter([]*Config{{Name: "a"}}, []Group{{Members: []int{0}}, {Members: []int{0}}}, time.Time{})
		},
	} {
		func() {
			defer func() {
				if r, _ := recover().(string); len(r) < 4 || r[:4] != "fsm:" {
					t.Errorf("%s: panic %q", name, r)
				}
			}()
			f()
		}()
	}
}

// alone is a step of an instance that is in no sync group.
func alone(c *Config, s State, ev Event, now time.Time) (State, []Action) {
	return step(c, s, ev, now, true, nil)
}
