package peerlink

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The nodes of a test are addresses of the loopback interface. All of them hear
// each other in VRRP, unless they are deaf.
const iface = "lo"

var (
	addrA = netip.MustParseAddr("127.0.0.71")
	addrB = netip.MustParseAddr("127.0.0.72")
	addrC = netip.MustParseAddr("127.0.0.73")
)

// air is what carries the VRRP packets of a test.
type air struct {
	mu    sync.Mutex
	heard map[netip.Addr]time.Time
	deaf  bool // nobody hears an introduction
}

func (a *air) speak(from netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.heard[from] = time.Now()
}

// node is a Link whose events are lines.
type node struct {
	*Link
	air    *air
	addr   netip.Addr
	config Instance
	events chan string
}

// Heard implements VRRP.
func (n *node) Heard(_ string, a netip.Addr) time.Time {
	n.air.mu.Lock()
	defer n.air.mu.Unlock()
	return n.air.heard[a]
}

// Introduce implements VRRP.
func (n *node) Introduce(string) {
	if !n.air.deaf {
		n.air.speak(n.addr)
	}
	n.event("introduced")
}

func (n *node) event(format string, args ...any) {
	select {
	case n.events <- fmt.Sprintf(format, args...):
	default:
	}
}

// segment is some nodes that share a port.
type segment struct {
	air  *air
	port uint16
}

// newSegment finds a port that is free on all addresses.
func newSegment(t *testing.T) *segment {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return &segment{&air{heard: map[netip.Addr]time.Time{}}, uint16(l.Addr().(*net.TCPAddr).Port)}
}

// start makes a node; change edits its instance.
func (w *segment) start(t *testing.T, name string, addr netip.Addr, change ...func(*Instance)) *node {
	t.Helper()
	n := &node{air: w.air, addr: addr, events: make(chan string, 256)}
	n.Link = Start(TCP{}, n, Events{
		Gone: func(i string, a netip.Addr, others []netip.Addr, why string) {
			n.event("gone %s %s others=%v: %s", i, a, others, why)
		},
		Peer: func(i string, a netip.Addr, info *Info) {
			if info == nil {
				n.event("left %s", i)
				return
			}
			n.event("peer %s %s %d %s", i, info.Node, len(info.Backups), info.Health)
		},
		Handover: func(i string, a netip.Addr, h Handover) {
			n.event("handover %s %s %s %d %v %s", i, a, h.Step, h.Bound, h.Hardware, h.Text)
		},
		Keep: func(name string, content []byte) { n.event("keep %s %.10q", name, content) },
		Log:  func(i, text string) { n.event("log %s %s", i, text) },
	})
	t.Cleanup(n.Close)
	n.Tell("VI", Info{Node: name, Handover: true, Digest: map[string]string{"nginx.conf": name}})
	n.config = Instance{Name: "VI", VRID: 51, Port: w.port, Interface: iface}
	for _, f := range change {
		f(&n.config)
	}
	n.Source("VI", addr)
	n.Configure([]Instance{n.config})
	return n
}

// follow has a backup hear a master.
func (n *node) follow(t *testing.T, master *node) {
	t.Helper()
	n.air.speak(master.addr)
	n.Follow("VI", master.addr)
}

// until waits for an event that begins with text.
func (n *node) until(t *testing.T, text string) string {
	t.Helper()
	timeout := time.After(10 * time.Second)
	var seen []string
	for {
		select {
		case e := <-n.events:
			if strings.HasPrefix(e, text) {
				return e
			}
			seen = append(seen, e)
		case <-timeout:
			t.Fatalf("no %q, only %q", text, seen)
		}
	}
}

// untilRefused waits until a node has refused somebody for the reason.
func (n *node) untilRefused(t *testing.T, why refusal, least uint64) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); n.Refused()[string(why)] < least; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("refused: %v, not %d for %q", n.Refused(), least, why)
		}
	}
}

func TestMasterDies(t *testing.T) {
	for name, change := range map[string][]func(*Instance){"open": nil, "with a key": {secret(1)}} {
		t.Run(name, func(t *testing.T) {
			w := newSegment(t)
			master, backup := w.start(t, "m", addrA, change...), w.start(t, "b", addrB, change...)
			backup.follow(t, master)
			backup.until(t, "introduced")
			backup.until(t, "peer VI m")
			master.until(t, "peer VI b")
			sessions := backup.Sessions()
			if len(sessions) != 1 || !sessions[0].Master || sessions[0].Secure != (change != nil) ||
				fmt.Sprint(Differences(sessions[0].Info.Digest, map[string]string{"nginx.conf": "b"})) != "[nginx.conf]" {
				t.Errorf("sessions: %+v", sessions)
			}
			master.Tell("VI", Info{Node: "m", Health: "no answer"})
			backup.until(t, "peer VI m 1 no answer")
			master.Close()
			if got := backup.until(t, "gone"); got != "gone VI 127.0.0.71 others=[127.0.0.72]: its connection ended and a new one is refused" {
				t.Errorf("got %q", got)
			}
		})
	}
}

// A master tells its followers of each other: who is the best of them is known
// by what was heard of them.
func TestFollowersOfOne(t *testing.T) {
	w := newSegment(t)
	master, b, c := w.start(t, "m", addrA), w.start(t, "b", addrB), w.start(t, "c", addrC)
	b.follow(t, master)
	c.follow(t, master)
	b.until(t, "peer VI m 2")
	c.until(t, "peer VI m 2")
	master.Close()
	for _, n := range []*node{b, c} {
		if got := n.until(t, "gone"); !strings.Contains(got, "others=[127.0.0.72 127.0.0.73]") {
			t.Errorf("got %q", got)
		}
	}
}

// The conversation about a handover goes both ways and keeps its order.
func TestHandover(t *testing.T) {
	w := newSegment(t)
	master, backup := w.start(t, "m", addrA), w.start(t, "b", addrB)
	if err := backup.Send("VI", addrA, Handover{Step: Ask}); !errors.Is(err, ErrNoPeer) {
		t.Errorf("without a connection: %v", err)
	}
	backup.follow(t, master)
	backup.until(t, "peer VI m")
	master.until(t, "peer VI b")
	send := func(n *node, to netip.Addr, h Handover) {
		t.Helper()
		if err := n.Send("VI", to, h); err != nil {
			t.Fatal(err)
		}
	}
	send(backup, addrA, Handover{Step: Ask})
	master.until(t, "handover VI 127.0.0.72 ask 0 map[] ")
	send(master, addrB, Handover{Step: Prepare, Bound: 5000})
	send(master, addrB, Handover{Step: Take})
	backup.until(t, "handover VI 127.0.0.71 prepare 5000 map[] ")
	backup.until(t, "handover VI 127.0.0.71 take 0 map[] ")
	send(backup, addrA, Handover{Step: Ready, Hardware: map[netip.Addr]string{addrA: "02:00:00:00:00:01"}, Text: "here"})
	master.until(t, "handover VI 127.0.0.72 ready 0 map[127.0.0.71:02:00:00:00:00:01] here")
	if err := backup.Send("VI", addrA, Handover{Step: Take}); !errors.Is(err, ErrNoPeer) {
		t.Errorf("a backup says take: %v", err)
	}
}

func TestAnotherProcessAnswers(t *testing.T) {
	w := newSegment(t)
	master, backup := w.start(t, "m", addrA), w.start(t, "b", addrB)
	backup.follow(t, master)
	backup.until(t, "peer VI m")
	// The new process listens before the old one's connection ends.
	master.mu.Lock()
	for p, nl := range master.listeners {
		_ = nl.Close()
		delete(master.listeners, p)
	}
	master.mu.Unlock()
	w.start(t, "m2", addrA)
	master.Close()
	if got := backup.until(t, "gone"); !strings.Contains(got, "another process") {
		t.Errorf("got %q", got)
	}
}

// A node that never had a link gives no proof when it cannot be reached.
func TestNoLinkNoProof(t *testing.T) {
	w := newSegment(t)
	b := w.start(t, "b", addrB)
	f := &follower{link: b.Link, instance: &b.config, master: addrA, from: Place{iface, addrB, w.port}}
	if gone, _, _ := f.once(t.Context()); gone {
		t.Error("a refused first connection is taken for a death")
	}
}

// A configuration or an address that makes the connection impossible is no death,
// although the next connection is refused.
func TestReconfigured(t *testing.T) {
	for name, change := range map[string]func(m *node){
		"the link is off": func(m *node) { m.Configure(nil) },
		"another port": func(m *node) {
			m.config.Port++
			m.Configure([]Instance{m.config})
		},
		"no address": func(m *node) { m.Source("VI", netip.Addr{}) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newSegment(t)
			master, backup := w.start(t, "m", addrA), w.start(t, "b", addrB)
			backup.follow(t, master)
			backup.until(t, "peer VI m")
			change(master)
			backup.until(t, "left VI")
			for end := time.Now().Add(2 * urgent); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				select {
				case e := <-backup.events:
					if strings.HasPrefix(e, "gone") {
						t.Fatal(e)
					}
				default:
				}
			}
		})
	}
}

// A reload that changes nothing ends no connection; a new key does, and the next
// connection has it.
func TestReload(t *testing.T) {
	w := newSegment(t)
	master, backup := w.start(t, "m", addrA, secret(1)), w.start(t, "b", addrB, secret(1))
	backup.follow(t, master)
	backup.until(t, "peer VI m")
	master.until(t, "peer VI b")
	since := backup.Sessions()[0].Since
	for _, n := range []*node{master, backup} {
		same := n.config
		same.Key = NewKey([SecretLen]byte{1})
		n.Configure([]Instance{same})
	}
	if s := backup.Sessions(); len(s) != 1 || s[0].Since != since {
		t.Fatalf("after a reload: %+v", s)
	}
	for _, n := range []*node{master, backup} {
		n.config.Key = NewKey([SecretLen]byte{2})
		n.Configure([]Instance{n.config})
	}
	backup.until(t, "left VI")
	backup.until(t, "peer VI m")
	if s := backup.Sessions(); len(s) != 1 || !s[0].Secure || s[0].Since == since {
		t.Errorf("with another key: %+v", s)
	}
}

// Packets from another network do not arrive with TTL 255.
func TestTTL(t *testing.T) {
	w := newSegment(t)
	master := w.start(t, "m", addrA)
	w.air.speak(addrC)
	c, err := w.dial(t, addrC, addrA, hopLimit-1)
	if err == nil {
		_ = c.Close()
		t.Error("a connection with TTL 254 is answered")
	}
	if n := len(master.Refused()); n != 0 {
		t.Errorf("the process hears of it: %v", master.Refused())
	}
}

// The peers of a unicast instance have bounds of their own, and only they count.
func TestUnicastPeers(t *testing.T) {
	w := newSegment(t)
	peers := func(i *Instance) {
		i.Peers = []Peer{{addrA, 60, 255}, {addrB, 250, 252}}
	}
	master := w.start(t, "m", addrA, peers)
	for _, a := range []netip.Addr{addrB, addrC} {
		w.air.speak(a)
	}
	say := func(from netip.Addr, ttl int) net.Conn {
		c := w.raw(t, from, master, ttl)
		_, _ = c.Write([]byte(hello{version, linkID{51, false}, false}.String()))
		return c
	}
	silent(t, "no peer", say(addrC, 255))
	master.untilRefused(t, strangers, 1)
	silent(t, "too near", say(addrB, 255))
	silent(t, "too far", say(addrB, 249))
	master.untilRefused(t, tooFar, 2)
	backup := w.start(t, "b", addrB, peers, func(i *Instance) { i.TTL = 251 })
	backup.follow(t, master)
	master.until(t, "peer VI b")
	c, err := w.dial(t, addrB, addrA, 59)
	if err == nil {
		_ = c.Close()
		t.Error("further away than any peer, and answered")
	}
}

// A server may not say what a backup may: its master's follower hears nothing of
// it.
func TestParts(t *testing.T) {
	l := &Link{}
	for step, want := range map[Step][2]bool{ // heard by: who follows, who is followed
		Ask: {false, true}, Ready: {false, false}, Unable: {false, false},
		Refuse: {false, false}, Prepare: {true, false}, Take: {true, false}, Cancel: {true, false},
	} {
		for k, client := range []bool{true, false} {
			if got := l.due(&session{client: client, open: map[Step]bool{}}, step); got != want[k] {
				t.Errorf("%s, heard by one that follows %v: %v", step, client, got)
			}
		}
	}
	s := &session{client: true, open: map[Step]bool{Ask: true}}
	if !l.due(s, Refuse) || l.due(s, Refuse) {
		t.Error("an answer counts once")
	}
	s = &session{open: map[Step]bool{}}
	if !l.due(s, Ask) || l.due(s, Ask) {
		t.Error("who asks and asks is heard")
	}
}

// A backup whose introductions nobody hears has no link, says nothing, and does
// not send them without end.
func TestUnheard(t *testing.T) {
	w := newSegment(t)
	master, backup := w.start(t, "m", addrA), w.start(t, "b", addrB)
	w.air.deaf = true
	backup.follow(t, master)
	master.untilRefused(t, strangers, patience+1)
	n := 0
	for len(backup.events) > 0 {
		if e := <-backup.events; e != "introduced" {
			t.Errorf("event %q", e)
		}
		n++
	}
	if n == 0 || n > patience+1 {
		t.Errorf("%d introductions", n)
	}
	if slices.Contains([]int{len(master.Sessions()), len(backup.Sessions())}, 1) {
		t.Error("who is not heard has a session")
	}
}
