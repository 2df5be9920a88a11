package upstream

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var t0 = time.Unix(1_000_000, 0)

// group makes a group of servers a, b, c ... at 127.0.0.1:1, :2 ... with the
// weights given; change may say more of them.
func group(t testing.TB, b Balancer, change func(servers []Server), weights ...int) *Group {
	t.Helper()
	servers := make([]Server, len(weights))
	for i, w := range weights {
		addr := TCPAddr(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(i+1)))
		servers[i] = Server{Name: string(rune('a' + i)), Addrs: []Addr{addr}, Weight: w, MaxFails: 1, FailTimeout: 10 * time.Second}
	}
	if change != nil {
		change(servers)
	}
	return NewGroup("g", servers, b)
}

// try is one request: it takes a peer, gives it back with the result, and
// returns the server's name, "-" for none.
func try(g *Group, now time.Time, result Result, set ...func(*Selection)) string {
	var s Selection
	for _, f := range set {
		f(&s)
	}
	s.Start(g)
	p := s.Next(now)
	if p == nil {
		return "-"
	}
	s.Free(result, now)
	return p.Server
}

func sequence(g *Group, n int, now time.Time) string {
	var names []string
	for range n {
		names = append(names, try(g, now, Worked))
	}
	return strings.Join(names, "")
}

func TestRoundRobinIsSmooth(t *testing.T) {
	for _, c := range []struct {
		weights []int
		want    string
	}{
		{[]int{1, 1, 1}, "abcabc"},
		{[]int{5, 1, 1}, "aabacaaaabacaa"},
		{[]int{2, 1}, "abaaba"},
		{[]int{3}, "aaaa"},
	} {
		if got := sequence(group(t, RoundRobin{}, nil, c.weights...), len(c.want), t0); got != c.want {
			t.Errorf("weights %v: %s, want %s", c.weights, got, c.want)
		}
	}
}

// Over as many turns as the sum of the weights every peer gets as many as its
// own weight, whatever the weights.
func TestRoundRobinIsFair(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		weights, total := make([]int, 2+r.IntN(6)), 0
		for i := range weights {
			weights[i] = 1 + r.IntN(9)
			total += weights[i]
		}
		got := sequence(group(t, RoundRobin{}, nil, weights...), 3*total, t0)
		for i, w := range weights {
			if n := strings.Count(got, string(rune('a'+i))); n != 3*w {
				t.Fatalf("weights %v: %c came %d times in %s, want %d", weights, 'a'+i, n, got, 3*w)
			}
		}
	}
}

func TestFailures(t *testing.T) {
	g := group(t, RoundRobin{}, func(s []Server) { s[0].MaxFails = 2 }, 1, 1)
	for i, want := range []string{"a", "b", "a"} {
		result := Worked
		if want == "a" {
			result = Failed
		}
		if got := try(g, t0, result); got != want {
			t.Fatalf("try %d went to %s, want %s", i, got, want)
		}
	}
	if got := sequence(g, 4, t0.Add(10*time.Second)); got != "bbbb" {
		t.Errorf("within fail_timeout: %s, want b only", got)
	}
	// After fail_timeout one request tries whether a is back, and the others
	// wait for its result.
	later := t0.Add(11 * time.Second)
	var probe Selection
	probe.Start(g)
	for probe.Next(later).Server != "a" {
		probe.Free(Worked, later)
		probe.Start(g)
	}
	if got := sequence(g, 3, later); got != "bbb" {
		t.Errorf("while a is probed: %s, want b only", got)
	}
	probe.Free(Worked, later)
	if got := sequence(g, 8, later); !strings.Contains(got, "a") {
		t.Errorf("after the probe worked: %s, want a too", got)
	}
}

// The only peer is never out of service, and a request tries it once.
func TestOnlyPeer(t *testing.T) {
	g := group(t, RoundRobin{}, nil, 1)
	for range 3 {
		var s Selection
		s.Start(g)
		if s.Next(t0) == nil {
			t.Fatal("the only peer is out of service")
		}
		if s.Free(Failed, t0) || s.Tries != 0 {
			t.Fatalf("disabled, or %d tries left", s.Tries)
		}
	}
}

func TestBackupAndDown(t *testing.T) {
	g := group(t, RoundRobin{}, func(s []Server) { s[1].Down, s[2].Backup, s[3].Backup = true, true, true }, 1, 1, 1, 1)
	var s Selection
	s.Start(g)
	if s.Tries != 3 {
		t.Errorf("%d tries, want 3: those that are not down", s.Tries)
	}
	var got string
	for p := s.Next(t0); p != nil; p = s.Next(t0) {
		got += p.Server
		s.Free(Failed, t0)
	}
	if got != "acd" || s.Tries != 0 {
		t.Errorf("tried %s with %d tries left, want acd and 0", got, s.Tries)
	}
}

func TestMaxConns(t *testing.T) {
	for _, b := range []Balancer{RoundRobin{}, LeastConn{}, Hash{}, ConsistentHash{}, IPHash{}, LeastTime{}, Random{Dice: rand.IntN}} {
		g := group(t, b, func(s []Server) { s[0].MaxConns, s[1].MaxConns = 2, 1 }, 1, 1)
		var taken []*Selection
		for range 4 {
			s := &Selection{Key: []byte("k"), Client: netip.MustParseAddr("192.0.2.1")}
			s.Start(g)
			if s.Next(t0) != nil {
				taken = append(taken, s)
			}
		}
		if len(taken) != 3 {
			t.Errorf("%T: %d requests were taken, want 3", b, len(taken))
			continue
		}
		taken[0].Free(Worked, t0)
		s := &Selection{Key: []byte("k")}
		if s.Start(g); s.Next(t0) == nil {
			t.Errorf("%T: no peer after one was given back", b)
		}
	}
}

// The dumb reference of least_conn: the least load per weight of all.
func TestLeastConn(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	weights := []int{1, 2, 3, 5}
	g := group(t, LeastConn{}, nil, weights...)
	var busy []*Selection
	for range 500 {
		if len(busy) > 0 && r.IntN(2) == 0 {
			i := r.IntN(len(busy))
			busy[i].Free(Worked, t0)
			busy = append(busy[:i], busy[i+1:]...)
			continue
		}
		load := func(p *Peer) float64 { return float64(p.conns) / float64(p.weight) }
		least := load(g.primary.peers[0])
		for _, p := range g.primary.peers {
			least = min(least, load(p))
		}
		before := make(map[*Peer]float64)
		for _, p := range g.primary.peers {
			before[p] = load(p)
		}
		s := new(Selection)
		s.Start(g)
		if p := s.Next(t0); before[p] != least {
			t.Fatalf("chose %s with a load of %v, the least is %v", p.Server, before[p], least)
		}
		busy = append(busy, s)
	}
}

// With all loads equal, least_conn and least_time are round robin.
func TestEqualLoadsTakeTurns(t *testing.T) {
	for _, b := range []Balancer{LeastConn{}, LeastTime{}} {
		if got := sequence(group(t, b, nil, 1, 1, 1), 6, t0); got != "abcabc" {
			t.Errorf("%T: %s, want abcabc", b, got)
		}
	}
}

func keyed(key string) func(*Selection) { return func(s *Selection) { s.Key = []byte(key) } }

// The choices of Cache::Memcached's hash for keys 0 to 9 and three equal
// servers, worked out from its definition: (crc32(key) >> 16 & 0x7fff) mod 3.
func TestHashByDefinition(t *testing.T) {
	g := group(t, Hash{}, nil, 1, 1, 1)
	for i := range 100 {
		key := fmt.Sprint("key-", i)
		want := string(rune('a' + crcBitwise(key)>>16&0x7fff%3))
		if got := try(g, t0, Worked, keyed(key)); got != want {
			t.Errorf("%s went to %s, want %s", key, got, want)
		}
	}
}

// crcBitwise is CRC-32 one bit at a time.
func crcBitwise(s string) uint32 {
	crc := ^uint32(0)
	for i := range len(s) {
		crc ^= uint32(s[i])
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0xedb88320
			} else {
				crc >>= 1
			}
		}
	}
	return ^crc
}

// A server that goes takes only its own keys along.
func TestConsistentHashMovesLittle(t *testing.T) {
	all := group(t, ConsistentHash{}, nil, 1, 1, 1, 1)
	fewer := group(t, ConsistentHash{}, func(s []Server) { s[2].Down = true }, 1, 1, 1, 1)
	counts := make(map[string]int)
	for i := range 4000 {
		key := keyed(fmt.Sprint(i))
		before, after := try(all, t0, Worked, key), try(fewer, t0, Worked, key)
		counts[before]++
		if before != "c" && before != after {
			t.Fatalf("key %d moved from %s to %s when c went", i, before, after)
		}
	}
	for name, n := range counts {
		if n < 700 || n > 1300 {
			t.Errorf("%s has %d of 4000 keys", name, n)
		}
	}
}

func TestHashFallsBack(t *testing.T) {
	for _, b := range []Balancer{Hash{}, ConsistentHash{}} {
		g := group(t, b, nil, 1, 1, 1)
		home := try(g, t0, Failed, keyed("k"))
		away := try(g, t0, Worked, keyed("k"))
		if away == home || away == "-" {
			t.Errorf("%T: went to %s although it is out of service", b, away)
		}
		if back := try(g, t0.Add(time.Minute), Worked, keyed("k")); back != home {
			t.Errorf("%T: went to %s later, want %s", b, back, home)
		}
		if got := sequence(g, 3, t0.Add(time.Hour)); !strings.Contains(got, "a") || !strings.Contains(got, "b") || !strings.Contains(got, "c") {
			t.Errorf("%T: without a key %s, want each in turn", b, got)
		}
	}
}

func TestIPHash(t *testing.T) {
	g := group(t, IPHash{}, nil, 1, 1, 1)
	from := func(ip string) string {
		return try(g, t0, Worked, func(s *Selection) { s.Client = netip.MustParseAddr(ip) })
	}
	seen := make(map[string]bool)
	for i := range 50 {
		net := fmt.Sprintf("10.1.%d.", i)
		one := from(net + "1")
		seen[one] = true
		if other := from(net + "200"); other != one {
			t.Errorf("%s0/24 goes to %s and %s", net, one, other)
		}
	}
	if len(seen) != 3 {
		t.Errorf("50 networks use only %v", seen)
	}
	// 192.168.1.*: ((89*113+192)%6271*113+168)%6271... by the definition.
	hash := 89
	for _, b := range []int{192, 168, 1} {
		hash = (hash*113 + b) % 6271
	}
	if got, want := from("192.168.1.77"), string(rune('a'+hash%3)); got != want {
		t.Errorf("192.168.1.77 goes to %s, want %s", got, want)
	}
}

func TestRandomTwoTakesTheBetter(t *testing.T) {
	throws := []int{0, 1, 1, 0, 2, 0}
	dice := func(n int) int {
		v := throws[0]
		throws = append(throws[1:], v)
		return v % n
	}
	g := group(t, Random{Two: true, Dice: dice}, nil, 1, 1, 1)
	g.primary.peers[0].conns = 5
	for range 3 {
		if got := try(g, t0, Worked); got == "a" {
			t.Errorf("chose a, the busier of two")
		}
	}
}

func TestLeastTimePrefersTheFaster(t *testing.T) {
	g := group(t, LeastTime{Header: true}, nil, 1, 1)
	for range 10 {
		var s Selection
		s.Start(g)
		p := s.Next(t0)
		took := 10 * time.Millisecond
		if p.Server == "a" {
			took = 500 * time.Millisecond
		}
		s.HeaderReceived(t0.Add(took))
		s.Free(Worked, t0.Add(took))
	}
	if got := sequence(g, 5, t0); got != "bbbbb" {
		t.Errorf("got %s, want b only: a is slow", got)
	}
	if w := g.primary.peers[0].latency.waiting; w != 0 {
		t.Errorf("%d requests of a still count as waiting", w)
	}
}

func TestSlowStart(t *testing.T) {
	g := group(t, RoundRobin{}, func(s []Server) { s[0].SlowStart = 100 * time.Second }, 10, 10)
	for try(g, t0, Failed) != "a" {
	}
	g.primary.peers[1].fails = 0
	back := t0.Add(11 * time.Second)
	for try(g, back, Worked) != "a" {
	}
	share := func(now time.Time) int {
		return strings.Count(sequence(g, 200, now), "a")
	}
	if early, late := share(back.Add(20*time.Second)), share(back.Add(200*time.Second)); early >= 50 || late < 95 {
		t.Errorf("a gets %d of 200 while it starts slowly, %d afterwards", early, late)
	}
}

func TestBoundRequests(t *testing.T) {
	for _, b := range []Balancer{RoundRobin{}, LeastConn{}, Hash{}, ConsistentHash{}, IPHash{}, LeastTime{}, Random{Dice: rand.IntN}, Random{Two: true, Dice: rand.IntN}} {
		g := group(t, b, func(s []Server) {
			s[0].Route, s[1].Route, s[2].Route = "r1", "r2", "r3"
			s[1].Drain = true
		}, 1, 1, 1)
		to := func(sid string) string {
			return try(g, t0, Worked, func(s *Selection) { s.Hint, s.Key = []byte(sid), []byte("k") })
		}
		for range 5 {
			if got := to("r2"); got != "b" {
				t.Errorf("%T: a request bound to b went to %s", b, got)
			}
			if got := to("unknown"); got == "b" {
				t.Errorf("%T: a request not bound to b went there although it drains", b)
			}
		}
	}
	if got, want := addressSID("127.0.0.1:80"), "cef54f47984626c9efbf070c50bfad1b"; got != want {
		t.Errorf("the SID of an address is %q, want %q, its MD5", got, want)
	}
}

func TestResolved(t *testing.T) {
	servers := []Server{{Name: "h:80", Weight: 1, MaxFails: 1, FailTimeout: time.Second}}
	g := NewGroup("g", servers, nil)
	if got := try(g, t0, Worked); got != "-" {
		t.Errorf("without an address the request went to %s", got)
	}
	addr := func(s string) Resolved { return Resolved{Addr: netip.MustParseAddrPort(s)} }
	names := func() (out []string) {
		for _, p := range g.Peers() {
			out = append(out, p.Name)
		}
		return out
	}
	g.Resolved(&servers[0], []Resolved{addr("10.0.0.1:80"), addr("10.0.0.2:80")})
	first := g.Peers()[0]
	g.Resolved(&servers[0], []Resolved{addr("10.0.0.3:80"), addr("10.0.0.1:80")})
	if got := fmt.Sprint(names()); got != "[10.0.0.1:80 10.0.0.3:80]" || g.Peers()[0] != first {
		t.Errorf("peers %s, want the known one first, itself", got)
	}
	backup := addr("10.0.0.9:81")
	backup.Name, backup.Weight, backup.Backup = "x", 3, true
	service := addr("10.0.0.8:81")
	service.Name, service.Weight = "y", 0
	g.Resolved(&servers[0], []Resolved{service, backup})
	if g.backup == nil || g.backup.peers[0].weight != 3 || g.primary.peers[0].weight != 1 {
		t.Errorf("service: primary %v, backup %v", g.primary, g.backup)
	}
	if got := g.AddressesOf(&servers[0]); len(got) != 2 || got[1] != backup {
		t.Errorf("addresses %v", got)
	}
	g.Resolved(&servers[0], nil)
	if len(g.Peers()) != 0 {
		t.Errorf("peers %v, want none", names())
	}
}
