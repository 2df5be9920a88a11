package session

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tandem/bfd/packet"
)

// lot is a Chance that a test can repeat.
type lot struct {
	*rand.Rand
	last uint32
}

func (l *lot) Between(low, high time.Duration) time.Duration {
	return low + time.Duration(l.Int64N(int64(high-low)+1))
}

func (l *lot) Discriminator() uint32 { l.last += 1000; return l.last }

// side is a system at one end of a link.
type side struct {
	*Session
	sent  []time.Duration // since the beginning
	last  packet.Packet
	lines []string
	told  []string // "up 1.5s"
	// expired is that of the last Change.
	expired bool
}

// link is two systems, a clock, and a wire that can be cut.
type link struct {
	begin, now time.Time
	sides      [2]*side
	lost       [2]bool                          // what a side sends
	onWire     func(from int, p *packet.Packet) // may change it
}

// fast is 50 ms three times, and begins slowly.
func fast(name string) Config {
	return Config{Name: name, MinTx: 50 * time.Millisecond, MinRx: 50 * time.Millisecond, IdleTx: time.Second, Multiplier: 3}
}

func connect(one, other Config) *link {
	l := &link{begin: time.Unix(1_000_000, 0)}
	l.now = l.begin
	for i, c := range []Config{one, other} {
		l.sides[i] = &side{Session: New(c, &lot{rand.New(rand.NewPCG(1, uint64(i))), uint32(i)})}
	}
	for i := range l.sides {
		l.do(i, l.sides[i].Advance(l.now))
	}
	return l
}

// do carries out effects; packets are there at once.
func (l *link) do(from int, effects []Effect) {
	s := l.sides[from]
	for _, e := range effects {
		switch e := e.(type) {
		case Line:
			s.lines = append(s.lines, e.Text)
		case Change:
			s.told = append(s.told, fmt.Sprintf("%s %v", map[bool]string{true: "up", false: "down"}[e.Up], l.now.Sub(l.begin)))
			s.expired = e.Expired
		case Send:
			s.sent = append(s.sent, l.now.Sub(l.begin))
			s.last = e.Packet
			if l.lost[from] {
				continue
			}
			p := e.Packet
			if l.onWire != nil {
				l.onWire(from, &p)
			}
			l.do(1-from, l.sides[1-from].Receive(&p, l.now))
		}
	}
}

// run lets time pass.
func (l *link) run(d time.Duration) {
	for end := l.now.Add(d); ; {
		next, who := end, -1
		for i, s := range l.sides {
			if at := s.Due(); !at.IsZero() && at.Before(next) {
				next, who = at, i
			}
		}
		if next.After(l.now) {
			l.now = next
		}
		if who < 0 {
			return
		}
		l.do(who, l.sides[who].Advance(l.now))
	}
}

func (l *link) states() string {
	return l.sides[0].State().String() + " " + l.sides[1].State().String()
}

// Sections 6.2 and 6.8.3: three packets bring a session up; both then go over to the
// fast intervals, and confirm them.
func TestUp(t *testing.T) {
	l := connect(fast("one"), fast("other"))
	l.run(3 * time.Second)
	if l.states() != "Up Up" {
		t.Fatal(l.states())
	}
	for i, s := range l.sides {
		if s.poll || s.last.Poll || s.last.MinTx != 50*time.Millisecond || s.Detection() != 150*time.Millisecond || len(s.told) != 1 {
			t.Errorf("%d: %+v, detection %v, told %q", i, s.last, s.Detection(), s.told)
		}
		if !strings.Contains(strings.Join(s.lines, "\n"), "Entering Up state") {
			t.Errorf("%d: %q", i, s.lines)
		}
	}
}

// A cut is seen within the Detection Time (section 6.8.4) and not before a packet can
// have been missed; and it is over when the wire is there again.
func TestCut(t *testing.T) {
	l := connect(fast("one"), fast("other"))
	l.run(3 * time.Second)
	for _, s := range l.sides {
		s.told = nil
	}
	l.lost = [2]bool{true, true}
	at := l.now.Sub(l.begin)
	l.run(time.Second)
	for i, s := range l.sides {
		var down string
		if len(s.told) == 1 {
			down = strings.TrimPrefix(s.told[0], "down ")
		}
		d, err := time.ParseDuration(down)
		if err != nil || d-at < 100*time.Millisecond || d-at > 150*time.Millisecond {
			t.Errorf("%d: cut at %v, %q", i, at, s.told)
		}
		if s.last.State != packet.Down || s.last.Diag != packet.Expired || s.last.Your != 0 || s.last.MinTx != time.Second {
			t.Errorf("%d sends %+v", i, s.last)
		}
	}
	l.lost = [2]bool{}
	l.run(3 * time.Second)
	if l.states() != "Up Up" {
		t.Errorf("%s afterwards", l.states())
	}
}

// One direction is enough to take both down: the one that hears nothing says so.
func TestCutOneWay(t *testing.T) {
	l := connect(fast("one"), fast("other"))
	l.run(3 * time.Second)
	l.lost[0] = true
	l.run(400 * time.Millisecond)
	for i, why := range []packet.Diag{packet.NeighborDown, packet.Expired} {
		want := fmt.Sprintf("Entering Down state (Local diagnostic - %s, Remote", why)
		if s := l.sides[i]; len(s.told) != 2 || s.State() == packet.Up || s.expired != (why == packet.Expired) || !strings.Contains(strings.Join(s.lines, "\n"), want) {
			t.Errorf("%d: %v, told %q, %q", i, s.State(), s.told, s.lines)
		}
	}
}

// Section 6.8.7: intervals are 75 to 100 % of what was agreed, 75 to 90 with a
// multiplier of 1, and at least a second (less jitter) while the session is not up.
func TestIntervals(t *testing.T) {
	for _, c := range []struct {
		multiplier uint8
		low, high  time.Duration
	}{{3, 37500 * time.Microsecond, 50 * time.Millisecond}, {1, 37500 * time.Microsecond, 45 * time.Millisecond}} {
		conf := fast("one")
		conf.Multiplier = c.multiplier
		l := connect(conf, fast("other"))
		l.run(3 * time.Second)
		l.sides[0].sent = nil
		l.run(3 * time.Second)
		for i, sent := range l.sides[0].sent[1:] {
			if d := sent - l.sides[0].sent[i]; d < c.low || d > c.high {
				t.Errorf("multiplier %d: %v between two packets", c.multiplier, d)
			}
		}
	}
	l := connect(fast("one"), fast("other"))
	l.lost = [2]bool{true, true}
	l.run(2 * time.Second)
	l.sides[0].sent = nil
	l.run(10 * time.Second)
	for i, sent := range l.sides[0].sent[1:] {
		if d := sent - l.sides[0].sent[i]; d < 750*time.Millisecond || d > time.Second {
			t.Errorf("%v between two packets to nobody", d)
		}
	}
}

// The slower side's wish counts (section 6.8.7), and none wants no packets at all.
func TestRemoteMinRx(t *testing.T) {
	slow := fast("slow")
	slow.MinRx = 300 * time.Millisecond
	l := connect(fast("one"), slow)
	l.run(4 * time.Second)
	l.sides[0].sent = nil
	l.run(3 * time.Second)
	if n := len(l.sides[0].sent); n < 10 || n > 14 {
		t.Errorf("%d packets in 3 s to one that wants them each 300 ms", n)
	}
	l.onWire = func(from int, p *packet.Packet) {
		if from == 1 {
			p.MinRx = 0
		}
	}
	l.run(time.Second)
	l.sides[0].sent = nil
	l.run(time.Second)
	for range l.sides[0].sent {
		t.Error("a packet to one that wants none")
		break
	}
}

// Section 6.1: at least one system takes the active role.
func TestPassive(t *testing.T) {
	passive := fast("passive")
	passive.Passive = true
	l := connect(passive, passive)
	l.run(10 * time.Second)
	if l.states() != "Down Down" || len(l.sides[0].sent) > 0 {
		t.Errorf("%s, %d packets", l.states(), len(l.sides[0].sent))
	}
	l = connect(passive, fast("active"))
	l.run(4 * time.Second)
	if l.states() != "Up Up" {
		t.Error(l.states())
	}
}

// AdminDown takes a session down and is no failure.
func TestAdminDown(t *testing.T) {
	l := connect(fast("one"), fast("other"))
	l.run(3 * time.Second)
	l.onWire = func(from int, p *packet.Packet) {
		if from == 1 {
			p.State, p.Diag = packet.AdminDown, packet.AdministrativelyDown
		}
	}
	l.run(time.Second)
	if s := l.sides[0]; s.State() != packet.Down || !s.Up() || s.last.Diag != packet.NeighborDown {
		t.Errorf("%v, told %q, sends %+v", s.State(), s.told, s.last)
	}
}

// Section 6.6: in Demand mode nothing is sent to a system that does not want it, but
// polls.
func TestDemand(t *testing.T) {
	l := connect(fast("one"), fast("other"))
	l.run(3 * time.Second)
	l.onWire = func(from int, p *packet.Packet) { p.Demand = from == 1 }
	l.run(200 * time.Millisecond)
	l.sides[0].sent = nil
	l.run(60 * time.Millisecond)
	if n := len(l.sides[0].sent); n > 0 {
		t.Errorf("%d packets", n)
	}
}

// Section 6.8.3: other intervals are negotiated without the session going down.
func TestConfigure(t *testing.T) {
	l := connect(fast("one"), fast("other"))
	l.run(3 * time.Second)
	c := fast("one")
	c.MinTx, c.MinRx = 200*time.Millisecond, 10*time.Millisecond
	s := l.sides[0]
	if l.do(0, s.Configure(c, l.now)); !s.poll || s.transmitInterval() != 50*time.Millisecond || s.Detection() != 150*time.Millisecond {
		t.Errorf("before it is confirmed: poll %t, interval %v, detection %v", s.poll, s.transmitInterval(), s.Detection())
	}
	l.run(time.Second)
	if s.poll || s.transmitInterval() != 200*time.Millisecond || l.sides[1].Detection() != 600*time.Millisecond {
		t.Errorf("afterwards: poll %t, interval %v, the other's detection %v", s.poll, s.transmitInterval(), l.sides[1].Detection())
	}
	if l.states() != "Up Up" || len(s.told) != 1 {
		t.Errorf("%s, told %q", l.states(), s.told)
	}
}

// Whatever comes, a session says up and down in turns and is never due in the past
// for ever.
func FuzzReceive(f *testing.F) {
	f.Add([]byte{1, 3, 2, 0, 3, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		s := New(fast("one"), &lot{rand.New(rand.NewPCG(1, 2)), 0})
		now := time.Unix(1_000_000, 0)
		up := false
		look := func(effects []Effect) {
			for _, e := range effects {
				if c, ok := e.(Change); ok {
					if c.Up == up {
						t.Fatal("told twice")
					}
					up = c.Up
				}
			}
		}
		look(s.Advance(now))
		for _, x := range b {
			now = now.Add(time.Duration(x>>4) * 20 * time.Millisecond)
			for range 3 {
				if at := s.Due(); !at.IsZero() && !now.Before(at) {
					look(s.Advance(now))
				}
			}
			if at := s.Due(); !at.IsZero() && now.After(at) {
				t.Fatalf("due at %v, %v ago", at, now.Sub(at))
			}
			look(s.Receive(&packet.Packet{
				State: packet.State(x & 3), Poll: x&4 != 0, Final: x&12 == 8, My: 7, Multiplier: 1 + x>>6, MinTx: time.Duration(x) * time.Millisecond,
				MinRx: time.Duration(x>>5) * time.Millisecond,
			}, now))
		}
	})
}
