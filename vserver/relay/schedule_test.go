package relay

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"tandem/vserver/table"
)

// destinations has one for each weight, called a, b, c ...
func destinations(weights ...uint32) (list []*destination) {
	for i, w := range weights {
		a := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 80)
		list = append(list, &destination{Destination: table.Destination{Address: a, Weight: w}})
	}
	return list
}

// picks returns who is chosen, one after the other; those whose turn it is keep the
// connection.
func picks(scheduler string, list []*destination, times int) string {
	m, _ := pickers(scheduler)
	pick := m(list, &table.Service{})
	var b strings.Builder
	for i := range times {
		client := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 1000)
		d := pick(client, func(d *destination) bool { return d.Weight > 0 && !d.overloaded })
		b.WriteByte(letter(list, d))
		if d != nil {
			d.active++
		}
	}
	return b.String()
}

func letter(list []*destination, d *destination) byte {
	for i, one := range list {
		if one == d {
			return 'a' + byte(i)
		}
	}
	return '-'
}

// Who is chosen, as the kernel's schedulers do.
func TestSchedulers(t *testing.T) {
	for _, c := range []struct {
		scheduler string
		weights   []uint32
		want      string
	}{
		{"rr", []uint32{1, 5, 0, 1}, "abdabdab"},
		{"rr", []uint32{0, 0}, "--"},
		{"rr", nil, "-"},
		{"wrr", []uint32{4, 3, 2}, "aababcabcaababcabc"},
		{"wrr", []uint32{4, 2}, "aabaab"},
		{"wrr", []uint32{0, 1}, "bb"},
		{"wrr", []uint32{0}, "-"},
		{"lc", []uint32{1, 9, 0, 1}, "abdabd"},
		{"wlc", []uint32{1, 2}, "abbabb"},
		{"sed", []uint32{1, 4}, "bbbabbbb"},
		{"nq", []uint32{1, 4}, "abbb"},
		{"fo", []uint32{1, 4, 0}, "bbb"},
		{"ovf", []uint32{1, 2, 0}, "bba-"},
		{"lblc", []uint32{1, 1}, "abab"},
		{"none", []uint32{1, 1}, "abab"},
	} {
		if got := picks(c.scheduler, destinations(c.weights...), len(c.want)); got != c.want {
			t.Errorf("%s of %v: %s, want %s", c.scheduler, c.weights, got, c.want)
		}
	}
}

// Whatever the weights, wrr serves in proportion, and nobody is left out.
func TestWeightedShares(t *testing.T) {
	for _, weights := range [][]uint32{{1, 1}, {7, 3, 5}, {100, 1}, {6, 4, 2}, {65535, 1}} {
		sum := uint32(0)
		for _, w := range weights {
			sum += w
		}
		got := picks("wrr", destinations(weights...), int(sum))
		for i, w := range weights {
			if n := strings.Count(got, string(rune('a'+i))); n != int(w) {
				t.Errorf("%v: %c has %d of %d", weights, 'a'+i, n, sum)
			}
		}
	}
}

// A hash of the client keeps to one, spreads clients by weight, and mh moves few of
// them when one goes.
func TestHashes(t *testing.T) {
	for _, scheduler := range []string{"sh", "mh"} {
		list := destinations(3, 1, 1, 1)
		m, _ := pickers(scheduler)
		pick := m(list, &table.Service{})
		may := func(d *destination) bool { return d.Weight > 0 }
		count := map[*destination]int{}
		var before []*destination
		client := func(i int) netip.AddrPort {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), uint16(i))
		}
		const clients = 6000
		for i := range clients {
			d := pick(client(i), may)
			if again := pick(netip.AddrPortFrom(client(i).Addr(), 7), may); again != d {
				t.Fatalf("%s: a client goes to two", scheduler)
			}
			before = append(before, d)
			count[d]++
		}
		for _, d := range list {
			if want := clients / 6 * int(d.Weight); count[d] < want*7/10 || count[d] > want*13/10 {
				t.Errorf("%s: weight %d has %d of %d clients", scheduler, d.Weight, count[d], clients)
			}
		}
		moved := 0
		pick = m(list[:3], &table.Service{})
		for i := range clients {
			if d := pick(client(i), may); d != before[i] && before[i] != list[3] {
				moved++
			}
		}
		if scheduler == "mh" && moved > clients/5 {
			t.Errorf("%d of %d clients of others move when one goes", moved, clients)
		}
		// Who may not be used is not, and only with the flag somebody else is.
		pick = m(list, &table.Service{})
		out := func(d *destination) bool { return d != before[0] }
		if d := pick(client(0), out); d != nil {
			t.Errorf("%s: somebody else without the flag", scheduler)
		}
		pick = m(list, &table.Service{Flags: table.HashFallback})
		if d := pick(client(0), out); d == nil || d == before[0] {
			t.Errorf("%s: nobody else with the flag", scheduler)
		}
		pick = m(list, &table.Service{Flags: table.HashPort})
		seen := map[*destination]bool{}
		for port := range uint16(200) {
			seen[pick(netip.AddrPortFrom(client(0).Addr(), port), may)] = true
		}
		if len(seen) != len(list) {
			t.Errorf("%s: ports go to %d", scheduler, len(seen))
		}
	}
	if got := picks("sh", nil, 1) + picks("dh", nil, 1) + picks("mh", nil, 1) + picks("mh", destinations(0), 1) + picks("twos", nil, 1); got != "-----" {
		t.Errorf("nobody to choose from: %s", got)
	}
	if got := picks("dh", destinations(1, 1, 1), 4); got != strings.Repeat(got[:1], 4) {
		t.Errorf("dh: %s", got)
	}
}

// The kernel's table for sh has each in a row as often as its weight says: 256
// places, of which the hash of an address takes one.
func TestSourceHashPlaces(t *testing.T) {
	for _, c := range []struct {
		addr string
		want int
	}{{"0.0.0.0", 0}, {"0.0.0.1", 0x61}, {"192.0.2.1", int(uint32(0xc0000201*0x61c88647&0xffffffff) >> 24)}, {"::1", 0x61}} {
		if got := bucket(netip.MustParseAddr(c.addr), 0); got != c.want {
			t.Errorf("%s: place %d, want %d", c.addr, got, c.want)
		}
	}
}

func TestTwoChoices(t *testing.T) {
	list := destinations(1, 1, 0)
	got := picks("twos", list, 1000)
	if a, b := strings.Count(got, "a"), strings.Count(got, "b"); a+b != 1000 || a < 450 || a > 550 {
		t.Errorf("%d and %d of 1000", a, b)
	}
}

// client is one by its last octet.
func client(n byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, n}), uint16(n)+1)
}

// newService1 is a service without a socket.
func newService1(conf table.Service) *service {
	s := &service{engine: New(Options{}), key: conf.Key}
	s.set(&conf)
	return s
}

func conf(scheduler string, weights ...uint32) table.Service {
	s := table.Service{Scheduler: scheduler, Key: table.Key{Protocol: table.TCP, Address: netip.MustParseAddrPort("192.0.2.100:80")}}
	for _, d := range destinations(weights...) {
		s.Destinations = append(s.Destinations, d.Destination)
	}
	return s
}

// A destination with as many connections as its upper threshold gets no more until
// there are fewer than the lower one.
func TestThresholds(t *testing.T) {
	c := conf("rr", 1, 1)
	c.Destinations[0].Upper, c.Destinations[0].Lower = 3, 2
	s := newService1(c)
	trace := ""
	open := func(n int) {
		for range n {
			trace += string(letter(s.dests, s.choose(client(1), nil, at(0))))
		}
	}
	open(9)
	s.free(s.dests[0], nil)
	open(2) // two are not fewer than two
	s.free(s.dests[0], nil)
	open(3)
	c.Destinations[0].Upper = 100
	s.set(&c)
	open(4)
	if want := "abababbbb" + "bb" + "aba" + "baba"; trace != want && trace != strings.Replace(want, "baba", "abab", 1) {
		t.Error(trace)
	}
}

// Clients stay with their destination for as long as the service says, also when it
// has no weight any more; not when it is gone.
func TestPersistence(t *testing.T) {
	c := conf("rr", 1, 1, 1)
	c.Persistence, c.Mask = 60e9, 0xffffff00
	s := newService1(c)
	choose := func(who netip.AddrPort, second int) string {
		return string(letter(s.dests, s.choose(who, nil, at(second))))
	}
	other := netip.MustParseAddrPort("198.51.100.9:5")
	got := choose(client(1), 0) + choose(client(2), 1) + choose(other, 2) + choose(client(3), 60) + choose(client(1), 119)
	c.Destinations[0].Weight = 0
	s.set(&c)
	got += choose(client(1), 150)
	st := s.stats(at(151))
	got += fmt.Sprint(st.Destinations[0].Persistent, st.Destinations[1].Persistent)
	got += choose(client(1), 300)
	if got != "aabaa"+"a"+"1 0"+"b" && got != "aabaa"+"a"+"1 0"+"c" {
		t.Error(got)
	}
	who := choose(other, 301)
	c.Destinations = c.Destinations[:1]
	c.Destinations[0].Weight = 1
	s.set(&c)
	if again := choose(other, 302); again != "a" {
		t.Errorf("%s, then %s", who, again)
	}
}
