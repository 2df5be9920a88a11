package upstream

import (
	"net/netip"
	"testing"
	"time"
)

// The script is results of a check, one letter each: + it passed, - it failed;
// want is what it says of the peer after each: u up, x unhealthy, c checking.
func TestFindings(t *testing.T) {
	for _, c := range []struct {
		check        Check
		script, want string
	}{
		{Check{Fails: 1, Passes: 1}, "+-+--++", "uxuxxuu"},
		{Check{Fails: 3, Passes: 1}, "--+---+", "uuuuuxu"},
		{Check{Fails: 1, Passes: 2}, "-+-++-+", "xxxxuxx"},
		{Check{Fails: 2, Passes: 3}, "--++-+++", "uxxxxxxu"},
		{Check{Fails: 1, Passes: 3, Mandatory: true}, "+-+++", "uxxxu"},
		{Check{Fails: 3, Passes: 2, Mandatory: true}, "---++", "ccxxu"},
		{Check{Fails: 3, Passes: 2, Mandatory: true}, "--+-", "ccuu"},
	} {
		g := group(t, nil, nil, 1, 1)
		g.AddCheck(&c.check, nil)
		a := g.Peers()[0]
		got := ""
		last := a.findings[0].Health
		for i, letter := range c.script {
			now := t0.Add(time.Duration(i) * time.Second)
			reason := ""
			if letter == '-' {
				reason = "refused"
			}
			was, h := g.Found(&c.check, a, reason, now)
			if was != last {
				t.Errorf("%+v %s: at %d it was %v, not %v", c.check, c.script, i, last, was)
			}
			last = h
			got += string("ucx"[h])
			names := sequence(g, 2, now)
			if served := names != "bb"; c.check.Mandatory == false && served != (h == Healthy) {
				t.Errorf("%+v %s: at %d a is %v, and requests go to %s", c.check, c.script, i, h, names)
			}
		}
		if got != c.want {
			t.Errorf("%+v %s: %s, want %s", c.check, c.script, got, c.want)
		}
	}
}

// balancers are all that there are.
func balancers() map[string]Balancer {
	dice := func(n int) int { return n - 1 }
	return map[string]Balancer{
		"round robin": RoundRobin{}, "least_conn": LeastConn{}, "ip_hash": IPHash{}, "hash": Hash{}, "hash consistent": ConsistentHash{},
		"random": Random{Dice: dice}, "random two": Random{Two: true, Dice: dice}, "least_time": LeastTime{},
	}
}

// Whatever the balancer, unhealthy peers get nothing, not even requests that
// are bound to them, and the only peer of a group none either.
func TestUnhealthyPeersGetNothing(t *testing.T) {
	for name, b := range balancers() {
		g := group(t, b, nil, 1, 1, 1)
		c := &Check{Fails: 1, Passes: 1}
		g.AddCheck(c, nil)
		peers := g.Peers()
		g.Found(c, peers[2], "refused", t0)
		g.Found(c, peers[0], "refused", t0)
		sid := peers[2].SID
		for range 20 {
			got := try(g, t0, Worked, func(s *Selection) {
				s.Key, s.Client, s.Hint = []byte("k"), netip.MustParseAddr("192.0.2.7"), []byte(sid)
			})
			if got != "b" {
				t.Fatalf("%s: a request went to %s", name, got)
			}
		}
		g.Found(c, peers[1], "refused", t0)
		if got := try(g, t0, Worked); got != "-" || g.Serving() {
			t.Errorf("%s: without healthy peers a request went to %s", name, got)
		}
		alone := group(t, b, nil, 1)
		alone.AddCheck(&Check{Fails: 1, Passes: 1, Mandatory: true}, nil)
		if got := try(alone, t0, Worked); got != "-" {
			t.Errorf("%s: the only peer got a request before its first check", name)
		}
	}
}

// One check that fails is enough, and failures of requests are another matter.
func TestChecksAndFailuresAreIndependent(t *testing.T) {
	g := group(t, nil, nil, 1, 1)
	one, two := &Check{Fails: 1, Passes: 1}, &Check{Fails: 1, Passes: 1}
	g.AddCheck(one, nil)
	g.AddCheck(two, nil)
	a := g.Peers()[0]
	state := func() PeerState {
		peers, _ := g.Status(t0)
		return peers[0].State
	}
	g.Found(one, a, "status", t0)
	g.Found(two, a, "", t0)
	if got := state(); got != StateUnhealthy {
		t.Errorf("one check failed: %s", got)
	}
	g.Found(one, a, "", t0)
	if got := state(); got != StateUp {
		t.Errorf("both passed: %s", got)
	}
	var s Selection
	s.Start(g)
	if p := s.Next(t0); p != a || !s.Free(Failed, t0) {
		t.Fatal("a failure did not disable a")
	}
	g.Found(one, a, "", t0)
	if got := state(); got != StateUnavail {
		t.Errorf("a request failed: %s, although the check passed", got)
	}
}

func TestSlowStartAfterChecks(t *testing.T) {
	g := group(t, nil, func(s []Server) { s[0].SlowStart = 100 * time.Second }, 10, 10)
	c := &Check{Fails: 1, Passes: 1}
	g.AddCheck(c, nil)
	a := g.Peers()[0]
	g.Found(c, a, "refused", t0)
	g.Found(c, a, "", t0)
	for _, s := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {50 * time.Second, 5}, {100 * time.Second, 10}} {
		if got := a.share(t0.Add(s.after)); got != s.want {
			t.Errorf("%s after a recovery the weight is %d, want %d", s.after, got, s.want)
		}
	}
}

func TestReloadKeepsFindings(t *testing.T) {
	for _, c := range []struct {
		mandatory, persistent bool
		want                  string // of a peer that was unhealthy, one that was healthy, one never checked
	}{
		{false, false, "xuu"}, {true, false, "xcc"}, {true, true, "xuc"},
	} {
		before, after := group(t, nil, nil, 1, 1, 1), group(t, nil, nil, 1, 1, 1)
		old := &Check{Key: "k", Fails: 1, Passes: 1, Mandatory: c.mandatory}
		before.AddCheck(old, nil)
		before.Found(old, before.Peers()[0], "refused", t0)
		before.Found(old, before.Peers()[1], "", t0)
		after.AddCheck(&Check{Key: "other", Fails: 1, Passes: 1}, before)
		after.AddCheck(&Check{Key: "k", Fails: 1, Passes: 1, Mandatory: c.mandatory, Persistent: c.persistent}, before)
		got := ""
		for _, p := range after.Peers() {
			got += string("ucx"[p.findings[1].Health])
			if p.unhealthy != (p.findings[1].Health != Healthy) {
				t.Errorf("%+v: %s gets requests although it is %v", c, p.Name, p.findings[1].Health)
			}
		}
		if got != c.want {
			t.Errorf("%+v: %s, want %s", c, got, c.want)
		}
	}
}

// A peer that a name begins to stand for is new to the checks.
func TestChecksOfResolvedPeers(t *testing.T) {
	servers := []Server{{Name: "h:80", Weight: 1, MaxFails: 1}, {Name: "b", Addrs: []Addr{UnixAddr("/b")}, Weight: 1}}
	g := NewGroup("g", servers, nil)
	c := &Check{Fails: 1, Passes: 1, Mandatory: true}
	g.AddCheck(c, nil)
	g.Found(c, g.Peers()[0], "", t0)
	changed := g.Changed()
	select {
	case <-changed:
		t.Fatal("changed before anything did")
	default:
	}
	g.Resolved(&servers[0], []Resolved{{Addr: netip.MustParseAddrPort("192.0.2.1:80")}})
	select {
	case <-changed:
	default:
		t.Error("nobody was told of the new peer")
	}
	if got := sequence(g, 3, t0); got != "bbb" {
		t.Errorf("before its first check the new peer got requests: %s", got)
	}
	for _, p := range g.Peers() {
		g.Found(c, p, "", t0)
	}
	if got := sequence(g, 2, t0); got != "h:80b" && got != "bh:80" {
		t.Errorf("after it: %s", got)
	}
}
